"""What the real client library does on the faults of the sandbox: these are facts that the bot is built on."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.faults import inject
from linda_bot.sandbox.pairing import ScanError
from linda_bot.sandbox.poison import POISON
from linda_bot.sandbox.server import Sandbox
from linda_bot.whatsapp.content import Text
from linda_bot.whatsapp.events import (
    Connected,
    ConnectEnded,
    Disconnected,
    EngineExited,
    KeepAliveTimedOut,
    LoggedOut,
    PairFailed,
    PairSucceeded,
    QrIssued,
    QrRoundEnded,
)
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError
from tests.e2e.conftest import BOT, FRIEND
from tests.e2e.watched import Watched, watched

KILLED_BY_A_PANIC = -6
DEADLY_GARBAGE = ("no-node", "empty-body", "one-byte-short")
DEAFENING_GARBAGE = ("undecryptable", "empty-frame", "truncated", "half-length")
HARMLESS_GARBAGE = ("text", "bad-zlib")
DEADLY_POISON, CUTTING_POISON = "iq-pair-success-without-id", "iq-pair-success"
LOST = {"next-message-enc-version", "next-message-enc-type"}


@pytest.fixture
async def store(sandbox: Sandbox) -> Path:
    """The session store of a linked client that is away."""
    async with sandbox.contact(BOT):
        pass
    return sandbox.directory / "contacts" / BOT / "contact.db"


def devices_in(store: Path) -> int:
    """Return how many linked devices a store has."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        (count,) = database.execute("SELECT count(*) FROM whatsmeow_device").fetchone()
    return int(count)


@pytest.mark.parametrize(("kind", "reason"), [("tls", "x509: certificate signed by unknown"), ("noise", "server cert")])
async def test_a_bad_certificate(sandbox: Sandbox, store: Path, kind: str, reason: str) -> None:
    """At the start the attempt ends; later the library tries again by itself."""
    await inject(sandbox, "bad-certificate", {"kind": kind})
    async with watched(sandbox, store) as seen:
        assert reason in (await seen.until(ConnectEnded)).error
    async with watched(sandbox, store) as seen:
        await seen.until(Connected)
        await inject(sandbox, "bad-certificate", {"kind": kind})
        sandbox.drop(BOT)
        await seen.until(Connected, times=2)
        assert len(seen.all(Disconnected)) == 1


@pytest.mark.parametrize("kind", HARMLESS_GARBAGE)
async def test_garbage_that_does_no_harm(sandbox: Sandbox, store: Path, kind: str) -> None:
    """It is ignored."""
    async with watched(sandbox, store) as seen:
        await seen.until(Connected)
        await inject(sandbox, "garbage", {"kind": kind})
        await seen.client.ping(within_s=2)


@pytest.mark.parametrize("kind", DEADLY_GARBAGE)
async def test_garbage_that_kills_the_engine(sandbox: Sandbox, store: Path, kind: str) -> None:
    """The library panics; the store is as it was."""
    async with watched(sandbox, store) as seen:
        await seen.until(Connected)
        await inject(sandbox, "garbage", {"kind": kind})
        with pytest.raises(ClientError):  # one byte short is noticed with the next frame only
            await seen.client.ping(within_s=2)
        assert (await seen.until(EngineExited)).code == KILLED_BY_A_PANIC
    async with watched(sandbox, store) as seen:
        await seen.until(Connected)


@pytest.mark.parametrize("kind", DEAFENING_GARBAGE)
async def test_garbage_that_deafens_the_client(sandbox: Sandbox, store: Path, kind: str) -> None:
    """Nothing that follows can be read, and no event says so."""
    async with watched(sandbox, store) as seen:
        await seen.until(Connected)
        await inject(sandbox, "garbage", {"kind": kind})
        with pytest.raises(NoAnswerError):
            await seen.client.ping(within_s=0.5)
        assert not [*seen.all(Disconnected), *seen.all(ConnectEnded), *seen.all(EngineExited)]


