"""The event log as a whole: opened once, fed from the bus, closed last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TextIO

from linda_bot.eventlog.recorder import record
from linda_bot.eventlog.setup import logging_to
from linda_bot.kernel.bus import Subscription, deliver, listen
from linda_bot.kernel.events import Event
from linda_bot.kernel.tasks import spawn_task
from linda_bot.settings import LogSettings


@asynccontextmanager
async def event_log(
    directory: Path, settings: LogSettings, events: Subscription[Event], stream: TextIO | None
) -> AsyncIterator[None]:
    """Write a line for each event of a subscription, also for those that came before it was opened."""
    with logging_to(directory, settings, stream) as log:
        receive = partial(record, log=log, mask=settings.mask)
        writing = spawn_task(listen(events, receive), name="event log")
        try:
            yield
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            for event in events.pending():
                await deliver(event, receive, events.name)
