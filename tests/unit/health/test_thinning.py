"""The record stays small whatever happens, and tells the truth about everything that it is made of."""

from datetime import timedelta

import pytest
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


# At the edges.


def ahead(count: int, every_s: float) -> list[Sample]:
    """Return samples of a clock that has gone back since: all of them lie ahead, so none is older than a day."""
    return [sample(MORNING + timedelta(seconds=every_s * number), 1, received=1) for number in range(1, count + 1)]


def test_a_day_stays_as_it_was_up_to_two_thousand_samples() -> None:
    """One more, and it is told by the minute."""
    day = [sample(MORNING - timedelta(seconds=40 * number), 5) for number in reversed(range(2001))]

    assert thinned(day[1:], MORNING) == day[1:]
    assert len(thinned(day, MORNING)) == len({each.at.timestamp() // 60 for each in day})


@pytest.mark.parametrize(
    ("count", "every_s", "to_s"), [(2100, 60, 300), (2100, 300, 900), (2100, 900, 3600), (4000, 60, 300)]
)
def test_where_the_minutes_are_too_many_the_steps_get_coarser(count: int, every_s: float, to_s: float) -> None:
    """As far as it takes, and no further; what happened is all there."""
    samples = ahead(count, every_s)

    kept = thinned(samples, MORNING)

    assert len(kept) == len({each.at.timestamp() // to_s for each in samples})
    assert total(kept) == total(samples)


def test_whatever_clocks_do_there_is_an_end() -> None:
    """The newest three thousand."""
    samples = ahead(3400, 3600)

    assert thinned(samples, MORNING) == samples[-3000:]


def test_the_last_moment_of_a_day_and_of_a_month() -> None:
    """What is a day old to the second is still as it was, what is a month old is still there."""
    twice = [sample(MORNING - DAY)] * 2

    assert thinned(twice, MORNING) == twice
    assert len(thinned([sample(MORNING - DAY - timedelta(seconds=1))] * 2, MORNING)) == 1
    assert thinned([sample(MORNING - 30 * DAY)], MORNING) == [sample(MORNING - 30 * DAY)]
    assert thinned([sample(MORNING - 30 * DAY - timedelta(seconds=1))], MORNING) == []
