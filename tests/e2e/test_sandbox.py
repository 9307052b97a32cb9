"""The sandbox against the real client library."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from linda_bot.sandbox.contact import Contact, ContactError
from linda_bot.sandbox.refusals import LOGIN_FAILURES, STREAM_ERRORS
from linda_bot.sandbox.server import ENGINE_COMMAND, Sandbox
from linda_bot.sandbox.tokens import load_tokens
from linda_bot.whatsapp.events import (
    ClientEvent,
    ClientOutdated,
    Connected,
    ConnectEnded,
    ConnectFailed,
    Disconnected,
    LoggedOut,
    StreamFailed,
    StreamReplaced,
    TemporarilyBanned,
)
from tests.e2e.conftest import FRIEND
from tests.e2e.watched import watched

BOB = "15550001111"


@pytest.fixture
async def bob(sandbox: Sandbox) -> AsyncIterator[Contact]:
    """Another person."""
    async with sandbox.contact(BOB, "Bob") as contact:
        yield contact


async def eventually(holds: Callable[[], bool], *, within_s: float = 5) -> None:
    """Wait until it holds: receipts come a moment after the message."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.01)


def test_the_dictionaries_of_the_installed_library(tmp_path: Path) -> None:
    """Read out of its memory, and of the size and with the words that the format is known for."""
    tokens = load_tokens(tmp_path)

    assert (tokens.single[0], tokens.single[1], tokens.single[3]) == ("", "xmlstreamstart", "s.whatsapp.net")
    assert [len(table) for table in tokens.double] == [256] * 4
    words = [word for table in (tokens.single[1:], *tokens.double) for word in table if word]
    assert len(set(words)) == len(words)
    assert {"iq", "message", "receipt", "pair-device", "offline_preview"} <= set(words)


@pytest.mark.parametrize("proxy", ["", "http://192.0.2.1:3128"])
def test_the_engine_runs_behind_a_sandbox_only(proxy: str) -> None:
    """One line, and no engine."""
    environment = {"LINDA_SANDBOX_ROOT": "ab" * 32, "HTTPS_PROXY": proxy, "PYTHONPATH": ":".join(sys.path)}
    ended = subprocess.run(ENGINE_COMMAND, env=environment, capture_output=True, text=True, check=False, timeout=20)

    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("linda-bot sandbox engine: the sandbox's engine runs only behind a sandbox on this machine")


@pytest.mark.parametrize(
    "text", ["hello", "line\nbreak\x1b[31m", "\u0664 \U0001f469\u200d\U0001f467 \u202ex", "x" * 20_000]
)
async def test_two_people_write_to_each_other(sandbox: Sandbox, friend: Contact, bob: Contact, text: str) -> None:
    """Through real encryption, with names and numbers, whatever the text is."""
    sent = await friend.send(BOB, text)
    received = await bob.next_message()
    answered = await friend_gets(friend, bob, text)

    assert (received.id, received.text, received.sender_name) == (sent.id, text, "Ann")
    assert received.sender_alt == f"{FRIEND}@s.whatsapp.net"
    assert answered == text
    await eventually(lambda: sandbox.queued(BOB) == sandbox.queued(FRIEND) == 0)


async def friend_gets(friend: Contact, bob: Contact, text: str) -> str:
    """Let Bob write to Ann."""
    await bob.send(FRIEND, text)
    return (await friend.next_message()).text


async def test_four_hundred_messages_one_at_a_time(sandbox: Sandbox, friend: Contact, bob: Contact) -> None:
    """Each arrives once, in order, and no counter is used twice."""
    for number in range(200):
        await friend.send(BOB, f"to {number}")
        assert (await bob.next_message()).text == f"to {number}"
        await bob.send(FRIEND, f"from {number}")
        assert (await friend.next_message()).text == f"from {number}"
    await eventually(lambda: sandbox.counts["delivered"] == 400)

    assert friend.received() == bob.received() == []
    assert friend.dropped_old_counter == bob.dropped_old_counter == 0


async def test_messages_wait_for_one_who_is_away(sandbox: Sandbox, friend: Contact) -> None:
    """In order, also for one who was killed; linked once."""
    async with sandbox.contact(BOB):
        pass
    for number in range(20):
        await friend.send(BOB, str(number))
    assert sandbox.queued(BOB) == 20
    async with sandbox.contact(BOB) as bob:
        texts = [(await bob.next_message()).text for _ in range(20)]
        bob.kill()
        while bob.online:
            await asyncio.sleep(0.01)
        await friend.send(BOB, "after the kill")
    async with sandbox.contact(BOB) as bob:
        assert (await bob.next_message()).text == "after the kill"

    assert texts == [str(number) for number in range(20)]
    assert sandbox.phone(BOB).pairings == 1


async def test_a_dropped_line_heals(sandbox: Sandbox, friend: Contact, bob: Contact) -> None:
    """The library comes back by itself; what was sent meanwhile arrives."""
    for number in range(3):
        sandbox.drop(BOB)
        await friend.send(BOB, str(number))
        assert (await bob.next_message()).text == str(number)

    assert sandbox.counts["login"] == 2 + 3
    assert sandbox.phone(BOB).pairings == 1


