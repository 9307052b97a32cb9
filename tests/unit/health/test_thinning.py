"""The record stays small whatever happens, and tells the truth about everything that it is made of."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from linda_bot.health.samples import Sample
from linda_bot.health.thinning import MOST, thinned
from tests.support.health_samples import MORNING, sample, series

DAY = timedelta(days=1)


def total(samples: list[Sample]) -> tuple[float, int]:
    """Return what must not get lost."""
    return round(sum(each.period.span_s for each in samples), 3), sum(each.period.received for each in samples)


def test_a_month_fits_into_some_hundred_samples() -> None:
    """The last day as it was, the week by the hour, the rest by the quarter of a day."""
    month = series(MORNING, days=29.9)

    kept = thinned(month, MORNING)

    ages = [MORNING - each.at for each in kept]
    assert len(month) > 8000
    assert sum(age <= DAY for age in ages) in range(288, 291)
    assert sum(DAY < age <= 7 * DAY for age in ages) in range(143, 147)
    assert sum(age > 7 * DAY for age in ages) in range(90, 95)
    assert total(kept) == total(month)


def test_thinning_twice_is_thinning_once() -> None:
    """A bot that is restarted all day loses nothing by it."""
    once = thinned(series(MORNING, days=20), MORNING)

    assert thinned(once, MORNING) == once


def test_what_is_older_than_a_month_goes() -> None:
    """Nothing is kept for ever."""
    assert thinned([sample(MORNING - 31 * DAY), sample(MORNING)], MORNING) == [sample(MORNING)]


def test_each_day_that_passes_thins_a_little_more() -> None:
    """The record of a bot that runs for a month, looked at each day, is bounded and complete."""
    record: list[Sample] = []
    for day in range(40):
        now = MORNING + day * DAY
        record = thinned([*record, *series(now, days=1)], now)
        assert len(record) <= 600
    assert total(record)[0] >= 30 * 86400


def test_a_link_that_flaps_for_a_day_is_bounded() -> None:
    """A sample every five seconds: the minutes are told, not each of them; and nothing that happened is lost."""
    flapping = [sample(MORNING - timedelta(seconds=5 * number), 5, received=1) for number in reversed(range(17_000))]

    kept = thinned(flapping, MORNING)

    assert len(kept) <= 2000
    assert total(kept) == total(flapping)


@given(st.lists(st.integers(-3 * 86400, 32 * 86400), max_size=60))
def test_any_times_whatsoever(ages: list[int]) -> None:
    """Clocks that jump, also into the future: bounded, in order, and nothing of the month is lost."""
    samples = [sample(MORNING - timedelta(seconds=age), 60, received=1) for age in ages]

    kept = thinned(samples, MORNING)

    assert len(kept) <= MOST
    assert kept == sorted(kept, key=lambda each: each.at)
    assert sum(each.period.received for each in kept) == sum(age <= 30 * 86400 for age in ages)
