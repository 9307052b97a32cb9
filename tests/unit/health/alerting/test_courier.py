"""Tries, waits and ends of one sink's queue, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.health.alerting.courier import Courier
from linda_bot.health.alerting.events import NoticeFailed, NoticeSent
from linda_bot.health.alerting.incident import Now
from linda_bot.health.alerting.memory import Delivery
from linda_bot.health.alerting.notice import Notice, trial_notice
from linda_bot.health.alerting.retrying import LONGEST_WAIT_S, TRIES, wait_s
from linda_bot.health.alerting.sinks.sink import SinkError
from linda_bot.kernel.events import Event
from tests.support.alert_world import NOON, SENDER, FakeSink

pytestmark = pytest.mark.looptime


def notice(number: int = 1) -> Notice:
    """Return one of many."""
    return trial_notice(SENDER, Now(NOON, 0.0), f"n{number}")


class World:
    """A courier, its sink, and what is noted."""

    def __init__(self) -> None:
        self.sink = FakeSink()
        self.notes: list[tuple[str, Delivery]] = []
        self.told: list[Event] = []
        self.courier = Courier(
            self.sink,
            lambda notice_id, each: self.notes.append((notice_id, each)),
            self.told.append,
            chance=lambda: 0.5,
        )

    @asynccontextmanager
    async def working(self) -> AsyncIterator["World"]:
        """Have it work."""
        task = asyncio.create_task(self.courier.run())
        yield self
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_tries_again_and_again_and_then_says_so_once() -> None:
    """Five times in a quarter of an hour."""
    async with World().working() as world:
        world.sink.errors = [SinkError(f"no {number}") for number in range(10)]
        world.courier.offer(notice())
        await asyncio.sleep(2000)

    assert world.sink.tries == [0, 5, 30, 155, 780]
    assert [(type(event), getattr(event, "error", "")) for event in world.told] == [(NoticeFailed, "no 4")]
    assert [delivery.state for _, delivery in world.notes] == ["pending"] * 4 + ["failed"]
    assert world.notes[-1][1].tries == 5


async def test_a_sink_that_never_answers() -> None:
    """Ten seconds a try, and its queue goes on."""
    async with World().working() as world:
        world.sink.hangs = True
        world.courier.offer(notice())
        await asyncio.sleep(2000)
        world.sink.hangs = False
        world.courier.offer(notice(2))
        await asyncio.sleep(1)

    assert world.sink.tries[:5] == [0, 15, 50, 185, 820]
    assert [type(event) for event in world.told] == [NoticeFailed, NoticeSent]
    assert "10 s" in getattr(world.told[0], "error", "")


@pytest.mark.parametrize("error", [SinkError("a wrong address", again=False), ZeroDivisionError("secret")])
async def test_what_cannot_help_is_not_tried_again(error: Exception) -> None:
    """Nor a bug of a sink; what it says is not shown, because nobody knows what is in it."""
    async with World().working() as world:
        world.sink.broken = error
        world.courier.offer(notice())
        await asyncio.sleep(2000)

    assert len(world.sink.tries) == 1
    assert len(world.told) == 1
    assert "secret" not in repr(world.told)


async def test_what_the_receiver_asks_for_is_kept() -> None:
    """Also when newer notices come; but not for hours."""
    async with World().working() as world:
        world.sink.errors = [SinkError("busy", after_s=60), SinkError("busy", after_s=1e9)]
        world.courier.offer(notice())
        await asyncio.sleep(10)
        world.courier.offer(notice(2))
        await asyncio.sleep(2000)

    assert world.sink.tries[:3] == [0, 60, 60 + LONGEST_WAIT_S]
    assert [each.id for _, each in world.sink.got] == ["n1-1", "n2-1"]


async def test_news_end_a_wait() -> None:
    """When the link is back, the network may be as well; the order stays."""
    async with World().working() as world:
        world.sink.errors = [SinkError("no network")] * 3
        world.courier.offer(notice())
        await asyncio.sleep(100)
        world.courier.offer(notice(2))
        await asyncio.sleep(1)

    assert world.sink.tries == [0, 5, 30, 100, 100]
    assert [each.id for _, each in world.sink.got] == ["n1-1", "n2-1"]


async def test_a_queue_that_is_full_gives_up_what_is_oldest() -> None:
    """What waits is bounded; the one that is under way stays."""
    async with World().working() as world:
        world.sink.hangs = True
        for number in range(20):
            world.courier.offer(notice(number))
            await asyncio.sleep(0.01)
        world.sink.hangs = False
        await asyncio.sleep(2000)

    assert [each.id for _, each in world.sink.got] == ["n0-1", *(f"n{number}-1" for number in range(5, 20))]
    assert len([event for event in world.told if isinstance(event, NoticeFailed)]) == 4


async def test_the_end_is_one_more_try_for_each() -> None:
    """Also for what waits to be tried again; nothing is given up for good."""
    async with World().working() as world:
        world.sink.errors = [SinkError("busy")] * 10
        for number in range(3):
            world.courier.offer(notice(number))
        await asyncio.sleep(1)
        async with asyncio.timeout(0.1):
            await world.courier.finish()

    assert len(world.sink.tries) == 4
    assert not world.told
    assert {delivery.state for _, delivery in world.notes} == {"pending"}


async def test_the_end_of_what_has_nothing_to_do() -> None:
    """At once."""
    async with World().working() as world:
        await asyncio.sleep(1)
        async with asyncio.timeout(0.1):
            await world.courier.finish()
    assert world.sink.tries == []


@given(st.integers(1, 10), st.floats(0, 1), st.none() | st.floats(0, 1e12))
def test_waits_are_bounded(tries: int, chance: float, asked_s: float | None) -> None:
    """Between some seconds and a quarter of an hour, and not for ever."""
    wait = wait_s(tries, chance, asked_s)

    assert (wait is None) == (tries >= TRIES)
    assert wait is None or 4 <= wait <= LONGEST_WAIT_S
