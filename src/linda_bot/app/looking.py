"""All that a page about the bot needs, looked at once for all pages; nothing of it holds up the event loop."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from linda_bot.app.front import Front
from linda_bot.app.pairing import PairingView
from linda_bot.app.past_health import HealthRecord, PastHealth
from linda_bot.app.recent_events import Happening, RecentEvents
from linda_bot.app.sources import Found, Source
from linda_bot.app.status import BotStatus
from linda_bot.kernel.events import utc_now

_STATUS_EVERY_S, _STATUS_WITHIN_S = 0.5, 3.0
_RECORD_EVERY_S = 5.0
_LOG_EVERY_S = 2.0
_FILES_WITHIN_S = 2.0


class Look(NamedTuple):
    """How a bot is at one moment; numbers are not masked, but for those in events."""

    at: datetime
    status: Found[BotStatus]
    past: Found[PastHealth | None]
    """The value is None where there is no record."""
    events: Found[tuple[Happening, ...]]
    """Oldest first."""
    pairing: PairingView


class Looking:
    """Looks at a running bot for those who want to see it."""

    def __init__(self, front: Front) -> None:
        paths = front.job.paths
        self._front = front
        self._record = HealthRecord(paths)
        self.events = RecentEvents(front.bus, paths.logs, paths.account)
        self._status = Source("the state", self._ask, every_s=_STATUS_EVERY_S, within_s=_STATUS_WITHIN_S)
        self._past = Source("the health record", self._read_record, every_s=_RECORD_EVERY_S, within_s=_FILES_WITHIN_S)
        self._log = Source("the event log", self._read_log, every_s=_LOG_EVERY_S, within_s=_FILES_WITHIN_S)

    async def look(self) -> Look:
        """Return how the bot is, within a few seconds whatever hangs."""
        status, past, logged = await asyncio.gather(self._status.look(), self._past.look(), self._log.look())
        events = self.events.with_heard(logged.value or ())
        return Look(utc_now(), status, past, Found(events, logged.trouble), self._front.pairing.view())

    def forget(self) -> None:
        """Have the next look be at how it is from now on."""
        self._status.forget()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take note of what happens, until the end of the block."""
        with self.events.watching():
            yield

    async def close(self) -> None:
        """End all looking."""
        await asyncio.gather(self._status.close(), self._past.close(), self._log.close())

    async def _ask(self) -> BotStatus:
        return await self._front.status(show_numbers=True)

    async def _read_record(self) -> PastHealth | None:
        return await asyncio.to_thread(self._record.read)

    async def _read_log(self) -> tuple[Happening, ...]:
        return await asyncio.to_thread(self.events.read_log)
