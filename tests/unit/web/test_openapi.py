"""The OpenAPI document: it has all that there is, and nothing else."""

import json
from typing import Any

import aiohttp
import pytest

from linda_bot.web.api import api_routes
from linda_bot.web.live import Live
from linda_bot.web.openapi import document
from linda_bot.web.operations import OPERATIONS, PROBES, PROBLEMS
from linda_bot.web.probes import probe_routes
from linda_bot.web.visitors import Right
from tests.support.fake_front import FakeFront

DOCUMENT = document(OPERATIONS, PROBES)


def described() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the document's operations by method and path."""
    return {(method.upper(), path): each for path, item in DOCUMENT["paths"].items() for method, each in item.items()}


async def test_every_route_is_described(front: FakeFront) -> None:
    """And every one that is described is there, with the right that it needs."""
    routes = [*api_routes(front.as_front, Live(front.as_front)), *probe_routes(front.as_front)]
    served = {(route.method, route.path): route for route in routes}
    assert served.keys() - described().keys() == {("GET", "/api/v1/openapi.json")}
    assert described().keys() <= served.keys()
    for place, found in described().items():
        route = served[place]
        proofs = found["security"]
        assert (route.needs is Right.NONE) == (proofs == [])
        assert (route.needs is Right.READ) == ({} in proofs)
        assert (route.needs is Right.OWN) == ({"bearer": []} in proofs and {} not in proofs)


async def test_it_is_served_where_its_server_leads_back(asker: aiohttp.ClientSession) -> None:
    """Its address is relative: it holds under any host and prefix."""
    answer = await asker.get("/api/v1/openapi.json")
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert await answer.json() == json.loads(json.dumps(DOCUMENT))
    (server,) = DOCUMENT["servers"]
    assert answer.url.join(type(answer.url)(server["url"])).path == "/"


@pytest.mark.parametrize("place", described())
def test_each_says_what_can_go_wrong(place: tuple[str, str]) -> None:
    """Every problem is of one type; who may be asked for a token is told so, and a body has its limits."""
    responses = described()[place]["responses"]
    wrong = {int(status): each for status, each in responses.items() if "application/problem+json" in each["content"]}
    assert {200} == {int(status) for status in responses} - wrong.keys() - {503}
    for status, each in wrong.items():
        assert each["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert each["description"] == PROBLEMS[status]  # type: ignore[index]
    assert {400, 403, 421, 500} <= wrong.keys()
    if described()[place]["security"]:
        assert wrong[401]["headers"]["WWW-Authenticate"]["required"]
    if place[0] == "POST":
        assert {408, 409, 413, 415, 504} <= wrong.keys()


def test_names_are_unique_and_every_schema_is_there() -> None:
    """What is referred to exists."""
    names = [each["operationId"] for each in described().values()]
    assert len(names) == len(set(names))
    text = json.dumps(DOCUMENT)
    referred = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert referred == DOCUMENT["components"]["schemas"].keys()


def test_parameters() -> None:
    """With their bounds."""
    found = {each["name"]: each["schema"] for each in described()["GET", "/api/v1/history"]["parameters"]}
    assert found["since"] == {"type": "string", "format": "date-time"}
    assert (found["last"]["minimum"], found["last"]["maximum"]) == (1, 500)
    assert found["show_numbers"] == {"type": "boolean", "default": False}
