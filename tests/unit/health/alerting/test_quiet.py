"""Quiet hours by the clock on the wall."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.health.alerting.quiet import quiet_hours
from linda_bot.kernel.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")


def quiet_minutes(text: str, since: datetime, hours: int = 24) -> int:
    """Return how many minutes from then on are quiet."""
    hours_of = quiet_hours(text, BERLIN)
    assert hours_of is not None
    moments = (since.astimezone(UTC) + timedelta(minutes=minute) for minute in range(hours * 60))
    return sum(hours_of.include(moment) for moment in moments)


@pytest.mark.parametrize(
    ("text", "quiet", "loud"),
    [
        ("22:00-07:00", ["22:00", "23:59", "00:00", "06:59"], ["07:00", "12:00", "21:59"]),
        ("13:00-14:30", ["13:00", "14:29"], ["12:59", "14:30", "00:00"]),
        ("00:00-08:00", ["00:00", "07:59"], ["08:00", "23:59"]),
        ("20:00-00:00", ["20:00", "23:59"], ["00:00", "19:59"]),
    ],
)
def test_they_begin_and_end_on_the_minute(text: str, quiet: list[str], loud: list[str]) -> None:
    """Over midnight or not."""
    hours = quiet_hours(text, BERLIN)
    assert hours is not None
    for moments, expected in ((quiet, True), (loud, False)):
        for moment in moments:
            at = datetime.combine(datetime(2026, 2, 7, tzinfo=BERLIN), time.fromisoformat(moment), BERLIN)
            assert hours.include(at.astimezone(UTC)) is expected, moment


def test_there_may_be_none() -> None:
    """As is the default."""
    assert quiet_hours(None) is None


def test_all_day_is_refused() -> None:
    """Two equal times may mean all or nothing."""
    with pytest.raises(UsageError, match="two different times"):
        quiet_hours("22:00-22:00")


@pytest.mark.parametrize(
    ("evening", "minutes"),
    [((2026, 2, 7), 540), ((2026, 3, 28), 480), ((2026, 10, 24), 600)],
    ids=["any night", "clocks forward", "clocks back"],
)
def test_a_night_on_which_the_clocks_change(evening: tuple[int, int, int], minutes: int) -> None:
    """It is quiet from ten until seven as the clock shows it, an hour more or less."""
    since = datetime(*evening, 12, 0, tzinfo=BERLIN)

    assert quiet_minutes("22:00-07:00", since) == minutes


def test_an_end_that_does_not_exist() -> None:
    """Half past two is left out in that night: quiet ends when the clock jumps over it."""
    hours = quiet_hours("22:00-02:30", BERLIN)
    assert hours is not None

    assert hours.include(datetime(2026, 3, 29, 0, 59, tzinfo=UTC))
    assert not hours.include(datetime(2026, 3, 29, 1, 0, tzinfo=UTC))


@given(st.integers(0, 2 * 366 * 1440), st.times(), st.times())
def test_two_halves_of_the_day_share_every_moment(minute: int, begin: time, end: time) -> None:
    """What is not in one is in the other."""
    one, other = (f"{moment:%H:%M}" for moment in (begin, end))
    if one == other:
        return
    hours, rest = quiet_hours(f"{one}-{other}", BERLIN), quiet_hours(f"{other}-{one}", BERLIN)
    assert hours is not None
    assert rest is not None

    at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    assert hours.include(at) is not rest.include(at)
