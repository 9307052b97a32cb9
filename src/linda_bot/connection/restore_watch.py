"""The ten minutes after a restore: answers wait until what had piled up is in, and what cannot be read is counted.

An old store answers too early with counters that the contact has seen, and every message that waited comes twice: once
unreadable, once again after a retry receipt (measured against whatsmeow; see docs/recovery.md).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

from linda_bot.connection.events import LinkingStarted, RestoreJudged, SessionRestored, SessionWentBack
from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event
from linda_bot.sessions.aftercare import WATCHED_FOR, Aftercare, judge, load_aftercare, save_aftercare
from linda_bot.sessions.paths import SessionPaths
from linda_bot.whatsapp.events import (
    Connected,
    Disconnected,
    EngineExited,
    MessageReceived,
    MessageUndecryptable,
    OfflineSyncCompleted,
)
from linda_bot.whatsapp.port import WhatsAppClient

_KINDS = (
    SessionRestored,
    SessionWentBack,
    LinkingStarted,
    Connected,
    Disconnected,
    EngineExited,
    OfflineSyncCompleted,
    MessageReceived,
    MessageUndecryptable,
)
QUIET_S = 0.3
_SYNC_WITHIN_S = 30.0
"""How long to wait for the end of the offline sync after the login."""
_HELD_AT_MOST_S = 60.0
"""How long answers wait at most for a moment of quiet: a busy bot must not fall silent."""
_INBOX_DEPTH = 5000
_PENDING_AT_MOST = 5000


class RestoreWatch:
    """Holds what is sent after a restore, and reports how the restore turned out."""

    def __init__(self, paths: SessionPaths, bus: EventBus, client: Callable[[], Awaitable[WhatsAppClient]]) -> None:
        self._paths = paths
        self._bus = bus
        self._link_client = client
        self._clear = asyncio.Event()
        self._watched: Aftercare | None = None
        self._pending: dict[str, None] = {}
        self._received = 0
        self._recovered = 0
        self._judge_at = 0.0
        self._heard_at = 0.0
        self._connected_at: float | None = None
        self._synced = False
        self._begin(load_aftercare(paths.aftercare))

    @property
    def watching(self) -> bool:
        """Whether the verdict on a restore is still to come."""
        return self._watched is not None

    async def client(self) -> WhatsAppClient:
        """Return the client of a link through which may be sent; wait until it is there."""
        while True:
            await self._clear.wait()
            client = await self._link_client()
            if self._clear.is_set():
                return client

    async def run(self) -> None:
        """Follow the events until cancelled."""
        with self._bus.subscribe(_KINDS, name="restore watch", depth=_INBOX_DEPTH) as events:
            try:
                await self._follow(events)
            finally:
                self._remember()

    async def _follow(self, events: Subscription[Event]) -> None:
        while True:
            event = await events.next_within(self._next_look_s())
            if event is not None:
                await self._take(event)
            # Also after an event: where they come all the time, the time to look never comes.
            self._let_go_if_quiet()
            await self._judge_if_due()

    def _next_look_s(self) -> float | None:
        if self._watched is None:
            return None
        if self._clear.is_set():
            return max(self._judge_at - asyncio.get_running_loop().time(), 0.01)
        return None if self._connected_at is None else QUIET_S / 3

    def _begin(self, watched: Aftercare | None) -> None:
        self._watched = watched
        if watched is None:
            self._clear.set()
            return
        self._clear.clear()
        self._judge_at = asyncio.get_running_loop().time() + _left_s(watched)
        self._connected_at, self._synced = None, False
        self._pending = dict.fromkeys(watched.pending)
        self._received, self._recovered = watched.received, watched.recovered

    async def _take(self, event: Event) -> None:
        if isinstance(event, SessionRestored | SessionWentBack):
            self._clear.clear()  # before the file is read: the link does not wait for that
            self._begin(await asyncio.to_thread(load_aftercare, self._paths.aftercare))
        elif isinstance(event, LinkingStarted):
            self._begin(None)  # a new linking has nothing to recover from
            await self._forget()
        elif self._watched is not None:
            self._count(event)

    def _count(self, event: Event) -> None:
        now = asyncio.get_running_loop().time()
        match event:
            case Connected():
                self._connected_at = self._heard_at = now
            case Disconnected() | EngineExited() if not self._clear.is_set():
                self._connected_at, self._synced = None, False
            case OfflineSyncCompleted():
                self._synced, self._heard_at = True, now
            case MessageUndecryptable(id=message_id):
                self._heard_at = now
                if len(self._pending) < _PENDING_AT_MOST:
                    self._pending[message_id] = None
            case MessageReceived(message=message):
                self._heard_at = now
                self._received += 1
                if message.id in self._pending:
                    del self._pending[message.id]
                    self._recovered += 1
            case _:
                pass

    def _let_go_if_quiet(self) -> None:
        if self._connected_at is None or self._clear.is_set():
            return
        now = asyncio.get_running_loop().time()
        since = now - self._connected_at
        quiet = now - self._heard_at >= QUIET_S and (self._synced or since >= _SYNC_WITHIN_S)
        if quiet or since >= _HELD_AT_MOST_S:
            self._clear.set()

    async def _judge_if_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._watched is None or now < self._judge_at or not self._clear.is_set():
            return
        verdict = judge(received=self._received, pending=len(self._pending))
        self._bus.publish(
            RestoreJudged(
                verdict=verdict,
                received=self._received,
                recovered=self._recovered,
                pending=len(self._pending),
            )
        )
        self._watched = None
        await self._forget()

    async def _forget(self) -> None:
        with suppress(OSError):
            await asyncio.to_thread(self._paths.aftercare.unlink, missing_ok=True)

    def _remember(self) -> None:
        """Keep the count for the next start; the watch goes on there."""
        if self._watched is not None and self._paths.aftercare.exists():
            with suppress(OSError):
                save_aftercare(
                    self._paths.aftercare,
                    self._watched,
                    received=self._received,
                    recovered=self._recovered,
                    pending=tuple(self._pending),
                )


def _left_s(watched: Aftercare) -> float:
    """Return for how many seconds a session is still watched; a clock that was set back does not prolong it."""
    if watched.ends_at is None:
        return 0.0
    left = watched.ends_at - datetime.now(UTC)
    return min(max(left.total_seconds(), 0.0), WATCHED_FOR.total_seconds())
