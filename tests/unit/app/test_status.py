"""How a bot is, from the files that it left."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from linda_bot.app.chronicle import Chronicle
from linda_bot.app.status import HealthReport, days_left, masked
from linda_bot.app.status_files import last_health, status_from_files
from linda_bot.connection.events import LinkStateChanged
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.files import make_private_dir, write_json
from linda_bot.sessions.paths import SessionPaths

NOW = datetime(2026, 2, 10, 8, 0, tzinfo=UTC)
NUMBER = "971505760056"


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """Return where a session would be."""
    return SessionPaths(tmp_path, NUMBER)


def leave(paths: SessionPaths, *words: str, restore_status: str = "ready") -> None:
    """Leave the files of a run whose link went through these states, one a minute."""
    make_private_dir(paths.directory)
    linked = restore_status != "logged_out"
    seen = "2026-02-07T08:00:00.000Z"
    status = {"number": NUMBER, "deviceLinked": linked, "restoreStatus": restore_status, "linkedAt": seen}
    write_json(paths.device_status, {**status, "restoreCount": 3, "restoreDuration": 234, "lastConnected": seen})
    entries = [
        {"timestamp": f"2026-02-07T08:{minute:02}:00.000Z", "eventType": word, "because": f"why {word}"}
        for minute, word in enumerate(words)
    ]
    write_json(paths.history, [*entries, {"eventType": "session_backed_up"}])


def test_nothing_there(paths: SessionPaths) -> None:
    """A directory in which no bot ever ran is left as it is."""
    found = status_from_files(paths)

    assert (found.state, found.live, found.pid, found.uptime_s, found.linked_number) == (
        "stopped",
        False,
        None,
        None,
        "",
    )
    assert (found.health, found.backups, found.since, found.phone_days_left) == ("unknown", 0, None, None)
    assert list(paths.data_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "restore_status", "state", "since", "because"),
    [
        (("connected", "stopping", "stopped"), "ready", "stopped", "08:02", "it was asked to stop"),
        (("restoring", "connected"), "ready", "stopped", "08:01", "it was killed"),
        (
            ("connected", "logged_out", "linking", "stopping", "stopped"),
            "logged_out",
            "logged_out",
            "08:01",
            "why logged_out",
        ),
        (("connected", "replaced", "stopping", "stopped"), "ready", "replaced", "08:01", "why replaced"),
        (("outdated", "stopping", "stopped"), "ready", "outdated", "08:00", "why outdated"),
        (("replaced", "connected", "stopping", "stopped"), "ready", "stopped", "08:03", "asked to stop"),
        (("banned", "stopping", "stopped"), "ready", "stopped", "08:02", "asked to stop"),
    ],
)
def test_how_it_ended(  # noqa: PLR0917 (a table)
    paths: SessionPaths, words: tuple[str, ...], restore_status: str, state: str, since: str, because: str
) -> None:
    """What lasts is told, not that the process is gone."""
    leave(paths, *words, restore_status=restore_status)

    found = status_from_files(paths, NOW)

    assert found.state == state
    assert found.since == f"2026-02-07T{since}:00.000Z"
    assert because in found.because
    assert (found.restore_count, found.last_restore_ms) == (3, 234)
    assert (found.linked_number, found.phone_days_left) == (("", None) if state == "logged_out" else (NUMBER, 11))


@pytest.mark.parametrize(
    "content", ["", "{", "[1, 2]", '"x"', '[{"eventType": 5}, 7, null, {"eventType": "connected"}]']
)
def test_files_that_are_not_what_they_should_be(paths: SessionPaths, content: str) -> None:
    """Something is told all the same."""
    make_private_dir(paths.directory)
    for file in (paths.device_status, paths.history, paths.summary, paths.store, paths.pause):
        file.write_text(content)
    (paths.data_dir / "messages").mkdir()
    paths.mailbox.write_text(content or "x")

    found = status_from_files(paths, NOW)

    assert found.state == "stopped"
    assert found.paused_since is not None


def test_the_newest_health_that_can_be_read(tmp_path: Path) -> None:
    """Half a line at the end, and lines of other makes, are passed over; of a long file the end is read."""
    log = tmp_path / "health.jsonl"
    assert last_health(log) == HealthReport()
    lines = [json.dumps({"at": "a", "grade": "healthy", "state": "connected", "n": number}) for number in range(5000)]
    newest = {"at": "2026-02-07T08:00:00.000Z", "state": "connected", "grade": "degraded", "reasons": ["slow", 5]}
    log.write_text("\n".join([*lines, json.dumps(newest), "[]", '{"grade": 3}', '{"grade": "heal']))

    assert last_health(log) == HealthReport(grade="degraded", reasons=("slow", "5"), at="2026-02-07T08:00:00.000Z")
    log.write_bytes(b"\xff\xfe\n[[[[")
    assert last_health(log) == HealthReport()


def test_days_left() -> None:
    """Of fourteen, rounded up; none when they are over, all for a clock that went back."""
    seen = NOW - timedelta(days=10, hours=1)
    assert days_left(seen, NOW) == 4
    assert days_left(NOW, NOW) == 14
    assert days_left(NOW - timedelta(days=400), NOW) == 0
    assert days_left(NOW + timedelta(days=3), NOW) == 14
    assert days_left(None, NOW) is None


def test_numbers_are_masked(paths: SessionPaths) -> None:
    """Wherever they stand."""
    leave(paths, "connected")

    text = repr(masked(status_from_files(paths, NOW)))

    assert NUMBER not in text
    assert "97150*****56" in text


def test_the_chronicle() -> None:
    """Since when and why, and one open alert a topic, whose beginning stays."""
    chronicle = Chronicle()
    chronicle.take(LinkStateChanged(at=NOW, old="connected", new="reconnecting", because="no network"))
    first = AlertRaised(at=NOW, kind="down", because="no network", advice="wait")
    chronicle.take(first)
    chronicle.take(AlertRaised(at=NOW + timedelta(hours=1), kind="banned", because="a ban", advice="wait"))
    chronicle.take(AlertRaised(at=NOW, topic="log", kind="log_trouble", because="full", advice="make room"))

    assert (chronicle.since, chronicle.because) == (NOW, "no network")
    assert [(alert.topic, alert.kind, alert.since) for alert in chronicle.alerts] == [
        ("link", "banned", "2026-02-10T08:00:00.000Z"),
        ("log", "log_trouble", "2026-02-10T08:00:00.000Z"),
    ]
    heir = Chronicle()
    heir.take_over(chronicle.alerts)
    assert heir.alerts == chronicle.alerts
    chronicle.take(AlertCleared(kind="banned", after_s=5))
    assert [alert.topic for alert in chronicle.alerts] == ["log"]
