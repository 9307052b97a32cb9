"""A desk with sinks that can be told to fail or hang, a file in memory, and a clock that follows the loop's."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from linda_bot.health.alerting.desk import Desk, Manners
from linda_bot.health.alerting.memory import Memory, MemoryFile
from linda_bot.health.alerting.notice import Notice, Sender
from linda_bot.health.alerting.quiet import QuietHours
from linda_bot.health.alerting.sinks.sink import SinkError
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
SENDER = Sender("971505760056", "host1")


class FakeSink:
    """Takes notices, fails, or never answers."""

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.got: list[tuple[float, Notice]] = []
        self.errors: list[SinkError] = []
        """What the next tries come to; after the last one, all is well."""
        self.broken: Exception | None = None
        self.hangs = False
        self.tries: list[float] = []

    async def send(self, notice: Notice) -> None:
        """Take one, or not."""
        self.tries.append(asyncio.get_running_loop().time())
        if self.hangs:
            await asyncio.Event().wait()
        if self.broken is not None:
            raise self.broken
        if self.errors:
            raise self.errors.pop(0)
        self.got.append((asyncio.get_running_loop().time(), notice))

    @property
    def purposes(self) -> list[str]:
        """Why the notices came that it has taken, in order."""
        return [str(notice.purpose) for _, notice in self.got]


class FakeFile(MemoryFile):
    """A file whose content is at once on a disk that is none."""

    def __init__(self, now: Memory | None = None) -> None:
        super().__init__(Path("nowhere"), now or Memory())
        self.disk = self.now
        self.is_full = False

    async def save(self) -> bool:
        """Write it, if there is room."""
        await asyncio.sleep(0)
        if not self.is_full:
            self.disk = self.now
        return not self.is_full


class AlertWorld:
    """One process's desk after the other, on the same disk."""

    def __init__(self, *sinks: FakeSink, remind: Sequence[float] = (), quiet: QuietHours | None = None) -> None:
        self.sinks = sinks or (FakeSink(),)
        self.manners = Manners(remind, quiet)
        self.bus = EventBus()
        self.file = FakeFile()
        self.began_at = NOON
        self.told: list[Event] = []

    def wall(self) -> datetime:
        """Return what a clock on the wall shows."""
        return self.began_at + timedelta(seconds=asyncio.get_running_loop().time())

    def raise_(self, kind: str = "down", topic: str = "link", because: str = "no answer") -> None:
        """Have something be found wrong."""
        self.bus.publish(AlertRaised(topic=topic, kind=kind, because=because, advice="look", at=self.wall()))

    def clear(self, topic: str = "link", after_s: float = 100.0) -> None:
        """Have it be over."""
        self.bus.publish(AlertCleared(topic=topic, kind="down", after_s=after_s, at=self.wall()))

    @asynccontextmanager
    async def process(self, *, killed: bool = False) -> AsyncIterator[None]:
        """Run a desk; killed, what it had in mind is lost, and what is on the disk is not."""
        self.file = FakeFile(self.file.disk)
        desk = Desk(self.file, self.sinks, SENDER, self.manners, self.bus, watched=("link",), clock=self.wall)
        with (
            self.bus.subscribe((AlertRaised, AlertCleared), name="alerts") as wanted,
            self.bus.subscribe(Event, name="test", depth=10_000) as every,
        ):
            running = asyncio.create_task(desk.run(wanted), name="alerts")
            await asyncio.sleep(0.001)
            try:
                yield
            finally:
                await asyncio.sleep(0.001)
                disk = self.file.disk
                if not killed:
                    desk.close()
                    await asyncio.wait({running}, timeout=30)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                if killed:
                    self.file.disk = disk
                self.told += every.pending()
        if not running.cancelled():
            running.result()