@pytest.mark.slow
@pytest.mark.rare
async def test_poison(sandbox: Sandbox, store: Path, friend: Contact, tmp_path: Path) -> None:
    """Nearly all of it is ignored, none ends the event pump; two messages are lost in silence."""
    for kind in POISON:
        place = tmp_path / kind
        shutil.copytree(store.parent, place)
        async with watched(sandbox, place / store.name) as seen:
            await seen.until(Connected)
            await inject(sandbox, "poison", {"kind": kind, "number": BOT})
            if kind == DEADLY_POISON:
                assert (await seen.until(EngineExited)).code == KILLED_BY_A_PANIC
            elif kind == CUTTING_POISON:
                await seen.until(PairFailed)
                with pytest.raises(NotSentError):
                    await seen.client.ping(within_s=2)
            else:
                await friend.send(BOT, f"{kind} 1")
                await friend.send(BOT, f"{kind} 2")
                await seen.until_text(f"{kind} 2")
                assert (f"{kind} 1" not in seen.texts) == (kind in LOST), kind
                assert seen.all(ConnectEnded) == [], kind
                await seen.client.ping(within_s=2)
    assert sandbox.counts["failed"] == 0


async def test_linking_by_code(sandbox: Sandbox, tmp_path: Path) -> None:
    """The device shows the code, the phone types it; a wrong one is noticed and the right one works afterwards."""
    async with watched(sandbox, tmp_path / "new.db") as seen:
        await seen.until(QrIssued)
        code = await seen.client.pair_phone(BOT)
        with pytest.raises(ScanError, match="another number"):
            await sandbox.phone(FRIEND).enter_code(code)
        with pytest.raises(ScanError, match="the code is wrong"):
            await sandbox.phone(BOT).enter_code("ABCD-EFGH")
        await sandbox.phone(BOT).enter_code(code)
        assert (await seen.until(PairSucceeded)).number == BOT
        await seen.until(Connected)
    async with watched(sandbox, tmp_path / "new.db") as seen:
        await seen.until(Connected)


async def pair_until_it_settles(
    sandbox: Sandbox, store: Path, *, scans: bool = True, connects: bool = False
) -> Watched:
    """Begin to link, scan if there is something, wait for the end of the round; return what was seen."""
    async with watched(sandbox, store) as seen:
        async with asyncio.timeout(5):
            while not seen.all(QrIssued) and not seen.all(QrRoundEnded):
                await asyncio.sleep(0.01)
        if seen.all(QrIssued) and scans:
            await sandbox.phone(BOT).scan((await seen.until(QrIssued)).code)
        await seen.until(QrRoundEnded)
        if connects:
            await seen.until(Connected)
        await asyncio.sleep(0.5)
    return seen


@pytest.mark.parametrize(
    ("step", "outcome", "devices"),
    [
        ("after-handshake", "timeout", 0),
        ("after-codes", "timeout", 0),
        ("on-scan", "timeout", 0),
        ("after-answer-registered", "success", 1),
        ("after-answer-unregistered", "success", 1),
        ("after-515", "success", 1),
    ],
)
async def test_a_line_that_is_cut_while_it_pairs(
    sandbox: Sandbox, tmp_path: Path, step: str, outcome: str, devices: int
) -> None:
    """Before the device has answered nothing is kept; afterwards only the login after 515 is tried again."""
    store = tmp_path / "new.db"
    await inject(sandbox, "close-pairing", {"step": step})
    connects = step == "after-515"
    seen = await pair_until_it_settles(sandbox, store, scans=step != "after-codes", connects=connects)

    assert [event.outcome for event in seen.all(QrRoundEnded)] == [outcome]
    assert devices_in(store) == devices
    assert len(seen.all(Connected)) == connects
    async with watched(sandbox, store) as again:
        if step == "after-answer-unregistered":
            assert (await again.until(LoggedOut)).code == 401
        else:
            await again.until(Connected if devices else QrIssued)


async def test_a_line_that_is_cut_at_the_scan(sandbox: Sandbox, tmp_path: Path) -> None:
    """The device may or may not notice before it has answered: it keeps nothing, or what the server does not know."""
    store = tmp_path / "new.db"
    await inject(sandbox, "close-pairing", {"step": "after-success"})
    seen = await pair_until_it_settles(sandbox, store)
    kept = devices_in(store)

    (ended,) = seen.all(QrRoundEnded)
    assert ended.outcome in (("success",) if kept else ("timeout", "error"))  # error: it noticed while it answered
    async with watched(sandbox, store) as again:
        await again.until(LoggedOut if kept else QrIssued)


