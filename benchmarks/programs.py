"""The two that are compared, and what the measurements have in common."""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Protocol

import psutil

from linda_bot.sandbox.bot_process import LISTENING, BotProcess
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.guard import take_guard_away

BOT, FRIEND = "971505760056", "4915112345678"
RESULTS = Path(__file__).parent / "results"
LATEST = RESULTS / "latest.json"
BARE = Path(__file__).parent / "bare.py"
ENDS_WITHIN_S = 10.0
AT_WILL = {"LINDA_RECONNECT__LOGIN_SPACING": "0"}
"""Restarted more often in a row than a bot that spaces out its logins would like; all else is as by default."""
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

    async def stop(self, number: signal.Signals = ...) -> None:
        """Send it a signal and wait for its end; each has its own by default. Raises when it goes on."""

    async def crash(self) -> None:
        """Kill what speaks to WhatsApp, and wait until something does again."""

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

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end; its engine has ended, too, when this returns."""
        assert self.bot is not None
        await self.bot.stop(number)

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
        return await self._start()

    async def _start(self) -> float:
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

    async def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it, by default as nothing else does for sure; raises TimeoutError."""
        assert self._process is not None
        if self._process.returncode is not None:
            return
        self._process.send_signal(number)
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise

    async def crash(self) -> None:
        """Kill it, and start it again as a supervisor would that loses no time."""
        await self.stop()
        await self._start()

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


def shown(path: Path) -> Path:
    """Return a path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
