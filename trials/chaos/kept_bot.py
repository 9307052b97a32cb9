"""A bot under a supervisor that starts it again whenever it has ended, as systemd and Docker do."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

from linda_bot.kernel.errors import ExitCode, LindaError
from linda_bot.kernel.tasks import spawn_task
from linda_bot.rehearsal.bot import CODE_SIGN
from linda_bot.rehearsal.processes import Process, children_of, gone
from linda_bot.sandbox.bot_process import BotProcess

_PAUSE_S = 0.3
_FOR_EVER_S = 1e8
_ENDS_WITHIN_S = 8
"""Five seconds are promised; the rest is for a machine that is busy with three such trials."""
_ENGINE_ENDS_WITHIN_S = 10
_EXPECTED = {ExitCode.OK, ExitCode.USAGE, ExitCode.REPLACED, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP}
"""How it may end: when asked to; on a full disk; after three others have taken the device over; when it was killed,
or was asked to end before Python could know what to do then."""


class KeptBot:
    """One data directory, and the runs of the bot on it, one after the other."""

    def __init__(
        self,
        arguments: Sequence[str | Path],
        environment: Mapping[str, str],
        *,
        story: Path,
        breach: Callable[[str], None],
    ) -> None:
        """Describe a bot; what its runs print goes into a file, and what they must not do is told at once."""
        self.starts = 0
        self._arguments = arguments
        self._environment = environment
        self._story = story
        self._breach = breach
        self._now: BotProcess | None = None
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._hands = asyncio.Lock()
        self._is_linked = False
        self._codes_known = 0

    @property
    def pid(self) -> int | None:
        """The daemon; None while there is none."""
        return self._now.pid if self._now is not None else None

    @property
    def screen(self) -> str:
        """What the run of this moment has printed."""
        return self._now.screen if self._now is not None else ""

    async def start(self) -> BotProcess:
        """Begin to keep it running; return the first run."""
        self._wanted.set()
        self._keeping = spawn_task(self._keep(), name="supervisor of the bot")
        while self._now is None:
            await asyncio.sleep(0.01)
        return self._now

    def is_linked(self) -> None:
        """From here on no QR code may be shown."""
        assert self._now is not None
        self._is_linked = True
        self._codes_known = self._now.screen.count(CODE_SIGN)

    async def close(self) -> None:
        """End it for good."""
        self._wanted.clear()
        run = self._now
        if run is not None:
            self.thaw()
            with suppress(LindaError):
                await run.stop(within_s=_ENDS_WITHIN_S)
            await run.close()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    def engines(self) -> list[Process]:
        """Return the children that speak to WhatsApp."""
        found = children_of(self.pid) if self.pid is not None else []
        return [child for child in found if ".engine" in _command_line(child.pid)]

    def send_signal(self, number: signal.Signals) -> bool:
        """Send the daemon a signal; return whether there was one."""
        if self._now is None:
            return False
        self._now.send_signal(number)
        return True

    def kill_engines(self) -> int:
        """Kill what speaks to WhatsApp; return how many that were."""
        engines = self.engines()
        for engine in engines:
            engine.kill()
        return len(engines)

    def power_off(self) -> bool:
        """Kill all of it at once; return whether there was anything."""
        engines = children_of(self.pid) if self.pid is not None else []
        was_there = self.send_signal(signal.SIGKILL)
        for engine in engines:
            engine.kill()
        return was_there

    def thaw(self) -> None:
        """Let everything of it go on that was stopped."""
        if self.pid is None:
            return
        for pid in (self.pid, *(child.pid for child in children_of(self.pid))):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @asynccontextmanager
    async def down(self, *, in_order: bool) -> AsyncIterator[None]:
        """End it, in order or as a power loss does, and keep it from being started until the end of the block."""
        async with self._hands:
            self._wanted.clear()
            try:
                async with asyncio.timeout(_ENDS_WITHIN_S):
                    while self._now is None and not self._idle.is_set():  # it is just being started, or has just ended
                        await asyncio.sleep(0.01)
                run, children = self._now, children_of(self.pid) if self.pid is not None else []
                if run is not None:
                    self.thaw()
                    if in_order:
                        run.send_signal(signal.SIGTERM)
                    else:
                        self.power_off()
                    await run.exited(within_s=_ENDS_WITHIN_S)
                await gone(children, within_s=_ENGINE_ENDS_WITHIN_S)
                yield
            finally:
                self._wanted.set()

    async def _keep(self) -> None:
        while True:
            self._idle.set()
            await self._wanted.wait()
            self._idle.clear()
            run = await BotProcess.start(*self._arguments, environment=self._environment)
            self.starts += 1
            self._now = run
            code = await run.exited(within_s=_FOR_EVER_S)
            self._now = None
            self._look_back(run, code)
            self._codes_known = 0
            await asyncio.sleep(_PAUSE_S)

    def look(self) -> None:
        """See whether the run of this moment has printed what it must not."""
        if self._now is not None:
            self._judge(self._now)

    def _look_back(self, run: BotProcess, code: int) -> None:
        with self._story.open("a") as story:
            story.write(f"{run.screen}\n[{run.pid} ended with {code}]\n")
        if code not in _EXPECTED:
            self._breach(f"the bot ended with exit code {code}: {run.lines[-1] if run.lines else ''}")
        self._judge(run)

    def _judge(self, run: BotProcess) -> None:
        if "Traceback (most recent call last)" in run.screen:
            self._breach("a traceback on the screen")
        if self._is_linked and run.screen.count(CODE_SIGN) > self._codes_known:
            self._breach("a QR code was shown to a bot that is linked")


def _command_line(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""