@pytest.mark.rare
@pytest.mark.slow
async def test_a_line_that_is_cut_before_the_hello(sandbox: Sandbox, tmp_path: Path) -> None:
    """The library notices nothing of it and waits for its own deadline."""
    await inject(sandbox, "close-pairing", {"step": "before-hello"})
    async with watched(sandbox, tmp_path / "new.db") as seen:
        with pytest.raises(TimeoutError):
            await seen.until(ConnectEnded, within_s=15)
        assert "timed out waiting for handshake response" in (await seen.until(ConnectEnded)).error


@pytest.mark.parametrize("when", ["scan", "now"])
async def test_a_passkey(sandbox: Sandbox, tmp_path: Path, when: str) -> None:
    """The round ends with that word."""
    async with watched(sandbox, tmp_path / "new.db") as seen:
        code = (await seen.until(QrIssued)).code
        await inject(sandbox, "passkey", {"when": when})
        if when == "scan":
            await sandbox.phone(BOT).scan(code)
        assert (await seen.until(QrRoundEnded)).outcome == "passkey-request"


@pytest.mark.parametrize("code", ["413", "414"])
async def test_a_failure_at_login_that_kills_the_engine(sandbox: Sandbox, store: Path, code: str) -> None:
    """They concern tokens that this client has none of: the library panics."""
    await inject(sandbox, "login-failure", {"code": code})
    async with watched(sandbox, store) as seen:
        assert (await seen.until(EngineExited)).code == KILLED_BY_A_PANIC
    assert devices_in(store) == 1


async def test_a_ban_of_an_unknown_kind(sandbox: Sandbox, store: Path) -> None:
    """It ends the library's event pump in place of being told."""
    await inject(sandbox, "login-failure", {"code": "402", "ban_code": "999"})
    async with watched(sandbox, store) as seen:
        assert "TemporaryBan.Code not set" in (await seen.until(ConnectEnded)).error


async def test_messages_that_are_refused_or_doubled(
    sandbox: Sandbox, store: Path, friend: Contact, tmp_path: Path
) -> None:
    """A refusal is told with its code; of two copies one is read."""
    async with watched(sandbox, store) as seen:
        await seen.until(Connected)
        await inject(sandbox, "refuse-message", {"code": "463", "number": BOT})
        with pytest.raises(ClientError, match="server returned error 463"):
            await seen.client.send(f"{FRIEND}@s.whatsapp.net", Text(text="refused"))
        await inject(sandbox, "double-message", {"number": BOT})
        for text in ("twice", "once"):
            await friend.send(BOT, text)
        await seen.until_text("once")

        assert seen.texts == ["twice", "once"]


async def test_a_flood_for_one_who_was_away(sandbox: Sandbox, store: Path, friend: Contact) -> None:
    """All of it arrives, in order, also for one who was killed in the middle."""
    for number in range(300):
        await friend.send(BOT, str(number))
    read: list[str] = []
    async with watched(sandbox, store) as seen:
        await seen.until_text("50")
        seen.client.kill()
        await seen.until(EngineExited)
        read += seen.texts
    async with watched(sandbox, store) as seen:
        await seen.until_text("299")
        read += seen.texts

    assert [int(text) for text in read] == sorted({int(text) for text in read})
    assert read[-1] == "299"


@pytest.mark.rare
@pytest.mark.slow
async def test_a_half_open_line(sandbox: Sandbox, store: Path, friend: Contact) -> None:
    """The keep-alive notices after half a minute; messages wait."""
    async with watched(sandbox, store) as seen:
        await seen.until(Connected)
        await inject(sandbox, "half-open", {"number": BOT})
        await friend.send(BOT, "are you there?")
        await seen.until(KeepAliveTimedOut, within_s=45)

        assert (seen.texts, seen.all(Disconnected)) == ([], [])
        assert sandbox.queued(BOT) == 1
