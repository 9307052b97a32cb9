"""Durations as people type them; pure."""

import re

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(text: str) -> float:
    """Return how many seconds `90s`, `30m`, `12h` or `3d` are; raises ValueError, which says what is right."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if found is None or not float(found[1]):
        message = f"{text[:40]!r} is no duration; write for example 90s, 30m, 12h or 3d"
        raise ValueError(message)
    return float(found[1]) * _UNITS[found[2]]
