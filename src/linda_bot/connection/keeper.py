"""Backups on time: when a link is stable, every few hours, when its secrets change, at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from linda_bot.connection.events import (
    BackupFailed,
    BackupsCleanedUp,
    LinkingCompleted,
    LinkStateChanged,
    SessionBackedUp,
    SessionRestored,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.sessions.snapshot_job import Outcome
from linda_bot.whatsapp.events import SecretsRotated

FRESH_FOR = timedelta(hours=1)
"""At the end no backup is made when there is one that is no older than this."""

_AGAIN_AFTER_S = 300.0
"""After a backup that failed."""

_INBOX_DEPTH = 500


class Timing(NamedTuple):
    """When backups are due, in seconds."""

    after_stable: float
    every: float


class BackupKeeper:
    """Has backups made; one at a time, and none of a device that is logged out."""

    def __init__(
        self,
        timing: Timing,
        make: Callable[[str], Awaitable[Outcome]],
        bus: EventBus,
        *,
        newest_made_at: datetime | None = None,
    ) -> None:
        """Take when to make backups, how (`make` is told why), and when the newest was made that is there."""
        self._timing = timing
        self._make = make
        self._bus = bus
        self._newest_made_at = newest_made_at
        self._newest_at: float | None = None
        """The same on the loop's clock, which nobody sets."""
        self._was_linked = False
        self._up_since: float | None = None
        self._stable_one_due = True
        self._not_before = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Follow the link until cancelled."""
        if self._newest_made_at is not None:
            age_s = (datetime.now(UTC) - self._newest_made_at).total_seconds()
            self._newest_at = asyncio.get_running_loop().time() - max(age_s, 0.0)
        with self._bus.subscribe(Event, name="backup keeper", depth=_INBOX_DEPTH) as events:
            while True:
                try:
                    async with asyncio.timeout(self._due_in_s()):
                        await self._take(await events.next())
                except TimeoutError:
                    await self._back_up("stable" if self._stable_one_due else "periodic")

    async def at_the_end(self, *, within_s: float) -> None:
        """Make a last backup if the newest is old; only after the engine is gone."""
        if not self._was_linked:
            return
        try:
            async with asyncio.timeout(within_s), self._one_at_a_time:
                if self._newest_made_at is None or datetime.now(UTC) - self._newest_made_at > FRESH_FOR:
                    await self._make_one("shutdown")
        except TimeoutError:
            self._bus.publish(BackupFailed(reason="shutdown", error=f"it took longer than {within_s:g} s"))

    def _due_in_s(self) -> float | None:
        """Return in how many seconds a backup is due; None for never, as things are."""
        if self._up_since is None:
            return None
        now = asyncio.get_running_loop().time()
        due_at = self._up_since + self._timing.after_stable
        if not self._stable_one_due:
            due_at = max(due_at, (self._newest_at or 0.0) + self._timing.every)
        # Never 0: a timeout of 0 would be over before the events that wait are seen.
        return max(due_at - now, self._not_before - now, 0.01)

    async def _take(self, event: Event) -> None:
        match event:
            case LinkStateChanged(new=LinkState.CONNECTED):
                self._was_linked = True
                self._up_since = asyncio.get_running_loop().time()
            case LinkStateChanged(new=LinkState.LOGGED_OUT | LinkState.LINKING):
                self._was_linked, self._up_since = False, None
            case LinkStateChanged(old=LinkState.CONNECTED):
                self._up_since = None
            case LinkingCompleted() | SessionRestored():
                self._stable_one_due = True
            case SecretsRotated() if self._was_linked:
                await self._back_up("secrets_rotated")
            case _:
                pass

    async def _back_up(self, reason: str) -> None:
        async with self._one_at_a_time:
            await self._make_one(reason)

    async def _make_one(self, reason: str) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        outcome = await self._make(reason)
        if outcome.manifest is None:
            self._not_before = loop.time() + _AGAIN_AFTER_S
            self._bus.publish(BackupFailed(reason=reason, error=outcome.error))
            return
        self._stable_one_due = False
        self._newest_made_at, self._newest_at = outcome.manifest.created, loop.time()
        self._bus.publish(
            SessionBackedUp(
                backup=outcome.name,
                reason=reason,
                size=outcome.manifest.size,
                duration_ms=round((loop.time() - started) * 1000),
            )
        )
        if outcome.removed:
            self._bus.publish(BackupsCleanedUp(backups=outcome.removed))
