"""A clock that all processes of a machine share, that nobody sets, and that goes on while the machine sleeps."""

import time

_clock: int = getattr(time, "CLOCK_BOOTTIME", None) or time.CLOCK_MONOTONIC_RAW
"""macOS has none by the first name; its second one goes on while it sleeps, where Linux's stands still."""


def uptime_s() -> float:
    """Return the seconds since the machine was started, those that it slept included."""
    return time.clock_gettime(_clock)
