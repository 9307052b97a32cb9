"""The end of an engine that may not be there any more, whatever its daemon does."""

import os
from threading import Condition, Thread

from linda_bot.kernel.uptime import uptime_s

_GONE_AFTER_TIME = 0
_LONGEST_STEP_S = 0.25


class Deadline:
    """Ends the process when its right to be there has run out; without one nothing ever does."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._ends_at: float | None = None

    def extend(self, until: float) -> None:
        """Let the process live until a moment of `uptime_s`; ends it at once where that, or the end before, has passed.

        A moment and not a duration: what lay in a pipe while the process was stopped must not count from its waking.
        """
        with self._changed:
            began, ends_at = self._ends_at is None, self._ends_at
            if min(until, until if ends_at is None else ends_at) <= uptime_s():
                os._exit(_GONE_AFTER_TIME)
            self._ends_at = until
            self._changed.notify()
        if began:
            Thread(target=self._watch, name="deadline", daemon=True).start()

    def _watch(self) -> None:
        with self._changed:
            while (left_s := (self._ends_at or 0.0) - uptime_s()) > 0:
                # Short steps: a wait is measured by a clock that may have stood still.
                self._changed.wait(min(left_s, _LONGEST_STEP_S))
        os._exit(_GONE_AFTER_TIME)
