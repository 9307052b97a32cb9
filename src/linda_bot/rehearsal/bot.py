"""A bot that is rehearsed with: `linda-bot run` again and again, on a data directory of its own."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from linda_bot.kernel.errors import LindaError
from linda_bot.rehearsal.processes import Process, children_of, gone
from linda_bot.rehearsal.record import MissedError
from linda_bot.sandbox.bot_process import BotProcess, console_script
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths

_SETTLE_S = 0.3
_COMMAND_WITHIN_S = 30
_READY_WITHIN_S = 15
"""More than the target, so that a start that is too slow has a figure."""
_END_WITHIN_S = 4
_LOOK_EVERY_S = 0.02
CODE_SIGN = "Waiting for the scan"
"""What is said below every QR code."""


class Ran(NamedTuple):
    """What a command came to."""

    code: int
    document: Any
    """What it printed with `--json`; None when that was nothing."""


class RehearsedBot:
    """One account with its phone, its data directory, and the runs of its bot."""

    def __init__(
        self, sandbox: Sandbox, friend: Contact, directory: Path, *, number: str, ping: str, settings: dict[str, str]
    ) -> None:
        self.sandbox = sandbox
        self.number = number
        self.phone = sandbox.phone(number)
        self.paths = SessionPaths(directory, DEFAULT_ACCOUNT)
        self.runs: list[BotProcess] = []
        self._friend = friend
        self._ping = ping
        self._settings = settings
        self._engines: list[Process] = []

    @property
    def now(self) -> BotProcess:
        """The latest run."""
        return self.runs[-1]

    @property
    def codes_shown(self) -> int:
        """How many QR codes all runs have shown."""
        return sum(CODE_SIGN in line for run in self.runs for line in run.lines)

    async def start(self, *arguments: str, **settings: str) -> BotProcess:
        """Start a run; returns at once."""
        run = await BotProcess.start(
            "run",
            "--sandbox",
            self.sandbox.directory,
            "--data-dir",
            self.paths.data_dir,
            *arguments,
            environment={**self._settings, **settings},
        )
        self.runs.append(run)
        return run

    async def link(self, **settings: str) -> float:
        """Start the first run and scan its code; return the seconds from the scan until it listened."""
        run = await self.start(**settings)
        code = await run.qr_text()
        began = time.monotonic()
        await self.phone.scan(code)
        await run.ready()
        return time.monotonic() - began

    async def restart(self, *arguments: str, **settings: str) -> float:
        """Start a run of a bot that is linked; return how long it took until it listened, in seconds."""
        run = await self.start(*arguments, **settings)
        return await run.ready(within_s=_READY_WITHIN_S)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the latest run a signal and return its exit code; its engine may live on for a moment."""
        self._engines += children_of(self.now.pid)
        return await self.now.stop(number)

    def engine(self) -> Process:
        """Return the process of the client library; raises MissedError when there is none."""
        found = children_of(self.now.pid)
        if not found:
            raise MissedError("the bot has no process of the client library")
        return found[0]

    async def power_off(self) -> None:
        """End the bot and its engine as a power loss does: at once, both."""
        engines = children_of(self.now.pid)
        for engine in engines:
            engine.kill()
        await self.stop(signal.SIGKILL)
        await gone(engines, within_s=_END_WITHIN_S)

    async def ping(self, *, friend: Contact | None = None, within_s: float = 10) -> float:
        """Have the friend, or another one, write `!ping`; return how long the answer took, in seconds."""
        began = time.monotonic()
        who = friend or self._friend
        await who.send(self.number, self._ping)
        await self._answer(who, within_s)
        return time.monotonic() - began

    async def write(self, count: int) -> None:
        """Have the friend write so many messages, without waiting for answers."""
        for _ in range(count):
            await self._friend.send(self.number, self._ping)

    async def say(self, count: int) -> None:
        """Have the bot write so many messages to the friend by itself, with `linda-bot send`; raises MissedError."""
        for number in range(1, count + 1):
            ran = await self.command("send", self._friend.number, f"message {number}")
            if ran.code:
                raise MissedError(f"`linda-bot send` ended with exit code {ran.code}")

    async def answers(self, count: int, *, within_s: float = 20) -> None:
        """Wait for so many messages to the friend; raises MissedError when there are fewer, or more come."""
        for number in range(count):
            try:
                await self._answer(self._friend, within_s)
            except MissedError:
                raise MissedError(f"{number} of {count} answers arrived") from None
        await asyncio.sleep(_SETTLE_S)
        if more := len(self._friend.received()):
            raise MissedError(f"{count + more} answers came, not {count}")

    async def settle(self) -> None:
        """Let answers arrive, until none has come for a moment."""
        with suppress(TimeoutError):
            while True:
                await self._friend.next_message(within_s=2 * _SETTLE_S)

    async def command(self, *arguments: str | Path) -> Ran:
        """Carry out a command on the bot's data, with --json; raises MissedError when it prints something else."""
        process = await asyncio.create_subprocess_exec(
            *console_script(),
            *map(str, arguments),
            "--json",
            "--data-dir",
            self.paths.data_dir,
            env=_environment(self._settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_COMMAND_WITHIN_S):
                out, told = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        try:
            return Ran(process.returncode, json.loads(out) if out.strip() else None)
        except ValueError:
            said = (told or out).decode(errors="replace").strip().splitlines()
            raise MissedError(f"`linda-bot {arguments[0]}` printed no JSON: {''.join(said[-1:])}") from None

    def written(self, path: Path) -> Any:
        """Return what a JSON file of the bot's says; None when it cannot be read."""
        try:
            return json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None

    async def until(self, happened: Callable[[], object], otherwise: str, *, within_s: float = 10) -> None:
        """Look again and again until something is so; raises MissedError."""
        give_up_at = time.monotonic() + within_s
        while not happened():
            if time.monotonic() > give_up_at:
                raise MissedError(f"{otherwise} within {within_s:g} s")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def close(self) -> None:
        """End everything of it, whatever it does, and wait until it is gone."""
        for run in self.runs:
            self._engines += children_of(run.pid)
            await run.close()
        for engine in await gone(self._engines, within_s=_END_WITHIN_S):
            engine.kill()

    async def _answer(self, friend: Contact, within_s: float) -> None:
        try:
            await friend.next_message(within_s=within_s)
        except TimeoutError:
            raise MissedError(f"no answer came within {within_s:g} s") from None


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("LINDA_")}
    return {**inherited, "NO_COLOR": "1", **settings}


def why(error: LindaError, bot_said: list[str]) -> str:
    """Return an error as one line; one about a bot's silence ends with the last thing that it said."""
    first, _, more = str(error).partition("\n")
    first = first.removesuffix("; it said:")
    last = next((line.strip() for line in reversed(bot_said) if line.strip()), "")
    return f"{first}; the last it said was: {last}" if more and last else first
