"""Ratios, pair by pair, and where they lie."""

import pytest

from benchmarks.figures import Figure, Kind, Spread, percentile, quartiles


def test_quartiles_lie_between_the_values() -> None:
    """The smallest and the largest are the ends; one value is all three."""
    assert quartiles([1, 2, 3, 4, 5]) == (2, 3, 4)
    assert quartiles([7]) == (7, 7, 7)


def test_a_ratio_is_of_a_pair_and_not_of_medians() -> None:
    """A pair that was slow as a whole counts as every other."""
    slow_once = Figure(Kind("restart", "restart", "s", "lower", "a script"), [1, 10, 1], [2, 5, 2])

    assert slow_once.ratios == [0.5, 2, 0.5]
    assert slow_once.ratio.middle == 0.5


def test_values_without_a_partner_are_a_mistake() -> None:
    """Nothing is left out without a word."""
    with pytest.raises(ValueError, match="shorter"):
        _ = Figure(Kind("restart", "restart", "s", "lower", "a script"), [1, 2], [1]).ratios


@pytest.mark.parametrize(("percent", "found"), [(50, 50), (95, 95), (99, 99), (100, 100), (0, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, found: int) -> None:
    """The smallest that so many percent do not exceed, whatever the order."""
    assert percentile(list(range(100, 0, -1)), percent) == found


def test_the_slowest_of_few_is_their_highest_percentile() -> None:
    """There is nothing beyond it."""
    assert percentile([3, 1, 2], 99) == 3


def test_spreads_overlap_when_they_share_a_value() -> None:
    """Also the last one; which of them is asked does not matter."""
    low, touching, high = Spread(1, 2, 3), Spread(3, 4, 5), Spread(3.1, 4, 5)

    assert low.overlaps(touching)
    assert touching.overlaps(low)
    assert not low.overlaps(high)
    assert not high.overlaps(low)
    assert Spread(0, 4, 9).overlaps(low)
