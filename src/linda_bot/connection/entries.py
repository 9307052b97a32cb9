"""What of the link's life is written into the session's book."""

from pathlib import Path

from linda_bot.connection.events import (
    HintTaken,
    LinkingCompleted,
    LinkStateChanged,
    PhoneSeen,
    RestoreAuthenticated,
    RestoreCompleted,
    RestoreJudged,
    RestoreStarted,
    SessionBackedUp,
    SessionQuarantined,
    SessionRestored,
    SessionWentBack,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.events import Event
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.device_status import ENDED_BY_A_PERSON, timestamp

RECONNECT_ASKED = "reconnect_asked"
"""The entry that answers a person's request; the states follow."""


def enter(book: SessionBook, event: Event) -> None:  # noqa: C901, PLR0912 (one case an event)
    """Write into the book what an event means for the session."""
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
        case HintTaken(insisted=True):
            book.note(RECONNECT_ASKED, at=event.at, taken=event.taken, state=event.state)
        case PhoneSeen():
            book.change(phone_last_seen=timestamp(event.at))
        case LinkStateChanged():
            _enter_state(book, event)
        case SessionQuarantined():
            book.note("session_quarantined", at=event.at, because=event.because, to=Path(event.to).name)
            if book.status.restore_status not in ENDED_BY_A_PERSON:
                book.change(device_linked=False, is_active=False, restore_status="set_aside")
        case SessionRestored():
            book.change(device_linked=True, restore_status="from_backup")
            made_at = timestamp(event.made_at)
            book.note("session_restored", at=event.at, because=event.because, backup=event.backup, madeAt=made_at)
        case SessionWentBack():
            book.note("session_went_back", at=event.at, because=event.because)
        case RestoreJudged():
            facts = {"received": event.received, "recovered": event.recovered, "pending": event.pending}
            book.note("restore_judged", at=event.at, status=event.verdict, **facts)
        case SessionBackedUp():
            book.note("session_backed_up", at=event.at, backup=event.backup, reason=event.reason, size=event.size)
        case _:
            pass


def _enter_state(book: SessionBook, event: LinkStateChanged) -> None:
    if LinkState.CONNECTED in (event.old, event.new):  # the last moment at which the link was known to be up
        book.change(last_connected=timestamp(event.at), is_active=event.new == LinkState.CONNECTED)
    book.state(event.new)
    if event.new == LinkState.LOGGED_OUT:
        book.change(device_linked=False, restore_status="logged_out")
    book.note(event.new, at=event.at, because=event.because)
