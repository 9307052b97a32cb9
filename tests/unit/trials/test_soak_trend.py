"""What counts as growth, and what does not."""

import random

import pytest

from trials.soak.trend import Limit, Point, growth, slope, thinned

LIMIT = Limit(a_unit=1.0, at_least=2.0)


def series(
    days: float = 6, *, leak: float = 0.0, noise: float = 0.0, step_at: float = 99, step: float = 20.0
) -> list[Point]:
    """Return memory in MB, ten times a day."""
    chance = random.Random(1)
    moments = [number / 10 for number in range(int(days * 10))]
    return [(at, 50 + leak * at + step * (at >= step_at) + chance.uniform(-noise, noise)) for at in moments]


@pytest.mark.parametrize(
    "points",
    [
        pytest.param(series(), id="flat"),
        pytest.param(series(noise=5), id="noisy"),
        pytest.param(series(step_at=1), id="a step while it warms up"),
        pytest.param(series(step_at=4), id="a step after that"),
        pytest.param(series(step_at=3, noise=1), id="a step amid noise"),
        pytest.param(series(leak=0.3, noise=1), id="less than the limit"),
        pytest.param(series(leak=-5), id="it gets less"),
        pytest.param(series(days=1.5, leak=1.5), id="a rise too small to be one"),
    ],
)
def test_what_is_no_growth(points: list[Point]) -> None:
    """Noise, one step, and what is within the limit do not count."""
    grown = growth(points, LIMIT)

    assert grown is not None
    assert not grown.exceeds(LIMIT)


@pytest.mark.parametrize("noise", [0, 1, 3])
@pytest.mark.parametrize("step_at", [99, 1, 4])
def test_a_leak_is_found(noise: float, step_at: float) -> None:
    """Through noise, and beside a step, with about its own rate."""
    grown = growth(series(leak=5, noise=noise, step_at=step_at), LIMIT)

    assert grown is not None
    assert grown.exceeds(LIMIT)
    assert grown.a_unit == pytest.approx(5, abs=1.5)


def test_a_leak_that_comes_in_small_steps_is_found() -> None:
    """Memory is taken from the system in pieces."""
    points = [(at, 50 + 3 * int(at * 0.8)) for at in (number / 10 for number in range(60))]

    grown = growth(points, LIMIT)

    assert grown is not None
    assert grown.exceeds(LIMIT)


def test_spikes_do_not_hide_a_leak_or_make_one() -> None:
    """A sample in ten is far off."""
    spiked = [(at, value + 40 * (place % 10 == 0)) for place, (at, value) in enumerate(series())]
    leaking = [(at, value + 5 * at) for at, value in spiked]

    assert not growth(spiked, LIMIT).exceeds(LIMIT)  # type: ignore[union-attr]
    assert growth(leaking, LIMIT).exceeds(LIMIT)  # type: ignore[union-attr]


def test_too_few_points_tell_nothing() -> None:
    """Also none at all."""
    assert growth([], LIMIT) is None
    assert growth(series(days=1), LIMIT) is None


def test_it_says_what_it_would_have_found() -> None:
    """A short series finds only what is fast."""
    assert growth(series(days=30), LIMIT).sensitivity == 1.0  # type: ignore[union-attr]
    assert growth(series(days=1.5), LIMIT).sensitivity == pytest.approx(2 / 0.9)  # type: ignore[union-attr]


def test_a_long_series_is_looked_at_in_parts() -> None:
    """The medians of neighbours keep the slope, and two points at one time are one."""
    points = thinned(series(days=1000, leak=2, noise=5))

    assert len(points) <= 240
    assert slope(points) == pytest.approx(2, rel=0.01)
    assert thinned([(1.0, 2.0), (1.0, 3.0)]) == [(1.0, 3.0)]
