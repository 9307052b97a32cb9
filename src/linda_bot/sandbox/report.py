"""How things are on a sandbox, as the control socket tells it."""

import asyncio
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from linda_bot.sandbox.control_api import AccountState, DeviceState, FaultState, NoteState, SandboxState
from linda_bot.sandbox.faults import CATALOGUE
from linda_bot.sandbox.server import NoteTaken, Sandbox

TOO_FREQUENT = frozenset({"delivered", "receipt"})
"""Notes that are counted, but not told one by one."""

_MOST_FAULTS = 20
_SECRET_FACTS = frozenset({"ref"})
_DURATION = "for_s"


def state_of(sandbox: Sandbox, *, since: datetime, script: bool, notes: int) -> SandboxState:
    """Return how things are; `notes` is how many of the newest notes it has."""
    told = [note for note in sandbox.notes if note.what not in TOO_FREQUENT]
    newest = told[-notes:] if notes > 0 else []
    return SandboxState(
        directory=str(sandbox.directory),
        pid=os.getpid(),
        port=sandbox.front.port,
        since=since,
        accounts=[_account(sandbox, number) for number in _numbers(sandbox)],
        counts=dict(sandbox.counts),
        faults=_faults(sandbox),
        script=script,
        notes=[NoteState(at=_moment(note), what=note.what, facts=facts_of(note)) for note in newest],
    )


def facts_of(note: NoteTaken) -> dict[str, str]:
    """Return the facts of a note as texts, without those that are nobody's business."""
    return {name: str(value) for name, value in note.facts.items() if name not in _SECRET_FACTS and value != ""}


def _numbers(sandbox: Sandbox) -> list[str]:
    """Return the numbers of all accounts, in the order of their first use."""
    with closing(sqlite3.connect(f"{(sandbox.directory / 'server.db').as_uri()}?mode=ro", uri=True)) as database:
        return [number for (number,) in database.execute("SELECT number FROM account ORDER BY rowid")]


def _account(sandbox: Sandbox, number: str) -> AccountState:
    account = sandbox.registry.account(number)
    assert account is not None  # no account is ever deleted
    return AccountState(
        number=number,
        name=account.name,
        contact=(sandbox.directory / "contacts" / number).is_dir(),
        pairings=sandbox.registry.pairings(number),
        devices=[_device(sandbox, number, device) for device in sandbox.registry.device_ids(number)[1:]],
    )


def _device(sandbox: Sandbox, number: str, device: int) -> DeviceState:
    pairings = (note for note in reversed(sandbox.notes) if note.what == "paired")
    linked = next((each for each in pairings if (each.facts["number"], each.facts["device"]) == (number, device)), None)
    waiting = sandbox.registry.waiting(number, device)
    return DeviceState(
        device=device,
        linked_at=_moment(linked) if linked else None,
        online=sandbox.active_session(number, device) is not None,
        queued=sum(stanza.kind == "message" for stanza in waiting),
    )


def _faults(sandbox: Sandbox) -> list[FaultState]:
    found: list[FaultState] = []
    now = asyncio.get_running_loop().time()
    for note in sandbox.notes:
        if note.what != "fault":
            continue
        facts = facts_of(note)
        name = facts.pop("name", "")
        if name == "clear":
            found.clear()
            continue
        duration = CATALOGUE[name].parameters.get(_DURATION) if name in CATALOGUE else None
        seconds = facts.get(_DURATION, duration.default if duration else None)
        ends_in_s = note.at + float(seconds) - now if seconds else None
        if ends_in_s is None or ends_in_s > 0:
            found.append(FaultState(name=name, parameters=facts, at=_moment(note), ends_in_s=ends_in_s))
    return found[-_MOST_FAULTS:]


def _moment(note: NoteTaken) -> datetime:
    """Return when a note was taken, by the calendar."""
    return datetime.now(UTC) - timedelta(seconds=asyncio.get_running_loop().time() - note.at)