async def test_clients_outlive_the_server(tmp_path: Path) -> None:
    """A server that is started again in the same directory finds its clients again, with what waited."""
    async with Sandbox(tmp_path) as first:
        friend = Contact(FRIEND, tmp_path / "contacts" / FRIEND, ENGINE_COMMAND, first.environment)
        await friend.open(first.phone(FRIEND).scan)
        async with first.contact(BOB):
            pass
        await friend.send(BOB, "before")
    try:
        async with Sandbox(tmp_path) as second, second.contact(BOB) as bob:
            assert (await bob.next_message()).text == "before"
            await bob.send(FRIEND, "after")
            assert (await friend.next_message(within_s=20)).text == "after"
            assert second.phone(FRIEND).pairings == 1
    finally:
        await friend.close()


async def test_a_contact_counts_what_its_library_dropped(sandbox: Sandbox, bob: Contact) -> None:
    """A sender whose store was turned back uses counters twice; the library drops that without a word to anybody."""
    place, copy = sandbox.directory / "contacts" / FRIEND, sandbox.directory / "copy"
    async with sandbox.contact(FRIEND) as friend:
        await friend.send(BOB, "a session begins")
        await bob.next_message()
        await friend_gets(friend, bob, "and is answered")
        await friend.send(BOB, "and goes on")
        await bob.next_message()
    shutil.copytree(place, copy)
    async with sandbox.contact(FRIEND) as friend:
        for number in range(3):
            await friend.send(BOB, f"sent once {number}")
            await bob.next_message()
    shutil.rmtree(place)
    shutil.copytree(copy, place)
    async with sandbox.contact(FRIEND) as friend:
        for number in range(5):
            await friend.send(BOB, str(number))

        assert [(await bob.next_message()).text for _ in range(2)] == ["3", "4"]
    assert bob.dropped_old_counter == 3


async def test_a_contact_that_cannot_come_up_says_why(sandbox: Sandbox) -> None:
    """At once, in one line, with nothing left behind."""
    sandbox.front.refuse = True
    async with asyncio.timeout(5):
        with pytest.raises(ContactError, match=f"the contact {BOB} did not come up: .*Bad Gateway"):
            async with sandbox.contact(BOB):
                pass


async def test_every_failure_at_login_means_what_it_should(sandbox: Sandbox) -> None:
    """What the library tells for each."""
    async with sandbox.contact(BOB):
        pass
    store = sandbox.directory / "contacts" / BOB
    expected: dict[int, type[ClientEvent]] = {
        400: ConnectFailed,
        401: LoggedOut,
        402: TemporarilyBanned,
        403: LoggedOut,
        405: ClientOutdated,
        406: LoggedOut,
        409: ConnectFailed,
        418: ConnectEnded,
        500: Disconnected,
        501: ConnectFailed,
        503: Disconnected,
    }
    assert expected.keys() == LOGIN_FAILURES.keys()
    for code, kind in expected.items():
        assert await _is_told(sandbox, store, code, kind), f"{code} was never told"


async def _is_told(sandbox: Sandbox, store: Path, code: int, kind: type[ClientEvent]) -> bool:
    """Return whether the library tells of a failure at login as it should.

    Of a logout it sometimes tells nothing: it has deleted the device before it is asked for it. Then once more.
    """
    for attempt in range(3 if kind is LoggedOut else 1):
        place = sandbox.directory / f"failure {code} {attempt}"
        shutil.copytree(store, place)  # a logout deletes the device
        sandbox.fail_next_login(code)
        async with watched(sandbox, place / "contact.db") as seen:
            with suppress(TimeoutError):
                event = await seen.until(kind, within_s=5)
                assert getattr(event, "code", code) in (code, 101)
                if kind is Disconnected:
                    await seen.until(Connected)
                return True
    return False


async def test_every_end_of_a_stream_means_what_it_should(sandbox: Sandbox) -> None:
    """What the library tells for each, and whether it comes back by itself."""
    async with sandbox.contact(BOB):
        pass
    store = sandbox.directory / "contacts" / BOB
    expected: dict[str, tuple[type[ClientEvent] | None, bool]] = {
        "replaced": (StreamReplaced, False),
        "device_removed": (LoggedOut, False),
        "500": (StreamFailed, True),
        "503": (Disconnected, True),
        "515": (None, True),
    }
    assert expected.keys() == STREAM_ERRORS.keys()
    for end, (kind, comes_back) in expected.items():
        place = sandbox.directory / f"end {end}"
        shutil.copytree(store, place)
        async with watched(sandbox, place / "contact.db") as seen:
            await seen.until(Connected)
            await sandbox.stream_error(BOB, end)
            if kind is not None:
                await seen.until(kind)
            if comes_back:
                await seen.until(Connected, times=2)
            else:
                await asyncio.sleep(0.3)
                assert not sandbox.online(BOB)
