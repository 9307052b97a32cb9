"""What single samples do not show: the last hour, what does not get less, what only grows; pure."""

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from linda_bot.health.samples import Period

_HOUR_S = 3600.0
_BUCKET_S = 300.0
_IN_A_ROW = 3
_HOURS_AT_LEAST = 12
_HOURS_AT_MOST = 24
_GROWTH_MB = 20.0
_GROWTH_SHARE = 1.1


class Recent(NamedTuple):
    """What happened in the last hour."""

    reconnects: int = 0
    handled: int = 0
    handler_errors: int = 0
    sent: int = 0
    send_failures: int = 0

    @property
    def error_share(self) -> float:
        """How many of the attempts to handle a message have failed; 0 where there are too few to tell."""
        return _share(self.handler_errors, self.handled)

    @property
    def failure_share(self) -> float:
        """How many messages could not be sent; 0 where there are too few to tell."""
        return _share(self.send_failures, self.sent)


class LastHour:
    """Adds up the last hour, in steps of five minutes."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[float, Recent]] = deque()

    def add(self, period: Period, now: float) -> Recent:
        """Take what happened just now (seconds of any clock that only goes forward); return the hour's sums."""
        new = Recent(*(getattr(period, name) for name in Recent._fields))
        began = now // _BUCKET_S * _BUCKET_S
        if self._buckets and self._buckets[-1][0] == began:
            new = _sum([self._buckets.pop()[1], new])
        self._buckets.append((began, new))
        while self._buckets[0][0] <= now - _HOUR_S - _BUCKET_S:
            self._buckets.popleft()
        return _sum([each for _, each in self._buckets])


class Floor:
    """The lowest of the last three values: what stays high, instead of being high for a moment."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=_IN_A_ROW)

    def add(self, value: float | None) -> float:
        """Take a value; return the lowest of the last three, minus infinity while there are fewer."""
        if value is None:
            self._last.clear()
            return -math.inf
        self._last.append(value)
        return min(self._last) if len(self._last) == _IN_A_ROW else -math.inf


class Growth:
    """Whether the memory only grows, as far as the lowest values of each hour tell."""

    def __init__(self, limit_mb: float) -> None:
        self._limit_mb = limit_mb
        self._hours: deque[tuple[int, float]] = deque(maxlen=_HOURS_AT_MOST)

    def add(self, memory_mb: float | None, now: float) -> float | None:
        """Take how much memory there is; return in how many hours the limit is reached, None where it is not."""
        if memory_mb is None:
            return None
        hour = int(now // _HOUR_S)
        if self._hours and self._hours[-1][0] == hour:
            memory_mb = min(memory_mb, self._hours.pop()[1])
        self._hours.append((hour, memory_mb))
        return hours_until(self._limit_mb, [lowest for _, lowest in self._hours])


def hours_until(limit_mb: float, hourly: Sequence[float]) -> float | None:
    """Return in how many hours the limit is reached; None where the memory does not steadily grow towards it."""
    if len(hourly) < _HOURS_AT_LEAST or hourly[-1] >= limit_mb:
        return None
    third = len(hourly) // 3
    first, middle, last = (
        sum(part) / len(part) for part in (hourly[:third], hourly[third:-third], hourly[-third:])
    )  # fmt: skip
    is_steady = first < middle < last
    if not is_steady or last - first < _GROWTH_MB or last < first * _GROWTH_SHARE:
        return None
    slope = (last - first) / (len(hourly) - third)
    return (limit_mb - hourly[-1]) / slope


def _sum(parts: Sequence[Recent]) -> Recent:
    return Recent(*(sum(values) for values in zip(*parts, strict=True)))


_FEWEST_FAILURES = 3


def _share(failed: int, succeeded: int) -> float:
    return failed / (failed + succeeded) if failed >= _FEWEST_FAILURES else 0.0
