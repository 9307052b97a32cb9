"""The end of an engine that may not be there any more, whatever its daemon does."""

import os
import time
from threading import Condition, Thread

_GONE_AFTER_TIME = 0
_clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine sleeps, where the system has such a clock; no wall clock: that can be set."""


class Deadline:
    """Ends the process when its right to be there has run out; without one nothing ever does."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._ends_at: float | None = None

    def extend(self, right_s: float) -> None:
        """Let the process live for so many seconds from now on."""
        with self._changed:
            began, self._ends_at = self._ends_at is None, time.clock_gettime(_clock) + right_s
            self._changed.notify()
        if began:
            Thread(target=self._watch, name="deadline", daemon=True).start()

    def _watch(self) -> None:
        with self._changed:
            while (left_s := (self._ends_at or 0.0) - time.clock_gettime(_clock)) > 0:
                # Short steps: a wait is measured by a clock that may have stood still.
                self._changed.wait(min(left_s, 0.25))
        os._exit(_GONE_AFTER_TIME)
