"""The link's view of a session's files, and what of the link's life is written into them."""

import asyncio
from pathlib import Path

from linda_bot.connection.events import (
    LinkingCompleted,
    LinkStateChanged,
    RestoreAuthenticated,
    RestoreCompleted,
    RestoreStarted,
    SessionSetAside,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.connection.link import SessionLook
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.events import Event
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.device_status import timestamp
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.quarantine import set_aside
from linda_bot.sessions.validation import Verdict, has_device, validate


class StoredSession:
    """The session's files as the link asks for them."""

    def __init__(self, paths: SessionPaths, book: SessionBook) -> None:
        self._paths = paths
        self._book = book

    @property
    def store(self) -> Path:
        """Where the client library keeps its store."""
        return self._paths.store

    async def look(self) -> SessionLook:
        """Validate the session; raises UsageError when it is another account's."""
        found = await asyncio.to_thread(validate, self._paths)
        if found.verdict is Verdict.WRONG_ACCOUNT:
            message = f"{found.why}; set LINDA_ACCOUNT (or --account) to the linked number, or move that session away"
            raise UsageError(message)
        return SessionLook(
            linked=found.verdict is Verdict.RESTORABLE,
            damaged=found.verdict is Verdict.DAMAGED,
            why=found.why,
            previous_status=self._book.status.restore_status,
            last_activity=self._book.last_activity,
            verdict=found.verdict,
            points=tuple(
                f"{point.number} {point.name}: {'' if point.ok else 'not well, '}{point.reason}"
                for point in found.points
            ),
        )

    async def still_linked(self) -> bool:
        """Look for the device row only."""
        return await asyncio.to_thread(has_device, self._paths.store)

    async def set_aside(self, because: str) -> Path | None:
        """Move the session to quarantine; its status and history go with it, and are begun anew with what is known."""
        async with self._book.paused():
            return await asyncio.to_thread(set_aside, self._paths, because)


def enter(book: SessionBook, event: Event) -> None:
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
        case LinkStateChanged():
            _enter_state(book, event)
        case SessionSetAside():
            book.change(device_linked=False, is_active=False, linked_at=None, restore_status="set_aside")
            book.note("session_set_aside", at=event.at, because=event.because, to=Path(event.to).name)
        case _:
            pass


def _enter_state(book: SessionBook, event: LinkStateChanged) -> None:
    if LinkState.CONNECTED in (event.old, event.new):  # the last moment at which the link was known to be up
        book.change(last_connected=timestamp(event.at), is_active=event.new == LinkState.CONNECTED)
    if event.new == LinkState.LOGGED_OUT:
        book.change(device_linked=False, restore_status="logged_out")
    book.note(event.new, at=event.at, because=event.because)
