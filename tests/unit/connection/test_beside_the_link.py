"""What lives beside the link, in virtual time: milestones, the watch for the phone, the daily refresh, reloads."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from linda_bot.connection.events import (
    LinkingCompleted,
    LinkStateChanged,
    MilestoneReached,
    PhoneNotSeen,
    PhoneSeen,
    RefreshPutOff,
    RefreshStarted,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.connection.milestones import Milestones
from linda_bot.connection.phone_watch import PhoneWatch
from linda_bot.connection.refresh import Refresher
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.whatsapp.events import EngineStarted, IncomingMessage, MessageReceived
from tests.support.fake_client import NUMBER

pytestmark = pytest.mark.looptime

HOUR = 3600.0
DAY = 24 * HOUR
BEGINNING = datetime(2026, 2, 7, tzinfo=UTC)


def now() -> datetime:
    """Return a wall-clock time that goes with the virtual one."""
    return BEGINNING + timedelta(seconds=asyncio.get_running_loop().time())


class Bench:
    """A bus, what was told on it, and a link that is only told of."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.told: list[tuple[float, Event]] = []
        self._state = LinkState.STARTING

    def link(self, state: LinkState) -> None:
        """Let the link change its state."""
        self.bus.publish(LinkStateChanged(old=self._state, new=state, because=""))
        self._state = state

    def engine(self) -> None:
        """Let a new engine start and log in."""
        self.bus.publish(EngineStarted(pid=1, library_version="fake", import_ms=0))
        self.link(LinkState.CONNECTED)

    def of(self, kind: type[Event]) -> list[Event]:
        """Return what was told of a kind."""
        return [event for _, event in self.told if isinstance(event, kind)]

    def times(self, kind: type[Event]) -> list[float]:
        """Return when something of a kind was told."""
        return [at for at, event in self.told if isinstance(event, kind)]

    @asynccontextmanager
    async def running(self, work: Coroutine[None, None, None]) -> AsyncIterator["Bench"]:
        """Run what is tested, and record what it publishes."""

        async def record() -> None:
            with self.bus.subscribe(Event, name="test", depth=10_000) as events:
                async for event in events:
                    self.told.append((asyncio.get_running_loop().time(), event))

        tasks = [asyncio.create_task(record()), asyncio.create_task(work)]
        await asyncio.sleep(0)
        try:
            yield self
            await asyncio.sleep(0.01)
            assert not any(task.done() for task in tasks), "a task has ended"
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def test_every_full_hour_is_a_milestone() -> None:
    """Counted while the link is up; a drop costs what it lasts."""
    bench = Bench()
    async with bench.running(Milestones(bench.bus).run()):
        bench.link(LinkState.CONNECTED)
        await asyncio.sleep(1.5 * HOUR)
        bench.link(LinkState.RECONNECTING)
        await asyncio.sleep(10 * HOUR)
        bench.link(LinkState.CONNECTED)
        await asyncio.sleep(1.5 * HOUR + 1)

    assert [event.hours for event in bench.of(MilestoneReached) if isinstance(event, MilestoneReached)] == [1, 2, 3]
    assert bench.times(MilestoneReached) == pytest.approx([HOUR, 12 * HOUR, 13 * HOUR], abs=0.1)


# The phone.


def typed(*, on_phone: bool = True, hours_ago: float = 0) -> MessageReceived:
    """Return a message that was typed somewhere, and when."""
    message = IncomingMessage(
        id="M", chat="c", sender="s", sent_at=now() - timedelta(hours=hours_ago), from_phone=on_phone
    )
    return MessageReceived(message=message, at=now())


async def test_a_phone_that_is_not_seen_is_told_after_ten_and_twelve_days() -> None:
    """Once each, with what is left until WhatsApp may unlink the device."""
    bench = Bench()
    async with bench.running(PhoneWatch(bench.bus, last_seen=now(), now=now).run()):
        for _ in range(20 * 24):
            bench.bus.publish(typed(on_phone=False))
            await asyncio.sleep(HOUR)

    told = [(event.days, event.left_days) for event in bench.of(PhoneNotSeen) if isinstance(event, PhoneNotSeen)]
    assert told == [(10, 4), (12, 2)]
    assert bench.times(PhoneNotSeen) == pytest.approx([10 * DAY, 12 * DAY], abs=2 * HOUR)


