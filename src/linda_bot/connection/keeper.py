"""Backups on time: when a link is stable, every few hours, when its secrets change, at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
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
from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event
from linda_bot.sessions.snapshot_job import Outcome
from linda_bot.whatsapp.events import SecretsRotated

FRESH_FOR = timedelta(hours=1)
"""At the end no backup is made when there is one that is no older than this."""

_AGAIN_AFTER_S = 300.0
"""After a backup that failed."""

_KINDS = (LinkStateChanged, LinkingCompleted, SessionRestored, SecretsRotated)
_AS_GOOD_AS_NOW_S = 0.001
"""Timers may fire that much too early."""

_INBOX_DEPTH = 500
_STABLE, _PERIODIC, _ROTATED, _SHUTDOWN = "stable", "periodic", "secrets_rotated", "shutdown"


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
        self._owed = _STABLE
        """Why one is due however young the newest is; empty for no such reason."""
        self._not_before = 0.0
        self._changed = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Follow the link until cancelled; a backup that is being made then is given up."""
        if self._newest_made_at is not None:
            age_s = (datetime.now(UTC) - self._newest_made_at).total_seconds()
            self._newest_at = asyncio.get_running_loop().time() - max(age_s, 0.0)
        with self._bus.subscribe(_KINDS, name="backup keeper", depth=_INBOX_DEPTH) as events:
            async with asyncio.TaskGroup() as group:
                # Two tasks: what happens while a backup is made must not wait, and be dropped, in the inbox.
                group.create_task(self._follow(events), name="backup keeper's events")
                group.create_task(self._make_when_due(), name="backups")

    async def back_up(self, reason: str) -> str:
        """Make a backup now, after one that is being made; return what went wrong, or nothing."""
        async with self._one_at_a_time:
            return await self._make_one(reason)

    async def at_the_end(self, *, within_s: float) -> None:
        """Make a last backup if the newest is old; only after the engine is gone."""
        if not self._was_linked:
            return
        try:
            async with asyncio.timeout(within_s), self._one_at_a_time:
                if not self._newest_is_fresh():
                    await self._make_one(_SHUTDOWN)
        except TimeoutError:
            self._bus.publish(BackupFailed(reason=_SHUTDOWN, error=f"it took longer than {within_s:g} s"))

    async def _follow(self, events: Subscription[Event]) -> None:
        async for event in events:
            self._take(event)

    async def _make_when_due(self) -> None:
        while True:
            self._changed.clear()
            wait_s = self._due_in_s()
            if wait_s is None or wait_s > _AS_GOOD_AS_NOW_S:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait()
                continue
            async with self._one_at_a_time:
                reason, self._owed = self._owed or _PERIODIC, ""  # what comes up meanwhile is owed another one
                await self._make_one(reason)

    def _due_in_s(self) -> float | None:
        """Return in how many seconds a backup is due; None for never, as things are."""
        now = asyncio.get_running_loop().time()
        if self._was_linked and self._owed == _ROTATED:
            return max(self._not_before - now, 0.0)
        if self._up_since is None:
            return None
        due_at = self._up_since + self._timing.after_stable
        if not self._owed and self._newest_at is not None:
            due_at = max(due_at, self._newest_at + self._timing.every)
        return max(due_at - now, self._not_before - now, 0.0)

    def _newest_is_fresh(self) -> bool:
        """Return whether the newest is young enough; one from the future says that the clock was set."""
        return self._newest_made_at is not None and (
            timedelta(0) <= datetime.now(UTC) - self._newest_made_at <= FRESH_FOR
        )

    def _take(self, event: Event) -> None:
        match event:
            case LinkStateChanged(new=LinkState.CONNECTED):
                self._was_linked = True
                self._up_since = asyncio.get_running_loop().time()
            case LinkStateChanged(new=LinkState.LOGGED_OUT | LinkState.LINKING):
                self._was_linked, self._up_since = False, None
            case LinkStateChanged(old=LinkState.CONNECTED):
                self._up_since = None
            case LinkingCompleted() | SessionRestored():
                self._owed = _STABLE
            case SecretsRotated() if self._was_linked:
                self._owed = _ROTATED
            case _:
                return
        self._changed.set()

    async def _make_one(self, reason: str) -> str:
        loop = asyncio.get_running_loop()
        started = loop.time()
        outcome = await self._make(reason)
        if outcome.manifest is None:
            self._not_before = loop.time() + _AGAIN_AFTER_S
            self._owed = self._owed or reason
            self._bus.publish(BackupFailed(reason=reason, error=outcome.error))
            return outcome.error
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
        return ""
