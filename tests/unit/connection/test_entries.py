"""What of a life is written into the session's history, and that nothing of it is a secret."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from linda_bot.connection import events
from linda_bot.connection.entries import enter, last_words
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.events import Event
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.paths import SessionPaths
from linda_bot.whatsapp import events as whatsapp

NUMBER = "4915112345678"
NASTY = f"\x1b[2J {NUMBER} 2@QrTextQrTextQrText " + "x" * 5000
AT = datetime(2026, 2, 7, 12, tzinfo=UTC)
PANIC = ("Press Ctrl+C to exit", "panic: runtime error: nil map", "", "goroutine 1 [running]:", "\tmain.go:12")


async def written(tmp_path: Path, *told: Event) -> list[dict[str, object]]:
    """Return the entries of events."""
    paths = SessionPaths(tmp_path, "default")
    paths.directory.mkdir(parents=True)
    book = SessionBook(paths)
    for event in told:
        enter(book, event)
    await book.close()
    found: list[dict[str, object]] = json.loads(paths.history.read_text()) if paths.history.exists() else []
    return [{name: value for name, value in entry.items() if name != "timestamp"} for entry in found]


@pytest.mark.parametrize(
    ("event", "entry"),
    [
        (
            events.DaemonStarted(pid=7, version="1", before="cut_short"),
            {"eventType": "daemon_started", "pid": 7, "version": "1", "before": "cut_short"},
        ),
        (events.DaemonStopping(why="signal"), {"eventType": "daemon_stopping", "why": "signal"}),
        (
            events.DaemonStopped(why="crash", exit_code=70, because="ValueError: oh"),
            {"eventType": "daemon_stopped", "why": "crash", "exitCode": 70, "because": "ValueError: oh"},
        ),
        (
            events.LinkingStarted(round=2, rounds=10, why="there is no session yet"),
            {"eventType": "linking_started", "why": "there is no session yet", "round": 2, "rounds": 10},
        ),
        (whatsapp.QrIssued(code="2@secret", number=1, valid_s=60), {"eventType": "qr_shown"}),
        (whatsapp.QrRoundEnded(outcome="timeout"), {"eventType": "qr_round_ended", "outcome": "timeout"}),
        (
            events.PairingCodeIssued(number=NUMBER, code="K7QF-2M9X", valid_s=60),
            {"eventType": "pairing_code_shown"},
        ),
        (
            events.AttemptFailed(finding="unreachable", because="no network"),
            {"eventType": "attempt_failed", "finding": "unreachable", "because": "no network"},
        ),
        (
            whatsapp.EngineExited(code=2, asked=False, last_lines=PANIC),
            {"eventType": "engine_exited", "code": 2, "line": "panic: runtime error: nil map"},
        ),
        (
            events.RestoreGaveUp(because="it is damaged", passed_over=("backup-1: cut",)),
            {"eventType": "restore_gave_up", "because": "it is damaged", "passedOver": ["backup-1: cut"]},
        ),
        (
            events.LinkGaveUp(exit_code=7, because="replaced", advice="stop the other"),
            {"eventType": "link_gave_up", "exitCode": 7, "because": "replaced", "advice": "stop the other"},
        ),
        (
            whatsapp.TemporarilyBanned(code=101, expires_in_s=7200.4),
            {"eventType": "temporarily_banned", "code": 101, "seconds": 7200},
        ),
        (events.PhoneNotSeen(days=10, left_days=4), {"eventType": "phone_not_seen", "days": 10, "leftDays": 4}),
        (
            AlertCleared(kind="down", after_s=60.2),
            {"eventType": "alert_cleared", "topic": "link", "kind": "down", "seconds": 60},
        ),
        (
            events.LinkStateChanged(
                old="connected", new="reconnecting", because="the daily refresh", finding="renewal_due"
            ),
            {"eventType": "reconnecting", "because": "the daily refresh", "finding": "renewal_due"},
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Event) else "",
)
async def test_what_an_event_leaves_in_the_history(tmp_path: Path, event: Event, entry: dict[str, object]) -> None:
    """Its word, and the facts that the story needs."""
    assert await written(tmp_path, event) == [entry]


async def test_what_is_told_elsewhere_or_is_no_news_leaves_nothing(tmp_path: Path) -> None:
    """Later codes of a round, an engine that was asked to end, pings."""
    quiet = (
        whatsapp.QrIssued(code="2@secret", number=2, valid_s=20),
        whatsapp.EngineExited(code=0, asked=True),
        events.PingAnswered(took_ms=3),
        events.HintTaken(because="network", taken=True, insisted=False, state="connected"),
    )

    assert await written(tmp_path, *quiet) == []


async def test_equal_failures_are_one_entry(tmp_path: Path) -> None:
    """With how often they came."""
    failed = events.AttemptFailed(finding="unreachable", because="no network")
    (entry,) = await written(tmp_path, *[failed] * 9)

    assert entry["count"] == 9


async def test_no_text_of_anybodys_does_harm(tmp_path: Path) -> None:
    """No number, no QR text, no escape, nothing long, whichever event brings it."""
    found = await written(
        tmp_path,
        events.AttemptFailed(finding="refused", because=NASTY),
        events.SessionQuarantined(to="/x/quarantine-default-1", because=NASTY),
        events.SessionRestored(backup="b", made_at=AT, because=NASTY, passed_over=(NASTY,) * 50),
        events.RestoreGaveUp(because=NASTY, passed_over=(NASTY,)),
        events.LinkStateChanged(old="starting", new="reconnecting", because=NASTY),
        events.BackupFailed(reason="periodic", error=NASTY),
        events.DaemonStopped(why="crash", exit_code=70, because=NASTY),
        events.LinkingStarted(round=1, rounds=1, why=NASTY),
        events.PairingCodeRefused(number=NUMBER, error=NASTY),
        whatsapp.QrRoundEnded(outcome=NASTY),
        whatsapp.EngineExited(code=1, asked=False, last_lines=(NASTY,)),
        AlertRaised(kind="down", because=NASTY, advice=""),
    )
    text = json.dumps(found, ensure_ascii=False)

    assert len(found) == 12
    assert not [secret for secret in (NUMBER, "2@Qr", "\x1b", "x" * 500) if secret in text]
    assert len(text) < 12_000


def test_the_last_words_of_an_engine() -> None:
    """The line that says what it died of, else the last that says anything."""
    assert last_words(PANIC) == "panic: runtime error: nil map"
    assert last_words(("one", "two", "", "exit status 2")) == "two"
    assert last_words(("Press Ctrl+C to exit",)) == ""
