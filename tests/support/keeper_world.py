"""A backup keeper with everything around it, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from linda_bot.connection.events import LinkStateChanged, SessionRestored
from linda_bot.connection.keeper import BackupKeeper, Timing
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.sessions.device_status import timestamp
from linda_bot.sessions.manifest import Manifest
from linda_bot.sessions.snapshot_job import Outcome
from tests.support.fake_client import NUMBER

HOUR = 3600.0
TIMING = Timing(after_stable=60, every=6 * HOUR)


class KeeperWorld:
    """A keeper, a link that is told of, and a maker of backups with faults."""

    def __init__(self, *, newest_made_at: datetime | None = None) -> None:
        self.bus = EventBus()
        self.made: list[tuple[float, str]] = []
        """When each was begun, and why."""
        self.takes_s = 1.0
        self.error = ""
        self.given_up = 0
        self.events: list[Event] = []
        self.at_once = 0
        self.keeper = BackupKeeper(TIMING, self._make, self.bus, newest_made_at=newest_made_at)
        self._state = LinkState.STARTING

    async def _make(self, reason: str) -> Outcome:
        self.made.append((asyncio.get_running_loop().time(), reason))
        self.at_once += 1
        assert self.at_once == 1
        try:
            await asyncio.sleep(self.takes_s)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            self.at_once -= 1
        if self.error:
            return Outcome(error=self.error)
        manifest = Manifest(
            account="default",
            linked_number=NUMBER,
            device=1,
            registration_id=1,
            fingerprint="f",
            created_at=timestamp(datetime.now(UTC)),
            reason=reason,
            sha256="",
            size=10,
            neonize_version="",
        )
        return Outcome(name=f"backup-{len(self.made):03}", manifest=manifest)

    def link(self, state: LinkState) -> None:
        """Let the link change its state."""
        self.bus.publish(LinkStateChanged(old=self._state, new=state, because=""))
        self._state = state

    def restored(self) -> None:
        """Let a backup be put back."""
        self.bus.publish(SessionRestored(backup="b", made_at=datetime.now(UTC), because="", passed_over=()))

    def told(self, *kinds: type[Event]) -> list[Event]:
        """Return what was published of these kinds."""
        return [event for event in self.events if isinstance(event, kinds)]

    def reasons(self) -> list[str]:
        """Return why backups were begun, in order."""
        return [reason for _, reason in self.made]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["KeeperWorld"]:
        """Run the keeper, and record what is published."""

        async def record() -> None:
            with self.bus.subscribe(Event, name="test", depth=10_000) as events:
                async for event in events:
                    self.events.append(event)

        tasks = [asyncio.create_task(record()), asyncio.create_task(self.keeper.run())]
        await asyncio.sleep(0)
        try:
            yield self
            await asyncio.sleep(0.01)
            assert not any(task.done() for task in tasks), "a task has died"
        finally:
            for task in reversed(tasks):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
