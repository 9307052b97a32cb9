"""A full disk: nothing crashes, nothing is lost, and with room again the bot is back without a pairing."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import LISTENING, BotError, BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.guard import set_guard
from tests.e2e.conftest import BOT, FRIEND, StartBot
from tests.support import echo_bot
from tests.support import small_disk as disks

_MEGABYTES = 8
_MESSAGES = 40


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a file system of eight megabytes; needs root and mount."""
    try:
        with disks.small_disk(tmp_path / "disk", megabytes=_MEGABYTES) as place:
            yield place
    except disks.NoDiskError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("ending", ["orderly", "killed"])
async def test_a_start_on_a_full_disk(sandbox: Sandbox, start_bot: StartBot, small_disk: Path, ending: str) -> None:
    """It listens or says in one line what is wrong; the link is there when there is room again."""
    await _link(sandbox, start_bot, small_disk, ending)
    before = _store(small_disk)
    ballast = disks.fill(small_disk)
    bot = await start_bot("--data-dir", small_disk)
    code = await _come_to_an_end(bot)

    assert code in (ExitCode.OK, ExitCode.USAGE), bot.screen
    assert "█" not in bot.screen
    assert "Linking is needed" not in bot.screen
    assert _store(small_disk)[: len(before)] == before or LISTENING in bot.screen
    ballast.unlink()
    bot = await start_bot("--data-dir", small_disk)
    await bot.ready()
    assert await bot.stop() == 0
    assert sandbox.phone(BOT).pairings == 1


async def test_a_damaged_store_on_a_full_disk(sandbox: Sandbox, start_bot: StartBot, small_disk: Path) -> None:
    """No backup can be put back for lack of room: one line says so, nothing is moved; with room it is."""
    await _link(sandbox, start_bot, small_disk, "orderly")
    store = small_disk / "sessions" / "session-default" / "session.db"
    os.truncate(store, store.stat().st_size // 2)
    before = _store(small_disk)
    ballast = disks.fill(small_disk)
    bot = await start_bot("--data-dir", small_disk)

    assert await bot.exited() == ExitCode.USAGE
    assert "no space left on device" in bot.lines[-1]
    assert "█" not in bot.screen
    assert _store(small_disk) == before
    ballast.unlink()
    bot = await start_bot("--data-dir", small_disk)
    await bot.ready()
    assert "was put back" in bot.screen
    assert sandbox.phone(BOT).pairings == 1


async def test_a_disk_that_fills_up_and_is_cleared(
    sandbox: Sandbox, start_bot: StartBot, friend: Contact, small_disk: Path
) -> None:
    """The bot lives through it and answers again once there is room, by itself."""
    bot = await start_bot("--data-dir", small_disk, LINDA_RECONNECT__DELAYS="[0.3,0.5]")
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    ballast = disks.fill(small_disk)
    for _ in range(5):
        await friend.send(BOT, "!ping")
    sandbox.drop(BOT)
    await asyncio.sleep(2)
    ballast.unlink()
    friend.received()

    assert (await friend.ask(BOT, "!ping", within_s=30)).text == "pong"
    assert await bot.stop() == 0
    assert sandbox.phone(BOT).pairings == 1


@pytest.mark.parametrize("full", ["the data directory", "the session's directory"])
async def test_no_message_is_lost_to_a_full_disk(
    sandbox: Sandbox, start_bot: StartBot, friend: Contact, tmp_path: Path, full: str
) -> None:
    """What we, or only the client library, cannot store stays with WhatsApp, and is answered when there is room."""
    data_dir = tmp_path / "bot"
    place = data_dir if full == "the data directory" else data_dir / "sessions"
    place.parent.mkdir(exist_ok=True)
    try:
        with disks.small_disk(place, megabytes=_MEGABYTES):
            await _live_through_a_flood(sandbox, start_bot, friend, data_dir, place)
    except disks.NoDiskError as error:
        pytest.skip(str(error))


async def _live_through_a_flood(
    sandbox: Sandbox, start_bot: StartBot, friend: Contact, data_dir: Path, disk: Path
) -> None:
    await asyncio.to_thread(set_guard, sandbox.directory / "contacts" / FRIEND / "contact.db")
    settings = {"LINDA_RECONNECT__DELAYS": "[0.5]", "LINDA_RECONNECT__LOGIN_SPACING": "0"}
    bot = await start_bot("--data-dir", data_dir, "--handlers", echo_bot.__file__, **settings)
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    assert await bot.stop() == 0  # with a log of its own, and room in that, the store would need no more for a while
    bot = await start_bot("--data-dir", data_dir, "--handlers", echo_bot.__file__, **settings)
    await bot.ready()
    assert (await friend.ask(BOT, "before")).text == "before"
    ballast = disks.fill(disk)
    written = [f"while it was full {number}" for number in range(_MESSAGES)]
    for text in written:
        await friend.send(BOT, text)
        await asyncio.sleep(0.05)
    ballast.unlink()
    heard = [(await friend.next_message(within_s=30)).text for _ in written]
    await asyncio.sleep(1)

    assert sorted(heard) == sorted(written)
    assert friend.received() == []
    assert await bot.stop() == 0
    assert sandbox.phone(BOT).pairings == 1


async def _link(sandbox: Sandbox, start_bot: StartBot, disk: Path, ending: str) -> None:
    bot = await start_bot("--data-dir", disk, LINDA_BACKUP__AFTER_STABLE="0.2")
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.wait_for("Backup backup-default-001 made")
    if ending == "orderly":
        assert await bot.stop() == 0
    else:
        await bot.close()


async def _come_to_an_end(bot: BotProcess) -> int:
    """Give a bot some seconds, then stop it; return its exit code."""
    try:
        return await bot.exited(within_s=2)
    except BotError:
        return await bot.stop(within_s=6)


def _store(disk: Path) -> bytes:
    return (disk / "sessions" / "session-default" / "session.db").read_bytes()
