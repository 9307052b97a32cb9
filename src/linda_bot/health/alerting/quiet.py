"""Hours in which nobody wants to be woken, by the clock on the wall; pure."""

from datetime import datetime, tzinfo
from typing import NamedTuple

from linda_bot.kernel.errors import UsageError


class QuietHours(NamedTuple):
    """From one time of the day to another, the second not included; both in minutes after midnight."""

    begin: int
    end: int
    zone: tzinfo | None = None
    """None for the machine's."""

    def include(self, at: datetime) -> bool:
        """Return whether this moment is within them.

        It is what a clock on the wall shows that counts: on the day on which clocks are turned back an hour may be
        quiet twice, on the day on which they are turned forward one is left out.
        """
        local = at.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end


def quiet_hours(text: str | None, zone: tzinfo | None = None) -> QuietHours | None:
    """Return the hours that a setting like `22:00-07:00` means; raises UsageError when they are none or all."""
    if text is None:
        return None
    begin, end = (int(time[:2]) * 60 + int(time[3:]) for time in text.split("-"))
    if begin == end:
        raise UsageError(
            f"LINDA_ALERT__QUIET={text} is wrong: it must be two different times of the day, for example 22:00-07:00"
        )
    return QuietHours(begin, end, zone)
