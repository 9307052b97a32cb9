"""`why`, `history` and `logs` as people and programs use them."""

import argparse
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from linda_bot.cli.history import history
from linda_bot.cli.logs import NoLogError, logs
from linda_bot.cli.lookback import NoHistoryError
from linda_bot.cli.moments import moment_of
from linda_bot.cli.why import why
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.sessions.paths import SessionPaths

NOW = datetime.now(UTC)
FRIEND = "4915112345678"
Ran = Callable[..., str]


def entry(hours_ago: float, what: str, **facts: object) -> dict[str, object]:
    """Return an entry of a history."""
    stamp = (NOW - timedelta(hours=hours_ago)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"timestamp": stamp, "eventType": what, **facts}


LIFE = [
    entry(90, "daemon_started", before="first"),
    entry(90, "linking"),
    entry(90, "linking_started", round=1, why="there is no session yet"),
    entry(90, "qr_shown"),
    entry(89.9, "connected"),
    entry(89.9, "device_linked"),
    entry(2, "logged_out", because=f"WhatsApp logged this device out (401) {FRIEND}"),
    entry(2, "linking"),
    entry(2, "linking_started", round=1, why="there is no session yet"),
    entry(1.99, "qr_shown", note=f"\x1b[31m{FRIEND}"),
]


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionPaths:
    """A data directory with a history and a log."""
    monkeypatch.setenv("COLUMNS", "80")
    paths = SessionPaths(tmp_path, "default")
    paths.directory.mkdir(parents=True)
    paths.history.write_text(json.dumps(LIFE))
    paths.logs.mkdir()
    lines = [
        {"timestamp": entry(hours, "")["timestamp"], "level": level, "category": category, "event": event, **facts}
        for hours, level, category, event, facts in (
            (3, "info", "message", "message_received", {"text": "a secret", "chat": FRIEND, "waited": 1234567}),
            (2, "warning", "connection", "disconnected", {"because": "the line\x1b[31m was cut", "empty": ""}),
            (1, "error", "error", "handler_failed", {"trace": f"Traceback\n  f()\nValueError: {FRIEND}"}),
        )
    ]
    (paths.logs / "events.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines) + "{torn")
    return paths


@pytest.fixture
def run(paths: SessionPaths, capsys: pytest.CaptureFixture[str]) -> Ran:
    """Return what runs a command and gives what it has printed."""

    def ran(command: Callable[[argparse.Namespace], int], **options: object) -> str:
        usual = dict.fromkeys(("since", "until", "grep", "level", "event", "category", "account"))
        flags = dict.fromkeys(("json", "show_numbers", "all", "follow"), False)
        place = {"data_dir": paths.data_dir, "last": 0}
        assert command(argparse.Namespace(**{**usual, **flags, **place, **options})) == ExitCode.OK
        return capsys.readouterr().out

    return ran


def test_why_answers_and_tells_the_story_since_the_last_good_link(run: Ran) -> None:
    """Eighty columns, no escapes where nobody sees them, no number."""
    said = run(why)

    assert said.splitlines()[0] == "Why does the bot not run?"  # nobody holds the session
    assert "WhatsApp answered 401" in said
    assert "A QR code was shown, because WhatsApp had logged the device out" in " ".join(said.split())
    assert "first time" not in said
    assert "first time" in run(why, all=True)
    assert max(map(len, said.splitlines())) <= 80
    assert "\x1b" not in said
    assert FRIEND not in said


def test_why_for_programs(run: Ran) -> None:
    """Words, times, causes."""
    said = json.loads(run(why, json=True, since="3h"))

    assert [chapter["what"] for chapter in said["story"]] == ["logged_out", "qr"]
    assert said["story"][1]["cause"]["what"] == "logged_out"
    assert said["state"] == "killed"
    assert said["last_good_link"]["seconds"] == pytest.approx(87.9 * 3600, abs=2)
    assert said["chapters_before"] == 3


def test_history_shows_the_entries(run: Ran) -> None:
    """The newest, those since a time, all; a stranger's text steers nothing."""
    assert len(json.loads(run(history, json=True))) == len(LIFE)
    assert [each["eventType"] for each in json.loads(run(history, json=True, last=2))] == [
        "linking_started",
        "qr_shown",
    ]
    assert len(json.loads(run(history, json=True, since="3h"))) == 4
    shown = run(history)
    assert "device_linked" in shown
    assert "\x1b" not in shown
    assert FRIEND not in shown
    assert FRIEND in run(history, show_numbers=True)


@pytest.mark.parametrize("command", [why, history])
@pytest.mark.parametrize("content", [None, "{torn", '{"a": 1}', "[" * 100_000])
def test_a_history_that_is_none_is_one_line(
    paths: SessionPaths, command: Callable[[argparse.Namespace], int], content: str | None, run: Ran
) -> None:
    """What to do stands in it; exit code 1."""
    if content is None:
        paths.history.unlink()
    else:
        paths.history.write_text(content)
    with pytest.raises(NoHistoryError) as raised:
        run(command)

    assert raised.value.exit_code == ExitCode.UNWELL
    assert "linda-bot" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_logs_for_people(run: Ran) -> None:
    """One line an event in words, traces below, numbers and texts hidden, torn lines as they are."""
    said = run(logs)
    lines = said.splitlines()

    assert "message received  text=" in lines[0]
    assert f"waited={1234567}" in lines[0]
    assert "warning  disconnected  because=" in lines[1]
    assert "empty=" not in lines[1]
    assert lines[3:5] == ["    Traceback", "      f()"]
    assert re.fullmatch(r"    ValueError: 49\*78~[0-9a-f]{6}", lines[5])
    assert lines[6] == "{torn"
    assert not [secret for secret in ("a secret", FRIEND, "\x1b") if secret in said]
    assert "a secret" in run(logs, show_numbers=True)


def test_logs_for_programs(run: Ran) -> None:
    """One array; the filters are those of the reader."""
    assert len(json.loads(run(logs, json=True))) == 4
    assert json.loads(run(logs, json=True, grep="no such thing")) == []
    assert [each["event"] for each in json.loads(run(logs, json=True, level="warning", last=1))] == ["handler_failed"]
    assert [each["event"] for each in json.loads(run(logs, json=True, category=["Message"]))] == ["message_received"]
    assert [each["event"] for each in json.loads(run(logs, json=True, event=["disconnected"]))] == ["disconnected"]
    found = json.loads(run(logs, json=True, since="150m", until="90m"))
    assert [each["event"] for each in found] == ["disconnected"]


@pytest.mark.parametrize(
    ("options", "right"),
    [
        ({"category": ["sesion"]}, "session, connection, message, health, error"),
        ({"level": "warn"}, "debug, info, warning, error"),
        ({"event": ["conected"]}, "did you mean connected"),
        ({"since": "yesterday"}, "2h"),
        ({"last": -1}, "1 or more"),
        ({"follow": True, "until": "1h"}, "choose one"),
    ],
)
def test_wrong_words_are_answered_with_the_right_ones(run: Ran, options: dict[str, object], right: str) -> None:
    """One line."""
    with pytest.raises(UsageError, match=right):
        run(logs, **options)


def test_other_wrong_uses(run: Ran, paths: SessionPaths) -> None:
    """One line each."""
    with pytest.raises(UsageError, match="choose one"):
        run(why, all=True, since="1h")
    with pytest.raises(UsageError, match="1 or more"):
        run(history, last=-3)
    (paths.logs / "events.jsonl").unlink()
    with pytest.raises(NoLogError, match="linda-bot run"):
        run(logs)


def test_times_as_people_type_them() -> None:
    """How long ago, or a local time, or one with its zone."""
    assert moment_of("--since", "2h", NOW) == NOW - timedelta(hours=2)
    assert moment_of("--since", " 3d ", NOW) == NOW - timedelta(days=3)
    assert moment_of("--since", "2026-02-07T08:00+00:00", NOW) == datetime(2026, 2, 7, 8, tzinfo=UTC)
    assert moment_of("--since", "2026-02-07", NOW) == datetime(2026, 2, 7).astimezone()
    for wrong in ("", "2x", "99999999999d", "0000-00-00", "-1h"):
        with pytest.raises(UsageError):
            moment_of("--since", wrong, NOW)
