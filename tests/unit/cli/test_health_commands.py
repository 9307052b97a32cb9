"""`linda-bot health` and `linda-bot stats`, from the files that a bot has left or that it writes."""

import fcntl
import io
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from linda_bot.cli.ahead import EngineChoice
from linda_bot.cli.main import run_command
from linda_bot.cli.strip_chart import chart_lines
from linda_bot.health.grades import Grade
from linda_bot.health.history import HealthHistory
from linda_bot.health.samples import Readings, Reason, Sample, Why
from linda_bot.health.stats import chart, days_back
from linda_bot.kernel.amounts import percent
from linda_bot.kernel.errors import ExitCode
from linda_bot.sessions.paths import SessionPaths
from tests.support.health_samples import MORNING, sample, series

FULL_DISK = Reason(word="disk", topic="health", grade=Grade.UNHEALTHY, text="the disk has only 12 MB left")
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the time at which a test runs: it may be long after the others."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC))


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A data directory with nothing in it."""
    return SessionPaths(tmp_path, "default")


@pytest.fixture
def held(paths: SessionPaths) -> Iterator[None]:
    """A bot that runs, as its lock tells."""
    paths.directory.mkdir(parents=True)
    with paths.lock.open("w") as lock:
        lock.write(json.dumps({"pid": os.getpid(), "host": "here", "since": "now", "phase": "listening"}))
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write(paths: SessionPaths, *samples: Sample) -> None:
    """Leave a record."""
    history = HealthHistory(paths)
    history.begin(NOW)
    history.append(list(samples), NOW)


def run(paths: SessionPaths, *arguments: str) -> int:
    """Run a command on the data directory."""
    return run_command([*arguments, "--data-dir", str(paths.data_dir)], EngineChoice((), {}), 0.0)


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Return what was printed, and what was said."""
    out, told = capsys.readouterr()
    return out, told


