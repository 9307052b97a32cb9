"""The bus: bounded inboxes, in order, nobody waits."""

import asyncio
import logging

import pytest

from linda_bot.kernel.bus import EventBus, listen
from linda_bot.kernel.events import Event, facts, log_name


class Fell(Event, frozen=True, kw_only=True):
    """Something fell."""

    number: int = 0


class FellFar(Fell, frozen=True, kw_only=True):
    """It fell far."""


class StoodUp(Event, frozen=True, kw_only=True):
    """It stands again."""


async def test_a_subscription_gets_its_kind_and_what_derives_from_it() -> None:
    """Matching is by isinstance, so a base class means all of these."""
    bus = EventBus()
    with bus.subscribe(Fell, name="test") as falls:
        for event in (Fell(number=1), StoodUp(), FellFar(number=2)):
            bus.publish(event)

        assert [event.number for event in falls.pending()] == [1, 2]


async def test_a_full_inbox_loses_its_oldest_and_counts_it() -> None:
    """The newest are kept, in order."""
    bus = EventBus()
    with bus.subscribe(Fell, name="test", depth=3) as falls:
        for number in range(10):
            bus.publish(Fell(number=number))

        assert [event.number for event in falls.pending()] == [7, 8, 9]
        assert falls.dropped == 7


async def test_an_inbox_ends_with_its_block() -> None:
    """Nothing is kept for somebody who has left."""
    bus = EventBus()
    with bus.subscribe(Fell, name="test") as falls:
        pass
    bus.publish(Fell())

    assert list(falls.pending()) == []


async def test_one_subscribers_error_hurts_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with the subscriber's name; the next event is delivered to it as well."""
    bus = EventBus()
    heard: list[int] = []

    def picky(event: Fell) -> None:
        if event.number == 1:
            reason = "not this one"
            raise ValueError(reason)
        heard.append(event.number)

    async def slow(event: Fell) -> None:
        await asyncio.sleep(0)
        heard.append(event.number * 10)

    with bus.subscribe(Fell, name="picky") as one, bus.subscribe(Fell, name="slow") as other:
        tasks = [asyncio.create_task(listen(one, picky)), asyncio.create_task(listen(other, slow))]
        for number in (1, 2):
            bus.publish(Fell(number=number))
        with caplog.at_level(logging.ERROR):
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    assert sorted(heard) == [2, 10, 20]
    assert "picky" in caplog.text
    assert "not this one" in caplog.text


def test_an_event_is_a_value() -> None:
    """It cannot be edited, says its facts, and has one name everywhere."""
    event = FellFar(number=3)

    with pytest.raises(AttributeError):
        event.number = 4  # type: ignore[misc]
    assert facts(event) == {"number": 3}
    assert log_name(FellFar) == "fell_far"
    assert repr(event) == "FellFar(number=3)"
    assert event.at.utcoffset() is not None
