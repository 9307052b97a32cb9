"""Figures and charts of days past: exact where they can be, and never kinder than the truth."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from linda_bot.health.samples import Readings, Sample
from linda_bot.health.stats import Cell, Span, chart, days_back, last_day, statistics
from linda_bot.health.thinning import thinned
from tests.support.health_samples import MORNING, sample, series

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A person in a place with summer time."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def week(samples: list[Sample], until: datetime = MORNING) -> Span:
    """Return the week before a moment."""
    return Span(until - 7 * DAY, until)


def test_a_week_that_was_up() -> None:
    """All of the time in which it ran."""
    found = statistics(series(MORNING, days=7), week([]))

    assert found.up_share == 1
    assert (found.off_s, found.recovery_s, found.period.received) == (0, None, 2 * 7 * 288)


def test_an_outage_has_its_length_and_its_share() -> None:
    """And what was merged since tells the same."""
    samples = series(MORNING - DAY, days=3)
    samples.append(sample(MORNING - DAY + HOUR, 3600, up_s=0, outages=2, outage_s=3600, longest_outage_s=3000))
    samples += [sample(MORNING - DAY + (number + 2) * HOUR, 3600) for number in range(23)]

    for found in (statistics(samples, week([])), statistics(thinned(samples, MORNING), week([]))):
        assert found.up_share == pytest.approx(95 / 96)
        assert found.recovery_s == 1800
        assert found.period.longest_outage_s == 3000
        assert found.off_s == pytest.approx(0, abs=0.01)


def test_a_bot_that_did_not_run_was_not_down() -> None:
    """Two days up, one day off, half a day down: down for a fifth of the time in which it ran."""
    samples = [
        *[sample(MORNING - 3.5 * DAY + number * HOUR, 3600) for number in range(1, 49)],
        *[sample(MORNING - 0.5 * DAY + number * HOUR, 3600, up_s=0) for number in range(1, 13)],
    ]

    found = statistics(samples, week([]))

    assert found.up_share == pytest.approx(0.8)
    assert found.off_s == pytest.approx(86400)
    assert found.since == MORNING - 3.5 * DAY


def test_only_what_is_in_the_time_counts() -> None:
    """A sample that began before it counts with the part that is in it."""
    samples = [sample(MORNING - 7 * DAY + HOUR, 7200), sample(MORNING, 3600)]

    assert statistics(samples, week([])).period.span_s == 7200
    assert statistics([], week([])).since is None
    assert statistics([sample(MORNING - 8 * DAY)], week([])).up_share is None


@given(st.lists(st.tuples(st.integers(0, 20 * 86400), st.integers(0, 7200), st.integers(0, 100)), max_size=30))
def test_any_record_has_figures(found: list[tuple[int, int, int]]) -> None:
    """Overlapping periods of a clock that jumped, empty ones, whatever: shares stay shares."""
    samples = [
        sample(MORNING - timedelta(seconds=ago), span, up_s=span * percent / 100) for ago, span, percent in found
    ]

    whole = statistics(samples, week([]))
    days = chart(samples, days_back(7, MORNING), MORNING, per_hour=2)

    assert whole.up_share is None or 0 <= whole.up_share <= 1.000001
    assert whole.off_s >= 0
    assert [len(day.cells) for day in days] == [48] * 7


@pytest.mark.usefixtures("berlin")
def test_a_chart_is_in_local_time() -> None:
    """A day has the hours that its clock shows; what is to come is empty, what is not known is off."""
    now = datetime(2026, 2, 7, 11, 30, tzinfo=UTC)  # half past twelve in Berlin
    samples = [sample(datetime(2026, 2, 7, 7, 0, tzinfo=UTC) + number * HOUR, 3600) for number in range(4)]
    samples += [sample(now - 15 * MINUTE, 900, up_s=0), sample(now, 900)]

    before, today = chart(samples, days_back(2, now), now, per_hour=1)

    assert set(before.cells) == {Cell.OFF}
    assert [cell.value for cell in today.cells[6:14]] == [
        "off", "up", "up", "up", "up", "off", "partly", "to_come",
    ]  # fmt: skip
    assert today.up_share == pytest.approx(4.25 / 4.5)


def test_what_is_missing_shows() -> None:
    """A short restart does not; a minute without a link does; an hour without any is down."""
    midnight = days_back(1, MORNING)[0].astimezone(UTC)
    seconds = {0: 3590.0, 1: 3540.0, 2: 100.0, 3: 5.0, 4: 0.0}
    samples = [sample(midnight + (hour + 1) * HOUR, 3600, up_s=up_s) for hour, up_s in seconds.items()]
    samples.append(sample(midnight + 6 * HOUR, 30))

    (day,) = chart(samples, [midnight.astimezone()], midnight + 7 * HOUR, per_hour=1)

    assert list(day.cells[:8]) == [
        Cell.UP, Cell.PARTLY, Cell.PARTLY, Cell.DOWN, Cell.DOWN, Cell.OFF, Cell.OFF, Cell.TO_COME,
    ]  # fmt: skip


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("per_hour", [1, 2, 4])
@pytest.mark.parametrize(("date", "length", "left_out"), [((3, 29), 23, {2}), ((10, 25), 25, set())])
def test_days_with_an_hour_more_or_less(date: tuple[int, int], length: int, left_out: set[int], per_hour: int) -> None:
    """A bot that was up is up in every cell that there was; an hour that the clock leaves out is off."""
    now = datetime(2026, *date, 20, tzinfo=UTC)
    midnight = days_back(1, now)[0]
    samples = [sample(midnight.astimezone(UTC) + (number + 1) * HOUR, 3600) for number in range(length)]

    (day,) = chart(samples, [midnight], midnight.astimezone(UTC) + length * HOUR, per_hour=per_hour)

    assert list(day.cells) == [
        Cell.OFF if number // per_hour in left_out else Cell.UP for number in range(24 * per_hour)
    ]  # fmt: skip
    assert day.up_share == pytest.approx(1)


@pytest.mark.usefixtures("berlin")
def test_an_hour_that_comes_twice_is_one_cell() -> None:
    """What happened in the first of the two is told where the clock showed it."""
    midnight = days_back(1, datetime(2026, 10, 25, 20, tzinfo=UTC))[0]
    first_two = midnight.astimezone(UTC) + 2 * HOUR
    samples = [
        sample(first_two, 7200),
        sample(first_two + HOUR, 3600, up_s=0),
        sample(first_two + 23 * HOUR, 22 * 3600),
    ]

    (day,) = chart(samples, [midnight], midnight.astimezone(UTC) + 25 * HOUR, per_hour=1)

    assert day.cells == (Cell.UP, Cell.UP, Cell.PARTLY, *[Cell.UP] * 21)


def test_a_month_at_the_most() -> None:
    """More is not kept."""
    assert len(days_back(1000, MORNING)) == 30
    assert len(days_back(0, MORNING)) == 1


# At the edges.

WEEK = Span(MORNING - 7 * DAY, MORNING)


def worst(memory_mb: float) -> Readings:
    """Return readings of this memory; the other figures that have a worst go with it."""
    return Readings(daemon_mb=memory_mb, round_trip_ms=memory_mb + 1, loop_lag_ms=memory_mb + 2)


def test_what_touches_a_time_only_at_its_edge_is_not_of_it() -> None:
    """What ends as it begins, what begins as it ends, and what is far away: neither their counts nor their readings."""
    outside = [
        sample(MORNING - 8 * DAY, received=1, readings=worst(900)),
        sample(WEEK.since, received=1, readings=worst(900)),
        sample(MORNING + timedelta(seconds=300), received=1, readings=worst(900)),
        sample(MORNING + DAY, received=1, readings=worst(900)),
    ]
    inside = [sample(MORNING - DAY, received=10, readings=worst(100)), sample(MORNING, received=20)]

    assert statistics([*outside, *inside], WEEK) == statistics(inside, WEEK)
    assert statistics(inside, WEEK).period.received == 30


def test_the_worst_of_a_time() -> None:
    """Memory, round trip and loop lag; of what was not read, nothing."""
    found = statistics(
        [sample(MORNING - number * HOUR, readings=worst(mb)) for number, mb in enumerate((2, 3, 1))], WEEK
    )

    assert (found.memory_mb, found.round_trip_ms, found.loop_lag_ms) == (3, 4, 5)
    assert statistics([sample(MORNING)], WEEK)[4:] == (None, None, None)


def test_counts_belong_to_the_end_of_their_sample() -> None:
    """Of one that reaches out of the time only its seconds in it are told; of one that reaches into it, all counts."""
    into, out_of = sample(WEEK.since + HOUR, 7200, received=5), sample(MORNING + HOUR, 7200, up_s=3600, received=50)

    found = statistics([into, out_of], WEEK).period

    assert (found.received, found.span_s, found.up_s) == (5, 7200, 3600 + 1800)


def test_what_is_longer_than_the_time_and_ends_with_it_brings_its_counts() -> None:
    """The last sample of a short time."""
    found = statistics([sample(MORNING, 7200, received=5)], Span(MORNING - HOUR, MORNING)).period

    assert (found.received, found.span_s) == (5, 3600)


def test_nothing_known_is_no_time_at_all() -> None:
    """Neither off nor up; a time that ends before it begins is none."""
    found = statistics([], WEEK)

    assert (found.off_s, found.up_share, found.recovery_s) == (0, None, None)
    assert Span(MORNING, MORNING - HOUR).seconds == 0
    assert statistics([sample(MORNING, 0.5)], WEEK).up_share == 1


def test_a_sample_of_a_clock_that_stood_still_counts_as_a_whole() -> None:
    """The wall clock was set back while it was taken; a short one is divided like any other."""
    still = replace(sample(MORNING - HOUR, 300), began=MORNING - HOUR)

    assert statistics([still], WEEK).period.span_s == 300
    assert statistics([sample(WEEK.since + timedelta(seconds=0.5), 1)], WEEK).period.span_s == 0.5


@pytest.mark.parametrize(
    ("ran_s", "up_s", "cell"),
    [
        (3600, 3582, Cell.UP),
        (3600, 3581, Cell.PARTLY),
        (3600, 72, Cell.PARTLY),
        (3600, 71, Cell.DOWN),
        (72, 0, Cell.DOWN),
        (71, 0, Cell.OFF),
        (0, 0, Cell.OFF),
    ],
)
def test_what_makes_a_cell(ran_s: float, up_s: float, cell: Cell) -> None:
    """Whole with all but 18 seconds of an hour; fifty parts of one are too little to be told."""
    midnight = days_back(1, MORNING)[0].astimezone(UTC)
    samples = [sample(midnight + timedelta(seconds=up_s), up_s)] if up_s else []
    samples += [sample(midnight + timedelta(seconds=ran_s), ran_s - up_s, up_s=0)] if ran_s > up_s else []

    (day,) = chart(samples, [midnight.astimezone()], midnight + DAY, per_hour=1)

    assert day.cells == (cell, *[Cell.OFF] * 23)


def test_the_words_of_a_chart() -> None:
    """Programs read them."""
    assert [cell.value for cell in Cell] == ["up", "partly", "down", "off", "to_come"]


def test_a_day_from_its_first_to_its_last_cell() -> None:
    """Its share counts both; half hours where they are asked for."""
    midnight = days_back(1, MORNING)[0].astimezone(UTC)
    samples = [sample(midnight + HOUR, 1800), sample(midnight + DAY, 1800, up_s=0)]

    (day,) = chart(samples, [midnight.astimezone()], midnight + DAY, per_hour=2)

    assert day.cells == (Cell.OFF, Cell.UP, *[Cell.OFF] * 45, Cell.DOWN)
    assert day.up_share == 0.5
    (first,) = chart([sample(midnight + HOUR, 3600)], [midnight.astimezone()], midnight + DAY, per_hour=1)
    (last,) = chart([sample(midnight + DAY, 3600)], [midnight.astimezone()], midnight + DAY, per_hour=1)
    assert (first.up_share, last.up_share) == (1, 1)


def test_a_cell_that_has_just_begun() -> None:
    """It is what its first second was."""
    now = MORNING + timedelta(seconds=1)
    (day,) = chart([sample(now, 1)], days_back(1, now), now, per_hour=1)

    cells = day.cells[now.astimezone().hour :]
    assert cells == (Cell.UP, *[Cell.TO_COME] * (len(cells) - 1))


def test_the_last_day_is_48_half_hours_of_the_clock() -> None:
    """The one that goes on is the last of them."""
    now = datetime(2026, 2, 7, 8, 47, 13, 500_000, tzinfo=UTC)
    first = datetime(2026, 2, 6, 9, 0, tzinfo=UTC)
    half = now.replace(minute=30, second=0, microsecond=0)
    samples = [
        sample(first, 1800),
        sample(first + 30 * MINUTE, 1800),
        sample(half - 30 * MINUTE, 3600, up_s=0),
        sample(now, (now - half).total_seconds()),
    ]

    day = last_day(samples, now)

    assert day.midnight == first
    assert day.cells == (Cell.UP, *[Cell.OFF] * 43, Cell.DOWN, Cell.DOWN, Cell.OFF, Cell.UP)
    assert day.up_share == pytest.approx((1800 + 1033.5) / (1800 + 3600 + 1033.5))
    sharp = last_day([sample(half, 1800)], half)
    assert (sharp.midnight, sharp.cells[-2:]) == (first, (Cell.UP, Cell.TO_COME))
