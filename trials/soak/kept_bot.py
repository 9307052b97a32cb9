"""The bot of a run: linked once, and started again whenever it has ended."""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from linda_bot.sandbox.bot_process import LISTENING, BotProcess
from linda_bot.sandbox.server import Sandbox
from tests.support import echo_bot
from tests.support.streams import BOT
from trials.soak.looking import processes_of

_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 20.0
_LAST_WORDS = 5
_LOOK_EVERY_S = 0.2


class KeptBot:
    """`linda-bot run` on a sandbox, one process after the other."""

    def __init__(self, sandbox: Sandbox, settings: Mapping[str, str]) -> None:
        self.data_dir = sandbox.directory / "bot"
        self._sandbox = sandbox
        self._settings = settings
        self._process: BotProcess | None = None

    @property
    def pid(self) -> int:
        """The daemon's process id; 0 before the first start."""
        return self._process.pid if self._process else 0

    @property
    def runs(self) -> bool:
        """Whether the daemon is there."""
        with suppress(psutil.Error):
            return bool(self.pid) and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        return False

    async def link(self) -> None:
        """Start it for the first time and have its code scanned; raises BotError."""
        await self._start()
        await self._sandbox.phone(BOT).scan(await self._now.qr_text(within_s=_READY_WITHIN_S))
        await self._now.ready(within_s=_READY_WITHIN_S)

    async def start(self) -> None:
        """Start it and wait until it listens; raises BotError."""
        await self._start()
        await self._now.ready(within_s=_READY_WITHIN_S)

    async def stop(self, number: signal.Signals) -> int:
        """Send it a signal and wait for its end; return its exit status. Raises BotError."""
        return await self._now.stop(number, within_s=_STOP_WITHIN_S)

    async def kill_engine(self) -> None:
        """Kill what speaks to WhatsApp, and wait until another one does; raises BotError."""
        times = sum(LISTENING in line for line in self._now.lines)
        engine = processes_of(self.pid).engine
        if engine is not None:
            with suppress(ProcessLookupError):
                os.kill(engine.pid, signal.SIGKILL)
            await self._now.wait_for(LISTENING, times=times + 1, within_s=_READY_WITHIN_S)

    async def ended(self) -> tuple[int, str]:
        """Wait until it ends by itself; return its exit status and its last words."""
        while self.runs:
            await asyncio.sleep(_LOOK_EVERY_S)
        code = await self._now.exited(within_s=_STOP_WITHIN_S)
        return code, " | ".join(self._now.lines[-_LAST_WORDS:])

    def said_traceback(self) -> bool:
        """Return whether this process has printed one."""
        return self._process is not None and any("Traceback" in line for line in self._process.lines)

    async def close(self) -> None:
        """End it whatever it does."""
        if self._process is not None:
            await self._process.close()

    @property
    def _now(self) -> BotProcess:
        assert self._process is not None, "it was not started"
        return self._process

    async def _start(self) -> None:
        await self.close()
        self._process = await BotProcess.start(
            "run",
            "--sandbox",
            self._sandbox.directory,
            "--data-dir",
            self.data_dir,
            "--handlers",
            Path(echo_bot.__file__),
            environment=self._settings,
        )
