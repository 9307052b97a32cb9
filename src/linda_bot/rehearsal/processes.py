"""The processes of a bot, as Linux tells of them."""

import asyncio
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_LOOK_EVERY_S = 0.02
_PARENT, _STARTED = 1, 19
"""Where it stands in /proc/PID/stat, after the name in brackets."""


class Process(NamedTuple):
    """A process that is told from a later one with the same number."""

    pid: int
    started: str

    @property
    def runs(self) -> bool:
        """Whether it is still there."""
        found = _stat(self.pid)
        return bool(found) and found[_STARTED] == self.started and found[0] != "Z"

    def kill(self) -> None:
        """End it at once, if it is still there."""
        if self.runs:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def children_of(pid: int) -> list[Process]:
    """Return what a process has started and what has not ended."""
    return [
        Process(int(entry.name), found[_STARTED])
        for entry in _PROC.iterdir()
        if entry.name.isdecimal() and (found := _stat(int(entry.name))) and found[_PARENT] == str(pid)
    ]


def open_files_of(pid: int) -> int:
    """Return how many descriptors a process has open; 0 when it has ended."""
    with suppress(OSError):
        return len(os.listdir(_PROC / str(pid) / "fd"))  # noqa: PTH208 (only how many)
    return 0


async def gone(processes: Iterable[Process], *, within_s: float) -> list[Process]:
    """Wait until processes have ended; return those that have not."""
    left, give_up_at = list(processes), time.monotonic() + within_s
    while (left := [each for each in left if each.runs]) and time.monotonic() < give_up_at:  # noqa: ASYNC110 (they are not our children)
        await asyncio.sleep(_LOOK_EVERY_S)
    return left


def _stat(pid: int) -> list[str]:
    try:
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
