"""The two that are compared, and what the measurements have in common."""

import asyncio
import os
import platform
import signal
import sqlite3
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import psutil

from linda_bot.sandbox.bot_process import LISTENING, BotProcess
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.guard import take_guard_away

BOT, FRIEND = "971505760056", "4915112345678"
RESULTS = Path(__file__).parent / "results"
BARE = Path(__file__).parent / "bare.py"
AT_WILL = {
    "LINDA_RECONNECT__LOGIN_SPACING": "0",
    "LINDA_RECONNECT__DELAYS": "[0.1]",
    "LINDA_RECONNECT__MAX_ATTEMPTS": "1000",
}
"""Restarted more often in a row than a bot that spaces out its logins would like."""
ECHO = """
import asyncio
import random
from linda_bot import Router

router = Router()


@router.message()
async def echo(message):
    if {longest_wait_s}:
        await asyncio.sleep(random.uniform(0, {longest_wait_s}))
    await message.reply(message.text)
"""


class Program(Protocol):
    """One of the two that are compared."""

    async def start(self) -> float:
        """Start and return after how many seconds it was ready."""

    async def stop(self) -> None:
        """End it."""

    async def crash(self) -> None:
        """Kill what speaks to WhatsApp, and wait until it is back."""

    def pids(self) -> list[int]:
        """Return its processes."""


class Linda:
    """`linda-bot run`."""

    def __init__(
        self, sandbox: Sandbox, *, longest_wait_s: float | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """Describe a bot; it answers commands, or says the same after up to so many seconds."""
        self._arguments: list[str | Path] = ["run", "--sandbox", sandbox.directory]
        self._environment = {**AT_WILL, **(environment or {})}
        self.bot: BotProcess | None = None
        if longest_wait_s is not None:
            handlers = sandbox.directory / f"echo_{longest_wait_s * 1000:g}.py"
            handlers.write_text(ECHO.format(longest_wait_s=longest_wait_s))
            self._arguments += ["--handlers", handlers]

    async def start(self) -> float:
        """Start it and wait until it says that it listens."""
        self.bot = await BotProcess.start(*self._arguments, environment=self._environment)
        try:
            return await self.bot.ready()
        except BaseException:
            await self.bot.close()
            raise

    async def stop(self) -> None:
        """Ask it to end."""
        assert self.bot is not None
        await self.bot.stop()

    async def crash(self) -> None:
        """Kill its engine."""
        assert self.bot is not None
        times = sum(LISTENING in line for line in self.bot.lines)
        for engine in self.pids()[1:]:
            os.kill(engine, signal.SIGKILL)
        await self.bot.wait_for(LISTENING, times=times + 1)

    def pids(self) -> list[int]:
        """Daemon and engine."""
        assert self.bot is not None
        return [self.bot.pid, *(child.pid for child in psutil.Process(self.bot.pid).children())]


class Bare:
    """The bare script on the same store, as its author would have it: without a trigger, without a write-ahead log."""

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        longest_wait_s: float = 0.0,
        wal: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Describe a script; with `wal` its store has what makes it faster, and lose less."""
        self._environment = {**os.environ, **sandbox.environment, **(environment or {})}
        self._store = store_of(sandbox)
        self._arguments = [str(self._store), str(longest_wait_s)]
        self._journal = "WAL" if wal else "DELETE"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> float:
        """Start it and wait until it is connected; what trusting the sandbox took is taken off."""
        with closing(sqlite3.connect(self._store)) as database, database:
            take_guard_away(database)
            database.execute(f"PRAGMA journal_mode = {self._journal}")
        began = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(BARE),
            *self._arguments,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            while line := await self._process.stdout.readline():
                if line.startswith(b"ready"):
                    return time.monotonic() - began - float(line.split()[1])
        message = "the bare script ended before it was ready"
        raise RuntimeError(message)

    async def stop(self) -> None:
        """End it as nothing else does for sure."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def crash(self) -> None:
        """Kill it, and start it again as a supervisor would."""
        await self.stop()
        await self.start()

    def pids(self) -> list[int]:
        """The one process."""
        assert self._process is not None
        return [self._process.pid]


def store_of(sandbox: Sandbox) -> Path:
    """Return where both keep their session."""
    return sandbox.directory / "bot" / "sessions" / "session-default" / "session.db"


async def link(sandbox: Sandbox) -> None:
    """Have the account linked, once for all."""
    first = await BotProcess.start("run", "--sandbox", sandbox.directory)
    try:
        await sandbox.phone(BOT).scan(await first.qr_text())
        await first.ready()
        await first.stop()
    finally:
        await first.close()


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the first, second and third quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def machine() -> dict[str, object]:
    """Return what was measured on, and when."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def shown(path: Path) -> Path:
    """Return a path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
