"""The daemon's own beginning and end, told on the bus, so that the next look back knows how it went."""

import asyncio
import os
from types import TracebackType

from linda_bot import __version__
from linda_bot.connection.events import DaemonStarted, DaemonStopped, DaemonStopping
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode, LindaError
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.rollback import boot_id, load_run_mark


class Life:
    """Tells of one run. What is never told is that it was killed: the run after it finds that out."""

    def __init__(self, bus: EventBus, paths: SessionPaths) -> None:
        self._bus = bus
        self._paths = paths
        self._why = ""
        self._code = ExitCode.OK
        self._has_ended = False

    def begin(self) -> None:
        """Say that the bot has begun; before an engine is started, which changes the mark of the last run."""
        self._bus.publish(DaemonStarted(pid=os.getpid(), version=__version__, before=end_before(self._paths)))

    def asked_to_stop(self) -> None:
        """Say that somebody has asked for the end."""
        self._end_because("signal", ExitCode.OK)

    def gave_up(self, code: ExitCode) -> ExitCode:
        """Say that the link has ended by itself; returns the exit code, for its caller to return."""
        self._end_because("gave_up" if code else "done", code)
        return code

    def close(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Say that the bot has ended, once, as soon as it is known how; to be pushed on an exit stack."""
        because = ""
        if error is not None and not self._has_ended:
            because = f"{type(error).__name__}: {error}"
            if isinstance(error, LindaError):
                because = str(error)
                self._end_because("error", ExitCode(error.exit_code))
            elif isinstance(error, Exception):
                self._end_because("crash", ExitCode.BUG)
            elif isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
                because = ""
                self._end_because("signal", ExitCode.OK)
        if self._why and not self._has_ended:
            self._has_ended = True
            self._bus.publish(DaemonStopped(why=self._why, exit_code=self._code, because=because))

    def _end_because(self, why: str, code: ExitCode) -> None:
        first, self._why, self._code = not self._why, why, code
        if first:
            self._bus.publish(DaemonStopping(why=why))


def end_before(paths: SessionPaths) -> str:
    """Return how the run before this one ended: `first`, `in_order`, `cut_short` or `machine_down`."""
    mark = load_run_mark(paths.run_mark)
    if mark.running:
        this_boot = boot_id()
        other_boot = bool(mark.boot_id and this_boot) and mark.boot_id != this_boot
        return "machine_down" if other_boot else "cut_short"
    return "in_order" if mark.boot_id or paths.history.exists() else "first"
