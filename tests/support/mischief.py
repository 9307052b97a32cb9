"""What the other side, the files and the person can do to a link: acts for random lives."""

import asyncio
from collections.abc import Callable

from linda_bot.connection.events import RetryScheduled
from linda_bot.kernel.errors import ExitCode, SessionInaccessibleError
from linda_bot.whatsapp.events import (
    ClientEvent,
    ClientOutdated,
    Connected,
    ConnectEnded,
    ConnectFailed,
    EnginePrinted,
    EngineStarted,
    KeepAliveTimedOut,
    LoggedOut,
    MessageUndecryptable,
    PairFailed,
    QrRoundEnded,
    SecretsRotated,
    StreamFailed,
    StreamReplaced,
    TemporarilyBanned,
)
from tests.support.fake_client import NUMBER, FakeClient
from tests.support.link_world import LinkWorld

STRANGER = "15550001111"

TOLD: list[ClientEvent] = [
    LoggedOut(code=401, on_connect=False),
    LoggedOut(code=403, on_connect=True),
    ClientOutdated(),
    ConnectFailed(code=503, reason="busy"),
    ConnectFailed(code=400, reason=""),
    StreamReplaced(),
    StreamFailed(code="503"),
    TemporarilyBanned(code=101, expires_in_s=0),
    TemporarilyBanned(code=101, expires_in_s=1),
    TemporarilyBanned(code=101, expires_in_s=7200),
    TemporarilyBanned(code=101, expires_in_s=-5),
    ConnectEnded(error=""),
    ConnectEnded(error="dial tcp: i/o timeout"),
    ConnectEnded(error="proto: required field not set"),
    ConnectEnded(error="database disk image is malformed"),
    KeepAliveTimedOut(errors=1),
    KeepAliveTimedOut(errors=3),
    SecretsRotated(),
    MessageUndecryptable(id="M", chat="c", sender="s"),
    EnginePrinted(line="something"),
    PairFailed(reason="the phone said no"),
    *(
        QrRoundEnded(outcome=outcome)
        for outcome in ("timeout", "err-client-outdated", "err-scanned-without-multidevice", "error", "err-passkey")
    ),
]
"""What a client may tell at any time, whether it makes sense or not."""

LOGIN_ANSWERS: list[ClientEvent] = [
    LoggedOut(code=401, on_connect=True),
    ClientOutdated(),
    ConnectFailed(code=500, reason="no"),
    TemporarilyBanned(code=101, expires_in_s=600),
    StreamReplaced(),
    ConnectEnded(error="file is not a database"),
    EngineStarted(pid=1, library_version="fake", import_ms=0),  # which says nothing about the login
]

Act = Callable[[LinkWorld], object]


def _each(do: Callable[[FakeClient], object]) -> Act:
    return lambda world: [do(client) for client in world.whatsapp.running]


def _set(**values: object) -> Act:
    def act(world: LinkWorld) -> None:
        for name, value in values.items():
            setattr(world.whatsapp, name, value)

    return act


def _trouble(method: str) -> Act:
    def act(world: LinkWorld) -> None:
        world.files.trouble = SessionInaccessibleError("no space left on device")
        world.files.fails_in |= {method}

    return act


def _files(**values: object) -> Act:
    def act(world: LinkWorld) -> None:
        for name, value in values.items():
            setattr(world.files, name, value)

    return act


def _scan(number: str) -> Act:
    return _each(lambda client: client.scan(client.code, number) if client.code else None)


def _lose_row(world: LinkWorld) -> None:
    world.whatsapp.linked.clear()


ACTS: dict[str, Act] = {
    "the server vanishes": _set(reachable=False),
    "the server is back": _set(reachable=True),
    "the server falls silent": _set(answers=False),
    "the server answers": _set(answers=True),
    "engines start slowly": _set(start_takes_s=45.0),
    "engines start at once": _set(start_takes_s=0.0, start_refusal=""),
    "engines cannot be started": _set(start_refusal="no memory"),
    "engines end slowly": _set(stop_takes_s=10.0),
    "logins are answered with success": _set(login_answer=None),
    "unlinking is refused": _set(logout_refusal="no"),
    "sends are slow": _set(send_takes_s=30.0),
    "the engine is killed": _each(lambda client: client.kill()),
    "the line is lost": _each(lambda client: client.lose_line()),
    "the line is back": _each(lambda client: client.find_line() if world_knows(client) else None),
    "a login is told out of the blue": _each(lambda client: client.tell(Connected(number=""))),
    "another code is shown": _each(lambda client: client.show(2)),
    "the phone scans": _scan(NUMBER),
    "a stranger scans": _scan(STRANGER),
    "the device row is lost": _lose_row,
    "the store is damaged": _files(damaged=True),
    "there are backups": lambda world: world.files.backups.extend(["backup-002", "backup-001"]),
    "the files are well": _files(trouble=None, damaged=False, fails_in=frozenset({"look"})),
    "there were many logins": _files(login_in_s=20.0),
    "there were few logins": _files(login_in_s=0.0),
    "the network changes": lambda world: world.link.hint("the network has changed"),
    "a person asks": lambda world: world.link.hint("asked", insist=True),
    "the refresh is due": lambda world: world.link.renew("the daily refresh"),
    "somebody writes": lambda world: world.whatsapp.say("hello"),
    **{f"files fail in {method}": _trouble(method) for method in ("look", "recover", "set_aside", "retire")},
    **{f"the client tells {event!r}": _each(lambda client, event=event: client.tell(event)) for event in TOLD},  # type: ignore[misc]
    **{f"logins are answered with {event!r}": _set(login_answer=event) for event in LOGIN_ANSWERS},
}


def world_knows(client: FakeClient) -> bool:
    """Return whether the client is linked, so that it logs in again when it finds a line."""
    return not client.code


def make_well(world: LinkWorld) -> None:
    """Put everything right: the server, the files, and the engines."""
    for name in (
        "the server is back",
        "the server answers",
        "engines start at once",
        "logins are answered with success",
        "the files are well",
        "there were few logins",
    ):
        ACTS[name](world)
    world.whatsapp.logout_refusal = ""
    world.whatsapp.stop_takes_s = 0.0


def wait_left_s(world: LinkWorld) -> float:
    """Return for how long the wait that was promised last still lasts."""
    promised = [at + event.in_s for at, event in world.log if isinstance(event, RetryScheduled)]
    return max(promised[-1] - asyncio.get_running_loop().time(), 0.0) if promised else 0.0


GIVEN_UP = frozenset({ExitCode.LINKING_NEEDED, ExitCode.CLIENT_OUTDATED, ExitCode.REPLACED})
