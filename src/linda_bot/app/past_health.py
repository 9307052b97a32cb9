"""What the last day and week were like, for a page that shows it; read again only when there is more to tell."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple

from linda_bot.health.history import Record, read_record
from linda_bot.health.samples import Reason, Sample
from linda_bot.health.stats import Day, Span, chart, days_back, last_day, statistics
from linda_bot.sessions.paths import SessionPaths

DAY = timedelta(days=1)
_WEEK_DAYS = 7
_POINTS = 144
"""Of a curve of a day: one for ten minutes."""

_CHANGES = timedelta(minutes=1)
"""How long a chart stays as it is, whatever the files say."""


class Point(NamedTuple):
    """The highest value of some minutes."""

    at: datetime
    value: float


class Curve(NamedTuple):
    """How something was in the last day."""

    points: tuple[Point, ...]
    """Oldest first; where nothing is known there is none."""
    least: float
    usual: float
    """The median."""
    most: float


class PastHealth(NamedTuple):
    """What the record says."""

    until: datetime
    """When the last word of it was written: what came after that is not known yet."""
    day: Day
    """The last 24 hours, in half hours."""
    week: tuple[Day, ...]
    """Seven days that end with today, in hours, as the clock of this machine counts them."""
    day_share: float | None
    """How much of the time in which the bot ran the link was up, 0 to 1; None where it did not run."""
    week_share: float | None
    round_trip_ms: Curve | None
    """None where nothing is known."""
    memory_mb: Curve | None
    reasons: tuple[Reason, ...]
    """Why the last look found nothing better."""


class HealthRecord:
    """The record of a session; its method blocks, and belongs into a thread."""

    def __init__(self, paths: SessionPaths, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._paths = paths
        self._now = now
        self._mark: object = None
        self._record = Record([])
        self._past: PastHealth | None = None
        self._made_at = datetime.min.replace(tzinfo=UTC)

    def read(self) -> PastHealth | None:
        """Return what the record says; None where it says nothing. Raises OSError."""
        mark, now = tuple(map(_mark_of, (self._paths.health_log, self._paths.health_now))), self._now()
        if mark != self._mark:
            self._record, self._mark = read_record(self._paths), mark
        elif timedelta() <= now - self._made_at < _CHANGES:
            return self._past
        self._past, self._made_at = past_health(self._record.everything, now), now
        return self._past


def past_health(samples: Sequence[Sample], now: datetime) -> PastHealth | None:
    """Return what samples, in order of time, tell at a moment; None where there are none."""
    if not samples:
        return None
    until = min(samples[-1].at, now)
    midnights = days_back(_WEEK_DAYS, until)
    lately = [sample for sample in samples if until - DAY < sample.at <= until]
    return PastHealth(
        until=until,
        day=last_day(samples, until),
        week=tuple(chart(samples, midnights, until, per_hour=1)),
        day_share=statistics(samples, Span(until - DAY, until)).up_share,
        week_share=statistics(samples, Span(midnights[0].astimezone(UTC), until)).up_share,
        round_trip_ms=_curve(lately, until, lambda sample: sample.readings.round_trip_ms),
        memory_mb=_curve(lately, until, lambda sample: sample.readings.memory_mb),
        reasons=samples[-1].reasons,
    )


def _curve(samples: Sequence[Sample], until: datetime, value_of: Callable[[Sample], float | None]) -> Curve | None:
    known = [Point(sample.at, value) for sample in samples if (value := value_of(sample)) is not None]
    if not known:
        return None
    highest: dict[int, Point] = {}
    for point in known:
        place = int((until - point.at) / DAY * _POINTS)
        if place not in highest or point.value >= highest[place].value:
            highest[place] = point
    points = tuple(highest[place] for place in sorted(highest, reverse=True))
    values = [point.value for point in known]
    return Curve(points, min(values), median(values), max(values))


def _mark_of(path: Path) -> tuple[int, int, int]:
    """Return what changes with a file's content."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)
