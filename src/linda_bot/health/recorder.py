"""Having the record written beside everything else, in a thread, whatever the disk does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Protocol

from linda_bot.health.events import HealthRecordFailed, HealthRecordRecovered
from linda_bot.health.samples import Sample, merge
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import reason_of
from linda_bot.kernel.events import utc_now
from linda_bot.kernel.tasks import spawn_task

_NOTE_EVERY_S = 60.0
_COMPACT_EVERY_S = 86400.0
_TRY_AGAIN_S = 60.0
_MOST_WAITING = 500


class Files(Protocol):
    """Where the record is written; the methods block and may raise OSError."""

    def begin(self, now: datetime) -> None:
        """Take over what the run before has left."""

    def append(self, samples: list[Sample], now: datetime) -> None:
        """Write samples down, all or none."""

    def compact(self, now: datetime) -> None:
        """Make older samples coarser."""

    def note(self, sample: Sample) -> None:
        """Keep what is unfinished."""


class HealthRecorder:
    """Takes samples at once, and writes them as soon as the disk allows it."""

    def __init__(
        self,
        files: Files,
        unfinished: Callable[[], Sample | None],
        bus: EventBus,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Take the files, and who tells what has happened since the last sample, if there is anything."""
        self._files = files
        self._unfinished = unfinished
        self._bus = bus
        self._now = now
        self._waiting: list[Sample] = []
        self._wake = asyncio.Event()
        self._end = asyncio.Event()
        self._has_begun = False
        self._fails_since: float | None = None

    def add(self, sample: Sample) -> None:
        """Have a sample written."""
        self._waiting.append(sample)
        if len(self._waiting) > _MOST_WAITING:  # the disk has been full for long: coarser is better than nothing
            self._waiting[:2] = [merge(self._waiting[:2])]
        self._wake.set()

    @asynccontextmanager
    async def writing(self, *, finish_within_s: float) -> AsyncIterator[None]:
        """Write until the end of the block, and then what waits, for at most so many seconds."""
        task = spawn_task(self._run(), name="health record")
        try:
            yield
        finally:
            self._end.set()
            self._wake.set()
            await asyncio.wait({task}, timeout=finish_within_s)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        compacted_at = noted_at = loop.time()
        while True:
            is_last = self._end.is_set()
            self._wake.clear()
            is_well = await self._write()
            if is_last:
                return
            if is_well and loop.time() >= compacted_at + _COMPACT_EVERY_S:
                compacted_at = loop.time()
                await self._do(self._files.compact, self._now())
            if is_well and loop.time() >= noted_at + _NOTE_EVERY_S:
                noted_at = loop.time()
                unfinished = self._unfinished()
                if unfinished is not None:
                    await self._do(self._files.note, unfinished)
            if self._fails_since is not None:
                await _wait(self._end, _TRY_AGAIN_S)
            else:
                await _wait(self._wake, min(compacted_at + _COMPACT_EVERY_S, noted_at + _NOTE_EVERY_S) - loop.time())

    async def _write(self) -> bool:
        """Write what waits; return whether that could be done."""
        if not self._has_begun:
            self._has_begun = await self._do(self._files.begin, self._now())
            if not self._has_begun:
                return False
        if not self._waiting:
            return True
        batch, self._waiting = self._waiting, []
        if not await self._do(self._files.append, batch, self._now()):
            self._waiting[:0] = batch
            return False
        if self._fails_since is not None:
            after_s = round(asyncio.get_running_loop().time() - self._fails_since, 1)
            self._fails_since = None
            self._bus.publish(HealthRecordRecovered(after_s=after_s))
        return True

    async def _do(self, work: Callable[..., None], *arguments: object) -> bool:
        try:
            await asyncio.to_thread(work, *arguments)
        except OSError as error:
            if self._fails_since is None:
                self._fails_since = asyncio.get_running_loop().time()
                reason = reason_of(error)
                self._bus.publish(HealthRecordFailed(because=f"the health record cannot be written: {reason}"))
            return False
        return True


async def _wait(event: asyncio.Event, within_s: float) -> None:
    try:
        async with asyncio.timeout(max(within_s, 0.001)):
            await event.wait()
    except TimeoutError:
        return
