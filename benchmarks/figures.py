"""A figure: what ours took against what something else took, pair by pair; pure."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal, NamedTuple

Better = Literal["lower", "higher"]


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the first, second and third quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


class Spread(NamedTuple):
    """Where the middle half of some values lies."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return that of these values."""
        return cls(*quartiles(values))

    def overlaps(self, other: "Spread") -> bool:
        """Return whether there are values that are in both."""
        return self.low <= other.high and other.low <= self.high

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f} .. {self.high:.2f})"


class Kind(NamedTuple):
    """What is measured, and against what."""

    key: str
    title: str
    unit: str
    better: Better
    against: str
    """What the other value of each pair is of, in words."""


class Figure(NamedTuple):
    """What was measured; the values of a pair stand at the same place."""

    kind: Kind
    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """Ours divided by theirs, each pair for itself."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> Spread:
        """Where the ratios lie."""
        return Spread.of(self.ratios)


class Loss(NamedTuple):
    """How many answers of a program never arrived."""

    program: str
    sent: int
    lost: int

    def __str__(self) -> str:
        return f"{self.lost:,} of {self.sent:,}"
