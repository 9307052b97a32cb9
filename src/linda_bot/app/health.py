"""How the bot is, for whoever asks in this process; what finds it out is loaded when the link has begun."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from linda_bot.app.job import Job
from linda_bot.app.messages import Messages
from linda_bot.app.status import HealthReport, time_of
from linda_bot.connection.events import AttemptFailed, LinkStateChanged, PingAnswered, RestoreCompleted
from linda_bot.connection.guarding import GuardKeeper
from linda_bot.connection.incidents import LeftOpen
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event
from linda_bot.sessions.book import SessionBook
from linda_bot.whatsapp.events import EngineExited, EngineStarted, QrIssued

if TYPE_CHECKING:  # at the start nothing of it is needed yet
    from linda_bot.app.health_watch import Watch
    from linda_bot.health.grades import Grade
    from linda_bot.health.metrics import Facts
    from linda_bot.health.samples import Sample

_INBOX_DEPTH = 2000


class Surroundings(NamedTuple):
    """What the watch looks at."""

    job: Job
    talk: Messages
    guard: GuardKeeper
    book: SessionBook
    left_open: LeftOpen | None = None
    """The incident of the health that was open when the last process ended."""
    lines_lost: Callable[[], int] = lambda: 0
    """How many lines the event log could not write since the start."""


class News(NamedTuple):
    """What happens, from before the watch begins."""

    link: Subscription[Event]
    """What must not be missed: a flood of messages pushes nothing of it out."""
    rest: Subscription[Event]


OF_THE_LINK = (
    LinkStateChanged,
    AttemptFailed,
    RestoreCompleted,
    PingAnswered,
    EngineStarted,
    EngineExited,
    QrIssued,
    AlertRaised,
    AlertCleared,
)
"""The kinds of events that are in `News.link`."""


@contextmanager
def hear(bus: EventBus) -> Iterator[News]:
    """Remember from here on what happens."""
    with (
        bus.subscribe(OF_THE_LINK, name="health of the link", depth=_INBOX_DEPTH) as link,
        bus.subscribe(Event, name="health", depth=_INBOX_DEPTH) as rest,
    ):
        yield News(link, rest)


class HealthRoom:
    """The bot's health as it is known; nothing before the first look."""

    def __init__(self) -> None:
        self._watch: Watch | None = None

    @property
    def sample(self) -> "Sample | None":
        """The last sample; None before the first."""
        return self._watch.monitor.sample if self._watch else None

    @property
    def grade(self) -> "Grade | None":
        """How the bot is; None before it was looked at."""
        return self.sample.grade if self.sample else None

    def report(self) -> HealthReport:
        """Return how the bot was found at last, in words."""
        if self.sample is None:
            return HealthReport()
        reasons = tuple(reason.text for reason in self.sample.reasons)
        return HealthReport(grade=self.sample.grade, reasons=reasons, at=time_of(self.sample.at))

    def metrics(self) -> bytes:
        """Return all figures in Prometheus's text format; nothing before the first look.

        From another thread than the event loop's, which is how it is meant, the readings are fresh; called in the event
        loop they are those of the last look, because it cannot wait for others.
        """
        return self._watch.metrics() if self._watch else b""

    async def facts(self) -> "Facts | None":
        """Return what the metrics are made of, as it is now; None before the first look."""
        return await self._watch.facts() if self._watch else None

    @asynccontextmanager
    async def watching(self, around: Surroundings, bus: EventBus, news: News) -> AsyncIterator[asyncio.Task[None]]:
        """Watch until the end of the block; `news` is what has happened since the start.

        Yields a task that does not end before that; when it does, that is a bug.
        """
        module = await asyncio.to_thread(importlib.import_module, "linda_bot.app.health_watch")
        async with module.watch(around, bus, news) as watch:
            self._watch = watch
            yield watch.task
