"""What of the link's life is written into the session's book."""

from pathlib import Path

from linda_bot.connection.events import (
    AttemptFailed,
    BackupFailed,
    DaemonStarted,
    DaemonStopped,
    DaemonStopping,
    HintTaken,
    LinkGaveUp,
    LinkingCompleted,
    LinkingStarted,
    LinkStateChanged,
    LogoutAsked,
    MilestoneReached,
    PairingCodeIssued,
    PairingCodeRefused,
    PhoneNotSeen,
    PhoneSeen,
    RefreshStarted,
    RestoreAuthenticated,
    RestoreCompleted,
    RestoreGaveUp,
    RestoreJudged,
    RestoreStarted,
    SessionBackedUp,
    SessionQuarantined,
    SessionRestored,
    SessionWentBack,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.events import Event
from linda_bot.kernel.masking import mask_line, printable
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.device_status import ENDED_BY_A_PERSON, timestamp
from linda_bot.whatsapp.events import (
    ClientOutdated,
    EngineExited,
    QrIssued,
    QrRoundEnded,
    StreamReplaced,
    TemporarilyBanned,
)

RECONNECT_ASKED = "reconnect_asked"
"""The entry that answers a person's request; the states follow."""


_REASON, _LINE = 300, 160
_LAST_WORDS = ("panic:", "fatal error:", "SIG", "Fatal Python error", "unexpected fault")
"""How the line begins that says what an engine died of."""

_SMALL_TALK = ("goroutine ", "\t", "Press Ctrl+C to exit", "Login event:", "exit status")
"""Lines that say nothing about it."""


def enter(book: SessionBook, event: Event) -> None:
    """Write into the book what an event means for the session."""
    if not _enter_session(book, event):
        _enter_rest(book, event)


def _enter_session(book: SessionBook, event: Event) -> bool:  # noqa: C901, PLR0912 (one case an event)
    """Enter what changes the session's status, and what tells of its coming and going; return whether it was that."""
    match event:
        case RestoreStarted():
            book.note("restore_started", at=event.at, attempt=event.attempt)
        case RestoreAuthenticated():
            facts = {"duration": event.duration_ms, "attempt": event.attempt, "status": "authenticated"}
            book.note("restore_authenticated", at=event.at, **facts)
        case RestoreCompleted():
            book.change(
                number=event.number or book.status.number,
                device_linked=True,
                restore_count=book.status.restore_count + 1,
                last_restore_time=timestamp(event.at),
                restore_status="ready",
                restore_duration=event.duration_ms,
            )
            facts = {"duration": event.duration_ms, "attempt": event.attempt, "status": "fully_reactivated"}
            book.note("restore_complete", at=event.at, **facts)
        case LinkingCompleted():
            book.change(number=event.number, device_linked=True, linked_at=timestamp(event.at), restore_status="linked")
            book.note("device_linked", at=event.at)
        case PhoneSeen():
            book.change(phone_last_seen=timestamp(event.at))
        case LinkStateChanged():
            _enter_state(book, event)
        case SessionQuarantined():
            book.note("session_quarantined", at=event.at, because=_fit(event.because), to=Path(event.to).name)
            if book.status.restore_status not in ENDED_BY_A_PERSON:
                book.change(device_linked=False, is_active=False, restore_status="set_aside")
        case SessionRestored():
            book.change(device_linked=True, restore_status="from_backup")
            facts = {"because": _fit(event.because), "backup": event.backup, "madeAt": timestamp(event.made_at)}
            book.note("session_restored", at=event.at, **facts, **_passed_over(event.passed_over))
        case RestoreGaveUp():
            passed_over = _passed_over(event.passed_over)
            book.note("restore_gave_up", at=event.at, because=_fit(event.because), **passed_over)
        case SessionWentBack():
            book.note("session_went_back", at=event.at, because=_fit(event.because))
        case RestoreJudged():
            counts = {"received": event.received, "recovered": event.recovered, "pending": event.pending}
            book.note("restore_judged", at=event.at, status=event.verdict, **counts)
        case SessionBackedUp():
            book.note("session_backed_up", at=event.at, backup=event.backup, reason=event.reason, size=event.size)
        case BackupFailed():
            book.note("backup_failed", at=event.at, reason=event.reason, error=_fit(event.error))
        case _:
            return False
    return True


def _enter_rest(book: SessionBook, event: Event) -> None:  # noqa: C901, PLR0912 (one case an event)
    """Enter what happened to the daemon, the engine, the linking and the link."""
    match event:
        case DaemonStarted():
            book.note("daemon_started", at=event.at, pid=event.pid, version=event.version, before=event.before)
        case DaemonStopping():
            book.note("daemon_stopping", at=event.at, why=event.why)
        case DaemonStopped():
            because = {"because": _fit(event.because)} if event.because else {}
            book.note("daemon_stopped", at=event.at, why=event.why, exitCode=event.exit_code, **because)
        case LinkingStarted():
            book.note("linking_started", at=event.at, why=_fit(event.why), round=event.round, rounds=event.rounds)
        case QrIssued(number=1):
            book.note("qr_shown", at=event.at)
        case QrRoundEnded():
            book.note("qr_round_ended", at=event.at, outcome=_fit(event.outcome))
        case PairingCodeIssued():
            book.note("pairing_code_shown", at=event.at)
        case PairingCodeRefused():
            book.note("pairing_code_refused", at=event.at, error=_fit(event.error))
        case LogoutAsked():
            book.note("logout_asked", at=event.at)
        case HintTaken(insisted=True):
            book.note(RECONNECT_ASKED, at=event.at, taken=event.taken, state=event.state)
        case RefreshStarted():
            book.note("refresh_started", at=event.at, age=round(event.age_s))
        case AttemptFailed():
            book.note("attempt_failed", at=event.at, finding=event.finding, because=_fit(event.because))
        case EngineExited(asked=False):
            line = last_words(event.last_lines)
            book.note("engine_exited", at=event.at, code=event.code, **({"line": line} if line else {}))
        case LinkGaveUp():
            facts = {"because": _fit(event.because), "advice": event.advice}
            book.note("link_gave_up", at=event.at, exitCode=int(event.exit_code), **facts)
        case StreamReplaced():
            book.note("stream_replaced", at=event.at)
        case TemporarilyBanned():
            book.note("temporarily_banned", at=event.at, code=event.code, seconds=round(event.expires_in_s))
        case ClientOutdated():
            book.note("client_outdated", at=event.at)
        case MilestoneReached():
            book.note("alive", at=event.at)
        case PhoneNotSeen():
            book.note("phone_not_seen", at=event.at, days=event.days, leftDays=event.left_days)
        case AlertRaised():
            book.note("alert_raised", at=event.at, topic=event.topic, kind=event.kind, because=_fit(event.because))
        case AlertCleared():
            book.note("alert_cleared", at=event.at, topic=event.topic, kind=event.kind, seconds=round(event.after_s))
        case _:
            pass


def last_words(lines: tuple[str, ...]) -> str:
    """Return the line of an engine's last ones that says best what it died of; empty when none says anything."""
    found = [line for line in lines if line.strip() and not line.startswith(_SMALL_TALK)]
    best = next((line for line in found if line.startswith(_LAST_WORDS)), found[-1] if found else "")
    return _fit(best, _LINE)


def _passed_over(backups: tuple[str, ...]) -> dict[str, object]:
    return {"passedOver": [_fit(line) for line in backups]} if backups else {}


def _fit(text: str, longest: int = _REASON) -> str:
    """Make a text fit for a file that people send to whoever helps them."""
    return printable(mask_line(text), longest)


def _enter_state(book: SessionBook, event: LinkStateChanged) -> None:
    if LinkState.CONNECTED in (event.old, event.new):  # the last moment at which the link was known to be up
        book.change(last_connected=timestamp(event.at), is_active=event.new == LinkState.CONNECTED)
    book.state(event.new)
    if event.new == LinkState.LOGGED_OUT:
        book.change(device_linked=False, restore_status="logged_out")
    finding = {"finding": event.finding} if event.finding else {}
    book.note(event.new, at=event.at, because=_fit(event.because), **finding)
