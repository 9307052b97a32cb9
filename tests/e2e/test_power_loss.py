"""Power loss: the session as of any moment of a burst of messages starts again without a pairing, and answers."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import pytest

from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot

_COPIES = 4
_STORE = ("session.db", "session.db-wal", "session.db-shm")


@pytest.mark.slow
async def test_any_moment_of_a_burst_comes_back(
    sandbox: Sandbox, start_bot: StartBot, friend: Contact, tmp_path: Path
) -> None:
    """Copies that are torn on purpose, the store before its log or after it: connected, and the next message answered.

    A machine that went down has another boot id afterwards; that of every second copy stays, as after a death of the
    bot and its engine alone.
    """
    session = sandbox.directory / "bot" / "sessions" / "session-default"
    bot = await start_bot(LINDA_BACKUP__AFTER_STABLE="0.2")
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.wait_for("Backup backup-default-001 made")
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    copies = await _copies_of_a_burst(session, tmp_path, friend)
    await bot.stop()

    for number, copy in enumerate(copies):
        shutil.rmtree(session)
        shutil.copytree(copy, session)
        if number // 2 % 2 == 0:
            _reboot(session)
        bot = await start_bot()
        await bot.ready()
        assert "█" not in bot.screen
        assert number // 2 % 2 or "machine went down" in bot.screen or "put back" in bot.screen, bot.screen
        await _settle(friend)
        answer = await friend.ask(BOT, "!ping", within_s=20)
        assert answer.text == "pong", f"copy {number}: {bot.screen}"
        assert await bot.stop() == 0
    assert sandbox.phone(BOT).pairings == 1


async def _copies_of_a_burst(session: Path, place: Path, friend: Contact) -> list[Path]:
    """Copy a session file by file at random moments, while a contact writes to the bot."""
    moments = Random(11)
    copies = []
    async with _writing(friend):
        for number in range(_COPIES):
            await asyncio.sleep(moments.uniform(0.1, 0.6))
            order = _STORE if number % 2 else tuple(reversed(_STORE))
            copies.append(await _torn_copy(session, place / f"copy-{number}", order, moments))
    return copies


@asynccontextmanager
async def _writing(friend: Contact) -> AsyncIterator[None]:
    """Have a contact write without a break."""

    async def write() -> None:
        while True:
            await friend.send(BOT, "!ping")
            await asyncio.sleep(0.005)

    writing = spawn_task(write(), name="burst")
    try:
        yield
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


async def _torn_copy(session: Path, place: Path, order: Sequence[str], moments: Random) -> Path:
    place.mkdir(mode=0o700)
    for name in (*order, *sorted(path.name for path in session.iterdir() if path.name not in order)):
        if (session / name).is_file():
            shutil.copyfile(session / name, place / name)
        await asyncio.sleep(moments.uniform(0, 0.02))
    return place


def _reboot(session: Path) -> None:
    mark = json.loads((session / "run-mark.json").read_text())
    (session / "run-mark.json").write_text(json.dumps({**mark, "bootId": "another boot"}))


async def _settle(friend: Contact) -> None:
    """Let answers to the burst arrive, until none has come for a moment."""
    with suppress(TimeoutError):
        while True:
            await friend.next_message(within_s=0.6)
