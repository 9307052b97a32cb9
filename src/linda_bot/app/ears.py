"""What is heard from the first event on, also for parts that are loaded when the link has begun."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from linda_bot.app.alerting import WANTED
from linda_bot.app.chronicle import Chronicle
from linda_bot.app.companions import heard
from linda_bot.app.health import News, hear
from linda_bot.app.life import Life
from linda_bot.app.pairing import Pairing
from linda_bot.connection.entries import enter
from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.paths import SessionPaths

_INBOX_DEPTH = 2000


class Ears(NamedTuple):
    """Who listens."""

    book: SessionBook
    chronicle: Chronicle
    pairing: Pairing
    log_lines: Subscription[Event]
    alerts: Subscription[Event]
    health: News
    life: Life


@asynccontextmanager
async def listening(bus: EventBus, paths: SessionPaths, show: Callable[[Event], None]) -> AsyncIterator[Ears]:
    """Listen until the end of the block; what happens last is still heard, and written down."""
    async with AsyncExitStack() as closing:
        book = SessionBook(paths)
        closing.push_async_callback(book.close)
        await closing.enter_async_context(heard(bus, "console", show))
        await closing.enter_async_context(heard(bus, "session book", lambda event: enter(book, event)))
        chronicle = Chronicle()
        await closing.enter_async_context(heard(bus, "chronicle", chronicle.take, *Chronicle.KINDS))
        pairing = Pairing()
        await closing.enter_async_context(heard(bus, "pairing", pairing.take, *Pairing.KINDS))
        log_lines = closing.enter_context(bus.subscribe(Event, name="event log", depth=_INBOX_DEPTH))
        alerts = closing.enter_context(bus.subscribe(WANTED, name="alerts"))
        health = closing.enter_context(hear(bus))
        life = Life(bus, paths)
        closing.push(life.close)
        life.begin()
        yield Ears(book, chronicle, pairing, log_lines, alerts, health, life)