def test_a_healthy_bot_that_runs(paths: SessionPaths, held: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, one line, and what it was like."""
    write(paths, *series(NOW, days=0.1))

    assert run(paths, "health", "-n", "3") == ExitCode.OK

    out, told = printed(capsys)
    assert out.splitlines()[0].startswith("The bot is healthy (looked at ")
    assert sum("connected" in line for line in out.splitlines()) == 3
    assert told == ""


def test_a_bot_that_is_not_well(paths: SessionPaths, held: None, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong, what to do, and exit code 1."""
    write(paths, sample(NOW, grade=Grade.UNHEALTHY, reasons=(FULL_DISK,), readings=Readings(paused=True)))

    assert run(paths, "health") == ExitCode.UNWELL
    out, _ = printed(capsys)
    assert out.splitlines()[0].startswith("The bot is unhealthy")
    assert "  The disk has only 12 MB left." in out.splitlines()
    assert "    What to do: make room on the disk that the data directory is on." in out.splitlines()
    assert "linda-bot resume" in out

    assert run(paths, "health", "--json") == ExitCode.UNWELL
    document: dict[str, Any] = json.loads(printed(capsys)[0])
    assert (document["healthy"], document["grade"], document["running"]) == (False, "unhealthy", True)
    assert document["reasons"][0]["word"] == "disk"
    assert document["reasons"][0]["advice"].startswith("make room")
    assert document["samples"][0]["up_s"] == 300


def test_a_bot_that_was_stopped(paths: SessionPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """Healthy as it was, it does not run."""
    write(paths, sample(NOW - timedelta(hours=3), why=Why.STOP))

    assert run(paths, "health") == ExitCode.UNWELL
    assert "does not run; it was stopped 3 hours ago. It was healthy." in printed(capsys)[1]
    assert run(paths, "health", "--json") == ExitCode.UNWELL
    document = json.loads(printed(capsys)[0])
    assert (document["running"], document["healthy"], document["grade"]) == (False, False, None)


def test_a_bot_that_was_killed(paths: SessionPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """Its last minutes are there, and how it ended."""
    write(paths, sample(NOW - timedelta(minutes=9)))
    HealthHistory(paths).note(sample(NOW - timedelta(minutes=5), 240, received=17))

    assert run(paths, "health") == ExitCode.UNWELL
    out, told = printed(capsys)
    assert "its run was cut short 5 minutes ago" in told
    assert "17/0" in out


def test_a_bot_that_hangs(paths: SessionPaths, held: None, capsys: pytest.CaptureFixture[str]) -> None:
    """It holds its session, but has long not looked at itself."""
    write(paths, sample(NOW - timedelta(hours=2)))

    assert run(paths, "health") == ExitCode.UNWELL
    assert "has not looked at itself for 2 hours" in printed(capsys)[1]


def test_a_bot_that_has_just_started(paths: SessionPaths, held: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is known of this run yet, whatever the last one was like."""
    write(paths, sample(NOW, why=Why.STOP))

    assert run(paths, "health") == ExitCode.UNWELL
    assert "has just started" in printed(capsys)[1]


@pytest.mark.parametrize("command", ["health", "stats"])
def test_no_bot_was_ever_here(paths: SessionPaths, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and with --json a document all the same; nothing is created."""
    code = run(paths, command)
    out, told = printed(capsys)
    assert code == (ExitCode.UNWELL if command == "health" else ExitCode.OK)
    assert (out, len(told.splitlines())) == ("", 1)

    run(paths, command, "--json")

    assert json.loads(printed(capsys)[0])["account"] == "default"
    assert list(paths.data_dir.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [("stats", "--days", "0"), ("stats", "--days", "31"), ("health", "-n", "-1"), ("health", "-n", "999999")],
)
def test_wrong_numbers(paths: SessionPaths, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and what would be right."""
    assert run(paths, *arguments) == ExitCode.USAGE
    _, told = printed(capsys)
    assert len(told.splitlines()) == 1
    assert "is wrong: it must be" in told


@pytest.mark.parametrize("command", ["health", "stats"])
def test_a_record_that_cannot_be_read(paths: SessionPaths, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it is, and why."""
    paths.health_log.mkdir(parents=True)

    assert run(paths, command) == ExitCode.UNWELL
    _, told = printed(capsys)
    assert told == f"linda-bot: the health record {paths.health_log} cannot be read: it is not a file\n" or (
        "is a directory" in told
    )


def test_a_record_that_somebody_has_tampered_with(
    paths: SessionPaths, held: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """What steers a terminal or is markup is shown as what it is."""
    evil = msgspec.structs.replace(FULL_DISK, word="\x1b[2J", text="[red]\x1b[31mhello")
    write(
        paths,
        msgspec.structs.replace(sample(NOW, reasons=(evil,)), state="\x1b]0;owned\x07[bold]", grade=Grade.DEGRADED),
    )

    run(paths, "health")
    run(paths, "stats")

    out, told = printed(capsys)
    assert "\x1b" not in out + told
    assert "[red]\\x1b[31mhello" in out


def test_the_figures_of_a_week(paths: SessionPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """A person who comes back after a week sees how it was."""
    until = NOW - timedelta(hours=1)
    samples = series(until - timedelta(hours=1), days=3)
    samples.append(
        sample(until, 3600, up_s=1800, outages=1, outage_s=1800, longest_outage_s=1800, reconnects=1, starts=1)
    )
    write(paths, *samples)

    assert run(paths, "stats") == ExitCode.OK
    out, _ = printed(capsys)
    for words in ("of 3 days in which the bot ran", "1 of 10 s or longer, 30 minutes on average", "QR codes shown"):
        assert words in out
    assert run(paths, "stats", "--json", "--days", "30") == ExitCode.OK
    document = json.loads(printed(capsys)[0])
    assert document["up_share"] == pytest.approx(1 - 1800 / (3 * 86400 + 3600))
    assert (document["outages"], document["mean_recovery_s"], len(document["days"])) == (1, 1800, 30)
    assert all(len(day["hours"]) == 24 for day in document["days"])


@pytest.mark.parametrize(("columns", "encoding"), [(80, "utf-8"), (120, "utf-8"), (60, "utf-8"), (80, "ascii")])
def test_the_chart_fits(paths: SessionPaths, columns: int, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into the terminal, and into its encoding; one row a day."""
    write(paths, *series(NOW, days=5))
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    assert run(paths, "stats") == ExitCode.OK

    screen.flush()
    shown = screen.buffer.getvalue().decode(encoding)
    lines = [line.rstrip() for line in shown.splitlines()]
    chart_width = 48 if columns >= 72 else 24
    assert max(map(len, lines[: lines.index("")])) == 11 + chart_width + 9
    assert sum(line[-1:] == "%" for line in lines[:10]) >= 5


def test_the_chart_can_be_read_without_colours() -> None:
    """Each thing has a character of its own, and the legend has them all."""
    midnights = days_back(1, MORNING)
    for blocks in (True, False):
        lines = chart_lines(chart([], midnights, MORNING, per_hour=1), blocks=blocks)
        marks = [piece.text for piece in lines[-1][1::2]]
        assert len(set(marks)) == len(marks) == 4
        assert blocks or "".join(marks).isascii()


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100 %"),
        (0.99999, "99.99 %"),
        (0.9, "90 %"),
        (0.5004, "50 %"),
        (0.0, "0 %"),
        (0.98765, "98.8 %"),
        (None, "-"),
    ],
)
def test_what_is_not_all_is_not_shown_as_all(share: float | None, text: str) -> None:
    """A second without a link is not 100 %."""
    assert percent(share) == text
