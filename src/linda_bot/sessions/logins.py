"""When a session has logged in lately, and whether the next login must wait: a crash loop must not become a flood.

A supervisor that starts a crashing bot again and again would otherwise log in once a second; servers lock out for less.
"""

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_KEPT = 100
_READ_AT_MOST = 65536


class Manners(NamedTuple):
    """How often a session may log in."""

    at_once: int
    """So many logins in a row need no wait: restarts by hand, a deployment, a short crash loop."""
    spacing_s: float
    """After that, one login in so many seconds; 0 for no limit."""


NO_MANNERS = Manners(at_once=1, spacing_s=0)
"""No limit."""


def due_in(logins: Sequence[float], now: float, manners: Manners) -> float:
    """Return for how many seconds the next login must wait; times are seconds of any clock, oldest first."""
    if manners.spacing_s <= 0:
        return 0.0
    free, since = float(manners.at_once), -math.inf
    for login in logins:
        if login > now:  # the clock was set back: a login of the future says nothing
            continue
        free = min(free + (login - since) / manners.spacing_s, manners.at_once) - 1
        since = login
    free = min(free + (now - since) / manners.spacing_s, manners.at_once)
    return max((1 - free) * manners.spacing_s, 0.0)


def note_login(path: Path, now: float, manners: Manners) -> float:
    """Note that a login follows, and return for how many seconds it must wait; an unwritable disk forbids nothing.

    A line is appended, not synchronised: a restart waits for nothing here, and a power loss is no crash loop.
    """
    logins = _load(path)
    wait_s = due_in(logins, now, manners)
    lines = logins[-_KEPT:] if len(logins) > 2 * _KEPT else []
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_TRUNC if lines else os.O_APPEND)
    with suppress(OSError):
        descriptor = os.open(path, flags, 0o600)
        try:
            os.write(descriptor, "".join(f"{login:.3f}\n" for login in [*lines, now + wait_s]).encode())
        finally:
            os.close(descriptor)
    return wait_s


def _load(path: Path) -> list[float]:
    """Return the times that can be read; half a line, after a crash, is none."""
    if not path.is_file():
        return []
    try:
        with path.open("rb") as file:
            lines = file.read(_READ_AT_MOST).split()
    except OSError:
        return []
    times = []
    for line in lines:
        with suppress(ValueError):
            times.append(float(line))
    return sorted(time for time in times if math.isfinite(time))