@pytest.mark.parametrize("sign", ["a message", "a linking"])
async def test_a_phone_that_is_seen_again_begins_anew(sign: str) -> None:
    """The days count from the last sign; it is told at most once an hour."""
    bench = Bench()
    async with bench.running(PhoneWatch(bench.bus, last_seen=now(), now=now).run()):
        await asyncio.sleep(11 * DAY)
        for _ in range(10):
            bench.bus.publish(typed() if sign == "a message" else LinkingCompleted(number=NUMBER, at=now()))
            await asyncio.sleep(60)
        assert len(bench.of(PhoneSeen)) == 1
        await asyncio.sleep(9 * DAY)
        assert len(bench.of(PhoneNotSeen)) == 1
        await asyncio.sleep(2 * DAY)
        assert len(bench.of(PhoneNotSeen)) == 2


async def test_a_message_that_has_waited_for_days_is_an_old_sign() -> None:
    """The bot was away: what was typed then says that the phone was there then, not now."""
    bench = Bench()
    async with bench.running(PhoneWatch(bench.bus, last_seen=now() - timedelta(days=9), now=now).run()):
        bench.bus.publish(typed(hours_ago=5 * 24))
        bench.bus.publish(typed(hours_ago=8 * 24))
        await asyncio.sleep(4 * DAY)
        assert not bench.of(PhoneNotSeen)
        await asyncio.sleep(1.1 * DAY)
        assert len(bench.of(PhoneNotSeen)) == 1


# The daily refresh.


class Refreshed:
    """A link that is refreshed, with backups that may fail or take long."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.renewed: list[float] = []
        self.error = ""
        self.takes_s = 1.0
        self.refresher = Refresher(DAY, self._back_up, self._renew, bench.bus)

    async def _back_up(self, _reason: str) -> str:
        await asyncio.sleep(self.takes_s)
        return self.error

    def _renew(self, _because: str) -> bool:
        self.renewed.append(asyncio.get_running_loop().time())
        self.bench.link(LinkState.RECONNECTING)
        self.bench.engine()
        return True


async def test_a_link_is_refreshed_once_a_day() -> None:
    """Counted from the engine's start; a backup comes first."""
    bench = Bench()
    refreshed = Refreshed(bench)
    async with bench.running(refreshed.refresher.run()):
        bench.engine()
        await asyncio.sleep(3.5 * DAY)

    assert refreshed.renewed == pytest.approx([DAY + 1, 2 * DAY + 2, 3 * DAY + 3], abs=1)


async def test_a_link_that_has_a_young_engine_needs_no_refresh() -> None:
    """Whatever gave it a new one has refreshed it."""
    bench = Bench()
    refreshed = Refreshed(bench)
    async with bench.running(refreshed.refresher.run()):
        for _ in range(10):
            bench.engine()
            await asyncio.sleep(0.9 * DAY)
            bench.link(LinkState.RECONNECTING)

    assert refreshed.renewed == []
    assert not bench.of(RefreshStarted)


async def test_a_refresh_without_a_backup_is_put_off() -> None:
    """An hour at a time, until one can be made."""
    bench = Bench()
    refreshed = Refreshed(bench)
    refreshed.error = "no space"
    async with bench.running(refreshed.refresher.run()):
        bench.engine()
        await asyncio.sleep(DAY + 3 * HOUR + 60)
        assert refreshed.renewed == []
        assert len(bench.of(RefreshPutOff)) == 4
        refreshed.error = ""
        await asyncio.sleep(HOUR)
        assert len(refreshed.renewed) == 1


async def test_a_link_that_is_down_is_not_refreshed() -> None:
    """It is when it is up again, if that is the same old engine."""
    bench = Bench()
    refreshed = Refreshed(bench)
    async with bench.running(refreshed.refresher.run()):
        bench.engine()
        await asyncio.sleep(DAY - 5)
        bench.link(LinkState.TRANSIENT_DISCONNECT)
        await asyncio.sleep(HOUR)
        assert not bench.of(RefreshStarted)
        bench.link(LinkState.CONNECTED)
        await asyncio.sleep(2)
        assert len(refreshed.renewed) == 1


@pytest.mark.parametrize("what", ["a new engine", "a loss"])
async def test_what_happens_during_the_backup_counts(what: str) -> None:
    """A link that got a young engine meanwhile is left alone, and so is one that was lost."""
    bench = Bench()
    refreshed = Refreshed(bench)
    refreshed.takes_s = 100
    async with bench.running(refreshed.refresher.run()):
        bench.engine()
        await asyncio.sleep(DAY + 50)
        bench.link(LinkState.RECONNECTING)
        if what == "a new engine":
            bench.engine()
        await asyncio.sleep(0.9 * DAY)

    assert len(bench.of(RefreshStarted)) == 1
    assert refreshed.renewed == []
