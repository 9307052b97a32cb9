"""A bot that runs as people run it: `linda-bot run` as a child process, read line by line."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from linda_bot.kernel.errors import LindaError
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.qr import UnreadableQrError, qr_from_terminal

_LOOK_EVERY_S = 0.005
LISTENING = "listening for messages"
"""What the bot says when it is ready."""


class BotError(LindaError):
    """The bot did not do what was waited for."""


class BotProcess:
    """One run of a bot."""

    def __init__(self, process: asyncio.subprocess.Process, echo: Callable[[str], None] | None) -> None:
        self.pid = process.pid
        self.lines: list[str] = []
        self._process = process
        self._echo = echo
        self._started = time.monotonic()
        self._seen_at: list[float] = []
        self._reading = spawn_task(self._read(), name=f"output of {process.pid}")

    @classmethod
    async def start(
        cls,
        *arguments: str | Path,
        environment: Mapping[str, str] | None = None,
        echo: Callable[[str], None] | None = None,
        cwd: Path | None = None,
    ) -> Self:
        """Start the console script with these arguments; settings in our own environment are not handed on."""
        inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("LINDA_")}
        process = await asyncio.create_subprocess_exec(
            *console_script(),
            *(str(argument) for argument in arguments),
            env={**inherited, "NO_COLOR": "1", **(environment or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=cwd,
        )
        return cls(process, echo)

    @property
    def screen(self) -> str:
        """Everything that it has printed."""
        return "\n".join(self.lines)

    async def wait_for(self, sign: str, *, within_s: float = 15, times: int = 1) -> float:
        """Wait until a line with this sign was printed so many times; return when, in seconds after the start.

        Raises BotError, with what was printed, when it does not come or the bot has ended.
        """
        give_up_at = time.monotonic() + within_s
        while True:
            found = [at for at, line in zip(self._seen_at, self.lines, strict=False) if sign in line]
            if len(found) >= times:
                return found[times - 1]
            if time.monotonic() > give_up_at or self._reading.done():
                message = f"the bot did not say {sign!r} within {within_s:g} s; it said:\n{self.screen}"
                raise BotError(message)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def qr_text(self, *, within_s: float = 15) -> str:
        """Return the text of the QR code that it shows, read off its output."""
        await self.wait_for("Waiting for the scan", within_s=within_s)
        try:
            return qr_from_terminal(self.screen)
        except UnreadableQrError as error:
            message = f"{error}:\n{self.screen}"
            raise BotError(message) from error

    async def ready(self, *, within_s: float = 15) -> float:
        """Wait until it listens; return when, in seconds after the start."""
        return await self.wait_for(LISTENING, within_s=within_s)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def exited(self, *, within_s: float = 10) -> int:
        """Wait until it has ended and its output is closed; return its exit status."""
        try:
            async with asyncio.timeout(within_s):
                code = await self._process.wait()
                await self._reading
        except TimeoutError:
            message = f"the bot did not end within {within_s:g} s; it said:\n{self.screen}"
            raise BotError(message) from None
        return code

    async def stop(self, number: signal.Signals = signal.SIGTERM, *, within_s: float = 10) -> int:
        """Send a signal and wait for the end."""
        self.send_signal(number)
        return await self.exited(within_s=within_s)

    async def close(self) -> None:
        """End it whatever it does; for the end of a test or a demo."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            text = line.decode(errors="replace").rstrip("\n")
            self._seen_at.append(time.monotonic() - self._started)
            self.lines.append(text)
            if self._echo is not None:
                self._echo(text)


def console_script() -> tuple[str, ...]:
    """Return the command that people type; the module form where the script is not installed beside this Python."""
    script = Path(sys.executable).with_name("linda-bot")
    return (str(script),) if script.exists() else (sys.executable, "-m", "linda_bot")
