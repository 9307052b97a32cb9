"""Figures and charts of days past: exact where they can be, and never kinder than the truth."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.health.samples import Sample
from linda_bot.health.stats import Cell, Span, chart, days_back, statistics
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
@pytest.mark.parametrize(("date", "length"), [((3, 29), 23), ((10, 25), 25)])
def test_days_with_an_hour_more_or_less(date: tuple[int, int], length: int) -> None:
    """A bot that was up is up in every cell that there was."""
    now = datetime(2026, *date, 20, tzinfo=UTC)
    midnight = days_back(1, now)[0]
    samples = [sample(midnight.astimezone(UTC) + (number + 1) * HOUR, 3600) for number in range(length)]

    (day,) = chart(samples, [midnight], midnight.astimezone(UTC) + length * HOUR, per_hour=1)

    assert len(day.cells) == 24
    assert day.cells.count(Cell.UP) >= 23
    assert day.up_share == pytest.approx(1)


def test_a_month_at_the_most() -> None:
    """More is not kept."""
    assert len(days_back(1000, MORNING)) == 30
    assert len(days_back(0, MORNING)) == 1
