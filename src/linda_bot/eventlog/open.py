"""The event log as a whole: opened once, fed from the bus, closed last."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TextIO

from linda_bot.eventlog.events import LogLevelChanged, LogRecovered, LogTrouble
from linda_bot.eventlog.pseudonyms import make_key
from linda_bot.eventlog.redaction import Redactor
from linda_bot.eventlog.setup import places_of, writing_log
from linda_bot.eventlog.writer import LogWriter
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.bus import EventBus, Subscription, listen
from linda_bot.kernel.events import Event, Severity
from linda_bot.kernel.tasks import spawn_task
from linda_bot.settings import LogSettings

_CLEAR_AFTER_S = 60.0
_ADVICE = "make room on the disk, or see who may write there; the bot goes on without its log"


class Levels(NamedTuple):
    """What changes how much is logged while the bot runs."""

    set: Callable[[str, str], None]
    """Takes a level's name and the reason; raises KeyError for one that there is not."""
    toggle: Callable[[str], None]
    """Turns debug mode on, or back to what the settings say."""
    lost: Callable[[], int]
    """How many lines could not be written."""


class EventLog:
    """An open log."""

    def __init__(self, writer: LogWriter, levels: Levels) -> None:
        self._writer = writer
        self.levels = levels

    @asynccontextmanager
    async def following(self, events: Subscription[Event]) -> AsyncIterator[None]:
        """Write a line for each event of a subscription until the end of the block, also for what came before it.

        They are of the account whose work the block is; see `linda_bot.kernel.current`.
        """
        feeding = spawn_task(listen(events, self._writer.put), name="event log")
        try:
            yield
        finally:
            feeding.cancel()
            with suppress(asyncio.CancelledError):
                await feeding
            for event in events.pending():
                self._writer.put(event)


@asynccontextmanager
async def open_event_log(
    directory: Path,
    settings: LogSettings,
    stream: TextIO | None,
    *,
    account: str = "default",
    bus: EventBus | None = None,
) -> AsyncIterator[EventLog]:
    """Open the log of a process until the end of the block; `account` is whose a line is that says nothing else."""
    loop = asyncio.get_running_loop()
    troubles = _Troubles(bus)

    def tell(event: Event) -> None:
        with suppress(RuntimeError):  # the loop is closed: the last lines are being written
            loop.call_soon_threadsafe(troubles.take, event)

    redactor = Redactor(await asyncio.to_thread(make_key, directory), mask=settings.mask)
    with writing_log(places_of(directory, settings, stream), settings, redactor, account=account, tell=tell) as writer:
        try:
            yield EventLog(writer, _levels(writer, settings, bus))
        finally:
            await asyncio.to_thread(writer.close)
            troubles.close()


class _Troubles:
    """What the log says of itself, on the bus: also to the screen, and as an incident."""

    def __init__(self, bus: EventBus | None) -> None:
        self._bus = bus
        self._began_at: float | None = None
        self._clearing: asyncio.TimerHandle | None = None

    def take(self, event: Event) -> None:
        """Publish what the writer tells, and what follows from it."""
        if self._bus is None:
            return
        self._bus.publish(event)
        if self._clearing is not None:
            self._clearing.cancel()
        loop = asyncio.get_running_loop()
        if isinstance(event, LogRecovered):  # a disk that is nearly full takes a line now and then
            self._clearing = loop.call_later(_CLEAR_AFTER_S, self._clear)
        elif isinstance(event, LogTrouble) and self._began_at is None:
            self._began_at = loop.time()
            self._bus.publish(AlertRaised(topic="log", kind="log_trouble", because=event.because, advice=_ADVICE))

    def close(self) -> None:
        """Say nothing any more."""
        if self._clearing is not None:
            self._clearing.cancel()

    def _clear(self) -> None:
        if self._bus is not None and self._began_at is not None:
            after_s = round(asyncio.get_running_loop().time() - self._began_at, 1)
            self._bus.publish(AlertCleared(topic="log", kind="log_trouble", after_s=after_s))
        self._began_at = self._clearing = None


def _levels(writer: LogWriter, settings: LogSettings, bus: EventBus | None) -> Levels:
    usual = Severity[settings.level.upper()]

    def change(level: Severity, because: str) -> None:
        writer.set_level(level)
        logging.getLogger().setLevel(level)
        if bus is not None:
            bus.publish(LogLevelChanged(to=level.name.lower(), because=because))

    def toggle(because: str) -> None:
        change(usual if writer.level == Severity.DEBUG else Severity.DEBUG, because)

    def set_(name: str, because: str) -> None:
        change(Severity[name.upper()], because)

    return Levels(set_, toggle, lambda: writer.lost)
