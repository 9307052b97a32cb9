"""How the record stays small: the older, the coarser; pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from linda_bot.health.samples import Sample, merge

_HOUR = 3600.0
KEPT = timedelta(days=30)
MOST = 3000
"""From how many samples on the record is made smaller whatever their age is."""
_ENOUGH = 2000
"""How many it has at most afterwards, so that it is not made smaller all the time."""


class _Step(NamedTuple):
    until: timedelta
    """Up to which age."""
    every_s: float
    """Samples of the same span of so many seconds become one; 0 leaves them as they are."""


_LATER = (_Step(timedelta(days=7), _HOUR), _Step(KEPT, 6 * _HOUR))
_FIRST_DAY_EVERY_S = (0.0, 60.0, 300.0, 900.0, _HOUR)
"""What the first day is thinned to; the coarser ones only where there are too many, of a link that flaps."""


def thinned(samples: Sequence[Sample], now: datetime) -> list[Sample]:
    """Return the samples that are kept: each for a day, then one an hour for a week, then four a day for a month."""
    ordered = sorted(samples, key=lambda sample: sample.at)
    kept: list[Sample] = []
    for first_every_s in _FIRST_DAY_EVERY_S:
        steps = (_Step(timedelta(days=1), first_every_s), *_LATER)
        kept = list(_merged(ordered, now, steps))
        if len(kept) <= _ENOUGH:
            break
    return kept[-MOST:]


def _merged(samples: Sequence[Sample], now: datetime, steps: Sequence[_Step]) -> Iterator[Sample]:
    fresh = [sample for sample in samples if now - sample.at <= KEPT]
    for _, group in groupby(enumerate(fresh), lambda each: _bin(each[0], each[1], now, steps)):
        yield merge([sample for _, sample in group])


def _bin(number: int, sample: Sample, now: datetime, steps: Sequence[_Step]) -> tuple[float, float]:
    """Return which samples this one goes together with: those with the same value."""
    every_s = next((step.every_s for step in steps if now - sample.at <= step.until), steps[-1].every_s)
    # What stands for an hour begins in it and may end with the first moment of the next one.
    at_s = sample.at.timestamp()
    return (every_s, at_s // every_s) if every_s else (0.0, number)
