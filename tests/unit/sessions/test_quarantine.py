"""What is set aside is kept for a while."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.quarantine import KEEP, quarantines, set_aside, set_store_aside
from linda_bot.sessions.store import side_files
from tests.support.stores import (
    back_up,
    make_session,
    rewrite,
    said,
    say,
)

OTHER = "15550001111"


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A whole, linked session with a backup."""
    made = make_session(tmp_path / "bot", sessions=5)
    back_up(made)
    return made


def test_the_newest_three_that_were_set_aside_are_kept(paths: SessionPaths) -> None:
    """Each with the reason."""
    places = []
    for number in range(5):
        rewrite(paths)
        say(paths.store, str(number))
        places.append(set_store_aside(paths, f"reason {number}"))

    assert quarantines(paths) == places[: 5 - KEEP - 1 : -1]
    assert [said(place / "session.db") for place in quarantines(paths)] == ["4", "3", "2"]
    assert "reason 4" in (quarantines(paths)[0] / "why.json").read_text()


def test_a_clock_that_went_back_costs_nothing(paths: SessionPaths) -> None:
    """What was just set aside is never what goes."""
    for year in (2026, 2027, 2028):
        rewrite(paths)
        set_aside(paths, "a test", now=datetime(year, 1, 1, tzinfo=UTC))
    rewrite(paths)
    say(paths.store, "just now")
    place = set_aside(paths, "a test", now=datetime(1970, 1, 1, tzinfo=UTC))

    assert place is not None
    assert said(place / "session.db") == "just now"
    assert len(quarantines(paths)) == KEEP


def test_nothing_to_set_aside(paths: SessionPaths) -> None:
    """Status and history alone are no session; another account's places are not counted."""
    for file in (paths.store, *side_files(paths.store)):
        file.unlink(missing_ok=True)
    (paths.cache / f"quarantine-{OTHER}-20260101T000000.000000Z").mkdir()

    assert set_store_aside(paths, "a test") is None
    assert set_aside(paths, "a test") is None
    assert quarantines(paths) == []
