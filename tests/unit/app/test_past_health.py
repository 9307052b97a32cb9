"""What the last day and week were like, from the record on the disk."""

from datetime import timedelta
from pathlib import Path

import pytest

from linda_bot.app import past_health as module
from linda_bot.app.past_health import HealthRecord, past_health
from linda_bot.health.history import HealthHistory, Record, read_record
from linda_bot.health.machine import open_files
from linda_bot.health.samples import Readings
from linda_bot.health.stats import Cell
from linda_bot.sessions.paths import SessionPaths
from tests.support.health_samples import MORNING, sample, series

MINUTES = timedelta(minutes=1)


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """Where the record is."""
    return SessionPaths(tmp_path, "default")


def test_nothing_is_known() -> None:
    """Of a bot that has just begun for the first time."""
    assert past_health([], MORNING) is None


def test_a_day_and_a_week() -> None:
    """What comes after the last word is yet to come, and no outage."""
    past = past_health(series(MORNING, 2), MORNING + 9 * MINUTES)
    assert past is not None
    assert past.until == MORNING
    assert past.day_share == 1
    assert len(past.week) == 7
    assert len(past.day.cells) == 48
    assert set(past.day.cells) <= {Cell.UP, Cell.TO_COME}
    assert past.week[0].up_share is None
    assert past.round_trip_ms is None


def test_a_curve_keeps_what_stands_out() -> None:
    """A day of samples, a second each, is a few points, and the highest of them is among these."""
    trips = [100.0] * 2000
    trips[777] = 5000.0
    samples = [
        sample(MORNING - timedelta(seconds=40 * number), 40, readings=Readings(round_trip_ms=trip, daemon_mb=50))
        for number, trip in enumerate(trips)
    ][::-1]
    past = past_health(samples, MORNING)
    assert past is not None
    assert past.round_trip_ms is not None
    assert past.memory_mb is not None
    curve = past.round_trip_ms
    assert (curve.least, curve.usual, curve.most) == (100, 100, 5000)
    assert max(point.value for point in curve.points) == 5000
    assert len(curve.points) <= 145
    assert list(curve.points) == sorted(curve.points)
    assert past.memory_mb.most == 50


def test_only_the_last_day_is_a_curve() -> None:
    """What is older is none of it, nor what is said to come."""
    samples = [
        sample(MORNING + timedelta(hours=hours), 60, readings=Readings(daemon_mb=mb))
        for hours, mb in ((-25, 900), (-1, 50), (3, 800))
    ]
    past = past_health(samples, MORNING)
    assert past is not None
    assert past.memory_mb is not None
    assert past.memory_mb.most == 50


def test_it_is_read_again_only_when_it_has_changed(paths: SessionPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """And worked out again now and then, because time goes on."""
    reads = 0

    def counted(of: SessionPaths) -> Record:
        nonlocal reads
        reads += 1
        return read_record(of)

    monkeypatch.setattr(module, "read_record", counted)
    now = MORNING
    record = HealthRecord(paths, now=lambda: now)
    assert record.read() is None
    history = HealthHistory(paths)
    history.begin(MORNING)
    history.append([sample(MORNING - 5 * MINUTES)], MORNING)
    first = record.read()
    assert first is not None
    assert [record.read() for _ in range(5)] == [first] * 5
    assert reads == 2
    now = MORNING + 2 * MINUTES
    assert record.read() == first
    history.append([sample(MORNING)], MORNING)
    second = record.read()
    assert second is not None
    assert second.until == MORNING
    assert reads == 3


def test_a_record_that_cannot_be_read(paths: SessionPaths) -> None:
    """Is the caller's to tell; when it can be read again it is."""
    paths.health_log.mkdir(parents=True)
    record = HealthRecord(paths)
    open_before = open_files()
    for _ in range(3):
        with pytest.raises(IsADirectoryError):
            record.read()
    assert open_files() == open_before
    paths.health_log.rmdir()
    assert record.read() is None
