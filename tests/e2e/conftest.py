"""The real console script, the real client library, a server on this machine."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox

BOT = "971505760056"
FRIEND = "4915112345678"


class StartBot(Protocol):
    """Starts `linda-bot run` against the sandbox."""

    async def __call__(self, *arguments: str | Path, **environment: str) -> BotProcess:
        """Start it with more arguments and settings; it is ended after the test."""


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A server with nobody on it; no process of its clients may outlive the test."""
    async with Sandbox(tmp_path / "sandbox") as running:
        yield running
        root = running.environment["LINDA_SANDBOX_ROOT"]
    left = [process for process in engines_of(root) if _still_runs(process)]
    for process in left:
        process.kill()
    assert not left, "a process was left behind"


@pytest.fixture
async def start_bot(sandbox: Sandbox) -> AsyncIterator[StartBot]:
    """Start bots that are ended after the test."""
    started: list[BotProcess] = []

    async def start(*arguments: str | Path, **environment: str) -> BotProcess:
        bot = await BotProcess.start("run", "--sandbox", sandbox.directory, *arguments, environment=environment)
        started.append(bot)
        return bot

    yield start
    for bot in started:
        await bot.close()
        assert "Traceback" not in bot.screen


@pytest.fixture
async def linked_bot(sandbox: Sandbox, start_bot: StartBot) -> BotProcess:
    """A bot that was just linked and listens."""
    bot = await start_bot()
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    return bot


@pytest.fixture
async def friend(sandbox: Sandbox) -> AsyncIterator[Contact]:
    """Somebody who writes to the bot."""
    async with sandbox.contact(FRIEND, "Ann") as contact:
        yield contact


def engines_of(root: str) -> list[psutil.Process]:
    """Return the engine processes of a sandbox, whoever their parent is."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("LINDA_SANDBOX_ROOT") == root:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _still_runs(process: psutil.Process) -> bool:
    """Give a process that was told to end the few seconds that it may take."""
    try:
        process.wait(4)
    except psutil.TimeoutExpired:
        return True
    except psutil.Error:
        return False
    return False
