"""Times as people type them."""

import re
from datetime import UTC, datetime, timedelta

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.masking import printable

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SHOWN = 40


def moment_of(option: str, text: str, now: datetime) -> datetime:
    """Return the moment that an option means: `2h` ago, or `2026-02-07T08:00`, in local time where no zone is said.

    Raises UsageError.
    """
    ago = re.fullmatch(r"(\d{1,9})\s*([smhdw])", text.strip())
    try:
        if ago:
            return now - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        right = "it must be how long ago (30m, 2h, 3d) or a time such as 2026-02-07T08:00"
        raise UsageError(f"{option} {printable(text, _SHOWN)} is wrong: {right}") from None
