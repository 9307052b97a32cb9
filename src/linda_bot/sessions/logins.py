"""When a session has logged in lately, and whether the next login must wait: a crash loop must not become a flood.

A supervisor that starts a crashing bot again and again would otherwise log in once a second; servers lock out for less.
"""

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_LONGEST = 200
"""So many lines are kept before they are replaced by fewer that say the same."""

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
    """Return for how many seconds the next login must wait, at most the spacing.

    Times are seconds of any clock, oldest first.
    """
    if manners.spacing_s <= 0:
        return 0.0
    free, since = _free_after(logins, now, manners)
    free = min(free + (now - since) / manners.spacing_s, manners.at_once)
    return max((1 - free) * manners.spacing_s, 0.0)


def summed_up(logins: Sequence[float], now: float, manners: Manners) -> list[float]:
    """Return at most `at_once` logins from which the same follows as from these, or a moment's more patience."""
    if manners.spacing_s <= 0:
        return []
    free, since = _free_after(logins, now, manners)
    return [] if since == -math.inf else [since] * math.ceil(manners.at_once - free)


def note_login(path: Path, now: float, manners: Manners) -> float:
    """Note that a login follows, and return for how many seconds it must wait; an unwritable disk forbids nothing.

    A line is appended, not synchronised: a restart waits for nothing here, and a power loss is no crash loop.
    """
    logins, is_long = _load(path)
    wait_s = due_in(logins, now, manners)
    kept = summed_up(logins, now, manners) if is_long else []
    # Not blocking: a pipe in the file's place would wait for a reader.
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    flags |= os.O_TRUNC if is_long else os.O_APPEND
    with suppress(OSError):
        descriptor = os.open(path, flags, 0o600)
        try:
            os.write(descriptor, "".join(f"{login:.3f}\n" for login in [*kept, now + wait_s]).encode())
        finally:
            os.close(descriptor)
    return wait_s


def _free_after(logins: Sequence[float], now: float, manners: Manners) -> tuple[float, float]:
    """Return how many logins needed no wait just after the last one, and when that was; minus infinity for never."""
    free, since = float(manners.at_once), -math.inf
    for login in logins:
        if login > now:  # the clock was set back, or its bot died before it: it says nothing
            break
        # Not below zero: whoever logged in faster than this, under other manners, has not to make up for it.
        free = max(min(free + (login - since) / manners.spacing_s, manners.at_once) - 1, 0.0)
        since = login
    return free, since


def _load(path: Path) -> tuple[list[float], bool]:
    """Return the times that can be read, and whether the file has grown long; half a line, after a crash, is none."""
    try:
        if not path.is_file():
            return [], False
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _READ_AT_MOST, 0))
            lines = file.read(_READ_AT_MOST).split()
    except OSError:
        return [], False
    times = []
    for line in lines:
        with suppress(ValueError):
            times.append(float(line))
    return sorted(time for time in times if math.isfinite(time)), size > _READ_AT_MOST or len(lines) > _LONGEST
