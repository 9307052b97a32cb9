"""The API and its OpenAPI document say the same: generated requests, right and wrong ones, to a door that listens."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth

from linda_bot.connection.lifecycle import LinkState
from linda_bot.settings.values import HttpAddress
from linda_bot.web.access import Access
from linda_bot.web.gates import TcpGate
from linda_bot.web.openapi import document
from linda_bot.web.operations import OPERATIONS, PROBES
from tests.support.fake_front import FakeFront
from tests.support.served import served

pytestmark = pytest.mark.slow

TOKEN = "t" * 32
STREAM = "/api/v1/events"
AT_MOST = {"/api/v1/send": 20}
"""Of a kind; its long texts take long to make."""

OTHERS_AT_MOST, WANTED = 118, 2000
FEWER_AT_MOST, FEWER_WANTED = 36, 600
"""Without --all-faults."""

Answers = Counter[tuple[str, int]]
ENTRY = '[{"timestamp": "2026-02-07T08:00:00Z", "eventType": "connected", "by": "971505760056"}]'


class Door(NamedTuple):
    """A door that listens."""

    address: str
    front: FakeFront


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """The web page's door with a token, on a thread of its own."""
    front = FakeFront(tmp_path)
    front.job.paths.history.write_text(ENTRY)
    ticks = itertools.count(step=100)  # wrong tokens are so far apart that they are all looked at
    bound = HttpAddress("127.0.0.1", 8080)
    access = Access(token=TOKEN, key_file=tmp_path / "key", bound=bound, clock=lambda: next(ticks))
    is_up, addresses = threading.Event(), []
    loop, end = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with served(front, gate=TcpGate(access), invite=lambda: ("http://localhost/link?once=1", 900.0)) as asker:
            addresses.append(str(asker._base_url))
            is_up.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert is_up.wait(10)
    yield Door(addresses[0].rstrip("/"), front)
    loop.call_soon_threadsafe(end.set)
    thread.join()
    loop.close()


def document_at(door: Door) -> BaseSchema:
    """Return the document as one gets it who shows the token, then and with every request."""
    config = SchemathesisConfig.from_dict({"auth": {"openapi": {"bearer": {"bearer": TOKEN}}}})
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return schemathesis.openapi.from_url(f"{door.address}/api/v1/openapi.json", config=config, headers=headers)


def operations_of(schema: BaseSchema) -> list[APIOperation[Any, Any, Any, Any]]:
    """Return all that can be asked, but for the stream."""
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    return [operation for operation in found if operation.path != STREAM]


def test_generated_requests(door: Door, pytestconfig: pytest.Config) -> None:
    """Whatever is asked, the answer is one that the document has: its status, type, head and content.

    What the document allows is taken, and what it does not is refused.
    """
    at_most, wanted = FEWER_AT_MOST, FEWER_WANTED
    if pytestconfig.getoption("--all-faults"):
        at_most, wanted = OTHERS_AT_MOST, WANTED
    answers: Answers = Counter()
    operations = operations_of(document_at(door))
    session = requests.Session()
    for operation in operations:
        kinds = list(GenerationMode) if operation.query or operation.body else [GenerationMode.POSITIVE]
        for kind in kinds:
            play(operation, kind, answers, session, at_most)
    session.close()
    assert answers.total() >= wanted
    assert {status for _, status in answers} == {200, 400, 401, 409}
    taken = {path for path, status in answers if status == 200}
    assert taken == {operation.path for operation in operations} - {"/api/v1/logout"}


def play(
    operation: APIOperation[Any, Any, Any, Any],
    kind: GenerationMode,
    answers: Answers,
    session: requests.Session,
    at_most: int,
) -> None:
    """Ask one operation in many ways."""

    @settings(
        max_examples=AT_MOST.get(operation.path, at_most),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=kind))
    def ask(case: Case[Any]) -> None:
        response = case.call(session=session)
        answers[operation.path, response.status_code] += 1
        case.validate_response(response, excluded_checks=[ignored_auth])  # each path once is enough; see below

    ask()


def test_nothing_without_the_token(door: Door) -> None:
    """But the probes, whatever is shown instead."""
    refused = set()
    operations = operations_of(schemathesis.openapi.from_dict(document(OPERATIONS, PROBES)))
    for operation in operations:
        for said in ({}, {"Authorization": "Bearer " + "x" * 32}, {"Authorization": f"Basic {TOKEN}"}):
            case = operation.Case(headers=said)
            response = case.call(base_url=door.address)
            if response.status_code == 401:
                refused.add(operation.path)
                case.validate_response(response)
            else:
                assert (operation.path, response.status_code) in {("/healthz", 200), ("/readyz", 200)}
    assert refused == {operation.path for operation in operations} - {"/healthz", "/readyz"}
    assert door.front.sent == []


def test_the_document_is_one(door: Door) -> None:
    """As the OpenAPI initiative's own schema has it."""
    document_at(door).validate()


def test_what_is_wrong_with_the_bot_is_documented_too(door: Door) -> None:
    """The same answers from a bot that is not well."""
    door.front.grade = "unhealthy"
    door.front.link.state = LinkState.RECONNECTING
    for path in ("/api/v1/health", "/readyz"):
        (operation,) = (each for each in operations_of(document_at(door)) if each.path == path)
        case = operation.Case(headers={"Authorization": f"Bearer {TOKEN}"})
        response = case.call()
        assert response.status_code == 503
        case.validate_response(response, excluded_checks=[not_a_server_error])
