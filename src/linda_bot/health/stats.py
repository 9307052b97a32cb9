"""What a time was like, from the samples of it: figures, and the cells of a chart; pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from enum import Enum
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec

from linda_bot.health.samples import Period, Sample
from linda_bot.health.states import CONNECTED

_DAY_H = 24
_FULL = 0.995
"""From which share of a cell on it counts as whole: an hour may lack 18 seconds."""
_SOME = 0.02
_MOST_DAYS = 30


class Span(NamedTuple):
    """A time."""

    since: datetime
    until: datetime

    @property
    def seconds(self) -> float:
        """How long it is; never negative."""
        return max((self.until - self.since).total_seconds(), 0.0)


class Statistics(NamedTuple):
    """Figures of a time."""

    span: Span
    since: datetime | None
    """Since when anything is known of it; None for nothing."""
    period: Period
    """What happened, added up."""
    off_s: float
    """For how long the bot did not run, since anything is known."""
    memory_mb: float | None
    """At the worst."""
    round_trip_ms: float | None
    """At the worst."""
    loop_lag_ms: float | None
    """At the worst."""

    @property
    def up_share(self) -> float | None:
        """How much of the time in which the bot ran the link was up, 0 to 1; None where it did not run."""
        return self.period.up_s / self.period.span_s if self.period.span_s > 0 else None

    @property
    def recovery_s(self) -> float | None:
        """How long an outage took on average, of those that ended; None where there was none."""
        return self.period.outage_s / self.period.outages if self.period.outages else None


def statistics(samples: Sequence[Sample], span: Span) -> Statistics:
    """Add up the samples of a time, in order of time; of one that begins before it only the part that is in it."""
    touched = [sample for sample in samples if sample.at > span.since and sample.began < span.until]
    period = Period()
    for sample in touched:
        period += _within(sample, span)
    readings = [sample.readings for sample in touched]
    since = max(min(sample.began for sample in touched), span.since) if touched else None
    known_s = Span(since, span.until).seconds if since is not None else 0.0
    return Statistics(
        span=span,
        since=since,
        period=period,
        off_s=max(known_s - period.span_s, 0.0),
        memory_mb=_worst(each.memory_mb for each in readings),
        round_trip_ms=_worst(each.round_trip_ms for each in readings),
        loop_lag_ms=_worst(each.loop_lag_ms for each in readings),
    )


def _within(sample: Sample, span: Span) -> Period:
    """Return what of a sample is in a time; counts belong to its end."""
    share = _share(sample, span.since, span.until)
    if share >= 1:
        return sample.period
    states = {state: seconds * share for state, seconds in sample.period.states.items()}
    if sample.at > span.until:
        return Period(states=states)
    return msgspec.structs.replace(sample.period, states=states)


def _share(sample: Sample, since: datetime, until: datetime) -> float:
    """Return how much of a sample's time is between two moments."""
    whole_s = (sample.at - sample.began).total_seconds()
    if whole_s <= 0:
        return float(since < sample.at <= until)
    inside_s = (min(sample.at, until) - max(sample.began, since)).total_seconds()
    return min(max(inside_s / whole_s, 0.0), 1.0)


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


class Cell(Enum):
    """What a piece of the chart was like."""

    UP = "up"
    PARTLY = "partly"
    """Up for a part of it."""
    DOWN = "down"
    """The bot ran without a link."""
    OFF = "off"
    """It did not run, as far as is known."""
    TO_COME = "to_come"


class Day(NamedTuple):
    """A row of the chart."""

    midnight: datetime
    cells: tuple[Cell, ...]
    up_share: float | None
    """Of the time in which the bot ran; None where it did not."""


def days_back(count: int, now: datetime) -> list[datetime]:
    """Return the midnights, in local time, of so many days that end with today."""
    count = min(max(count, 1), _MOST_DAYS)
    today = now.astimezone().date()
    return [datetime.combine(today - timedelta(days=ago), time()).astimezone() for ago in reversed(range(count))]


def last_day(samples: Sequence[Sample], now: datetime) -> Day:
    """Return the last 24 hours as a row of half hours, which begins at a half hour of the clock."""
    half = now.replace(minute=now.minute - now.minute % 30, second=0, microsecond=0)
    edges = [half - timedelta(minutes=30 * back) for back in range(2 * _DAY_H - 1, -2, -1)]
    return _row_of(samples, edges[0].astimezone(), edges, now)


def chart(samples: Sequence[Sample], midnights: Sequence[datetime], now: datetime, *, per_hour: int) -> list[Day]:
    """Return a row for each day, with so many cells an hour; what comes after `now` is yet to come."""
    return [_row_of(samples, midnight, _edges(midnight, per_hour), now) for midnight in midnights]


def _row_of(samples: Sequence[Sample], begin: datetime, edges: Sequence[datetime], now: datetime) -> Day:
    touched = [sample for sample in samples if sample.at > edges[0] and sample.began < edges[-1]]
    cells = tuple(_cell(touched, since, until, now) for since, until in pairwise(edges))
    return Day(begin, cells, statistics(touched, Span(edges[0], edges[-1])).up_share)


def _edges(midnight: datetime, per_hour: int) -> list[datetime]:
    """Return where the cells of a day begin, as the clock on the wall says, and where the last one ends.

    What a clock that is turned forward leaves out begins and ends at the moment of the jump.
    """
    wall = midnight.replace(tzinfo=None)
    pieces = (wall + timedelta(minutes=60 / per_hour * number) for number in range(_DAY_H * per_hour + 1))
    backwards = accumulate(reversed([_moment(piece) for piece in pieces]), min)
    return list(backwards)[::-1]


def _moment(wall: datetime) -> datetime:
    """Return when the clock on the wall shows a time; for one that it leaves out, a moment after the jump."""
    moment = wall.astimezone()
    return moment if moment.replace(tzinfo=None) == wall else wall.replace(fold=1).astimezone()


def _cell(samples: Sequence[Sample], since: datetime, until: datetime, now: datetime) -> Cell:
    elapsed_s = (min(until, now) - since).total_seconds()
    if elapsed_s <= 0:
        return Cell.TO_COME if since >= now else Cell.OFF  # an hour that summer time has left out
    up_s = ran_s = 0.0
    for sample in samples:
        share = _share(sample, since, until) if sample.at > since and sample.began < until else 0.0
        ran_s += sample.period.span_s * share
        up_s += sample.period.states.get(CONNECTED, 0.0) * share
    if up_s >= elapsed_s * _FULL:
        return Cell.UP
    if up_s >= elapsed_s * _SOME:
        return Cell.PARTLY
    return Cell.DOWN if ran_s >= elapsed_s * _SOME else Cell.OFF
