"""Whether a series only grows, robustly: a leak does, noise and a step do not; pure."""

import statistics
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

_FEWEST = 8
_ENOUGH = 240
"""So many points are looked at; of more, the medians of neighbours."""

Point = tuple[float, float]


class Limit(NamedTuple):
    """How much growth is none."""

    a_unit: float
    """In a day or an hour, in the unit of the series."""
    at_least: float
    """A rise in all that is less than this is none, however fast it came: a short series tells no more."""


class Growth(NamedTuple):
    """By how much a series grows."""

    a_unit: float
    """In one unit of time; negative where it gets less."""
    rise: float
    """In all, over the part that was looked at."""
    sensitivity: float
    """From which growth in a unit of time on it would have been found."""

    def exceeds(self, limit: Limit) -> bool:
        """Return whether that is more than it may be."""
        return self.a_unit > limit.a_unit and self.rise > limit.at_least


def growth(points: Sequence[Point], limit: Limit) -> Growth | None:
    """Return how the second two thirds of a series grow; None where there are too few points to tell.

    It is what all of it and each half agree on: the least of three slopes of Theil and Sen. The first third is
    warming up. A step afterwards is in one half only, so it is no growth; what leaks does so in both.
    """
    settled = thinned(points[len(points) // 3 :])
    if len(settled) < _FEWEST:
        return None
    half = len(settled) // 2
    rate = min(slope(settled), slope(settled[:half]), slope(settled[half:]))
    span = settled[-1][0] - settled[0][0]
    return Growth(rate, rate * span, max(limit.a_unit, limit.at_least / span if span else 0.0))


def slope(points: Sequence[Point]) -> float:
    """Return the median of the slopes between all pairs of points; 0 for less than two."""
    slopes = [(later[1] - sooner[1]) / (later[0] - sooner[0]) for sooner, later in combinations(points, 2)]
    return statistics.median(slopes) if slopes else 0.0


def thinned(points: Sequence[Point], at_most: int = _ENOUGH) -> list[Point]:
    """Return at most so many points, each the medians of neighbours; those at one and the same time become one."""
    merged: dict[float, float] = dict(points)
    ordered = sorted(merged.items())
    size = -(-len(ordered) // at_most)
    if size <= 1:
        return ordered
    groups = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    return [tuple(statistics.median(values) for values in zip(*group, strict=True)) for group in groups]
