"""What a door is told of what happens."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from linda_bot.app.front import Front
from linda_bot.connection.events import LinkingCompleted, MilestoneReached
from linda_bot.kernel.bus import EventBus
from linda_bot.sessions.paths import SessionPaths

pytestmark = pytest.mark.looptime

NUMBER = "971505760056"


def front_of(bus: EventBus, home: Path) -> Front:
    """Return as much of a running bot as events need."""
    rest = cast("Any", None)
    settings = SimpleNamespace(account="default")
    job = cast("Any", SimpleNamespace(paths=SessionPaths(home, "default"), settings=settings))
    return Front(job, bus, rest, rest, rest, rest, rest, rest, rest)


async def test_events_come_in_order_and_masked(tmp_path: Path) -> None:
    """From the moment at which somebody listens."""
    bus = EventBus()
    async with aclosing(front_of(bus, tmp_path).events()) as events:
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        bus.publish(LinkingCompleted(number=NUMBER))
        bus.publish(MilestoneReached(hours=1))
        told = [await first, await anext(events)]
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(1)
        assert not waiting.done()
        bus.publish(MilestoneReached(hours=2))
        told.append(await waiting)

    assert [line["event"] for line in told] == ["linking_completed", "milestone_reached", "milestone_reached"]
    assert [line.get("hours") for line in told] == [None, 1, 2]
    assert NUMBER not in str(told)


async def test_who_is_slow_is_told_how_much_is_missing(tmp_path: Path) -> None:
    """The newest are kept, and the line that tells stands where they are missing."""
    bus = EventBus()
    async with aclosing(front_of(bus, tmp_path).events()) as events:
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        for hours in range(1000):
            bus.publish(MilestoneReached(hours=hours))
        told = [await first] + [await anext(events) for _ in range(500)]

    assert (told[0]["event"], told[0]["count"]) == ("events_dropped", 500)
    assert [line["hours"] for line in told[1:]] == list(range(500, 1000))


async def test_nobody_listens_when_the_view_is_closed(tmp_path: Path) -> None:
    """Its place on the bus is given back."""
    bus = EventBus()
    events = front_of(bus, tmp_path).events()
    first = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    bus.publish(MilestoneReached(hours=1))
    await first
    await events.aclose()
    for hours in range(1000):
        bus.publish(MilestoneReached(hours=hours))
    assert bus.dropped == 0, "an inbox is open that nobody reads"
