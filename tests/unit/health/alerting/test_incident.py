"""An incident as a value: how long it has been open, and what becomes of it in another process."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from linda_bot.health.alerting.incident import Incident, Now, Trouble, carried_over

BEGAN = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
TROUBLE = Trouble("down", "because", "advice", BEGAN)


def incident(told_after_s: float | None = None) -> Incident:
    """Return one of another process, whose loop's clock means nothing here."""
    told_at = None if told_after_s is None else BEGAN + timedelta(seconds=told_after_s)
    return Incident(id="a", topic="link", troubles=(TROUBLE,), began_at=BEGAN, told_at=told_at, told_s=1e9, began_s=1e9)


def test_of_one_that_was_just_begun_nothing_is_told_yet() -> None:
    """Nor is it over."""
    fresh = Incident(id="a", topic="link", troubles=(TROUBLE,), began_at=BEGAN)

    assert (fresh.over_at, fresh.lasted_s, fresh.told, fresh.told_troubles) == (None, 0, 0, 0)
    assert (fresh.reminders, fresh.owes_reminder, fresh.told_at) == (0, False, None)
    assert (fresh.told_s, fresh.began_s) == (0, 0)


def test_its_kind_is_the_gravest_so_far() -> None:
    """The last of its troubles."""
    worse = Incident(id="a", topic="link", troubles=(TROUBLE, Trouble("banned", "", "", BEGAN)), began_at=BEGAN)

    assert (incident().kind, worse.kind) == ("down", "banned")


@pytest.mark.parametrize(("after_s", "open_for_s"), [(0, 0), (0.5, 0.5), (100, 100), (-5, 0)])
def test_how_long_it_has_been_open(after_s: float, open_for_s: float) -> None:
    """By the loop's clock, and never less than nothing."""
    begun = Incident(id="a", topic="link", troubles=(TROUBLE,), began_at=BEGAN, began_s=50.0)

    assert begun.open_for(Now(BEGAN, 50.0 + after_s)) == open_for_s


@pytest.mark.parametrize(
    ("told_after_s", "told_s"), [(None, -50.0), (40, -10.0), (200, 50.0)], ids=["never", "before", "clock went back"]
)
def test_another_process_has_another_clock(told_after_s: float | None, told_s: float) -> None:
    """What was a hundred seconds ago on the wall is so on the loop's clock; what lies ahead is now."""
    now = Now(BEGAN + timedelta(seconds=100), 50.0)

    carried = carried_over(incident(told_after_s), now)

    assert (carried.began_s, carried.told_s) == (-50.0, told_s)
    assert carried.open_for(now) == 100


def test_a_wall_clock_that_went_back_is_no_time() -> None:
    """An incident does not begin ahead of now."""
    now = Now(BEGAN - timedelta(hours=1), 50.0)

    assert carried_over(incident(), now).began_s == 50.0


def test_a_time_without_its_zone_is_refused() -> None:
    """In a file that somebody has edited: it could be any hour of the day."""
    written = msgspec.json.encode(TROUBLE)

    assert msgspec.json.decode(written, type=Trouble) == TROUBLE
    with pytest.raises(msgspec.ValidationError, match="at"):
        msgspec.json.decode(written.replace(b"Z", b""), type=Trouble)
