"""Messages that could not be decrypted: waited for, then reported, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event
from linda_bot.messaging.events import MessageMissing
from linda_bot.messaging.missing import MissingMessages
from linda_bot.whatsapp.events import (
    EnginePrinted,
    IncomingMessage,
    MessageReceived,
    MessageRepeated,
    MessageUndecryptable,
)

pytestmark = pytest.mark.looptime

ANN, LID = "4915100000001@s.whatsapp.net", "257211208731621@lid"


@pytest.fixture
async def bus() -> AsyncIterator[EventBus]:
    """Return a bus that is followed."""
    bus = EventBus()
    running = asyncio.create_task(MissingMessages(bus).run())
    await asyncio.sleep(0)
    yield bus
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def reported(bus: EventBus, *events: Event, within_s: float = 1000) -> list[tuple[int, str]]:
    """Publish events, and return what is reported afterwards and when."""
    began_at = asyncio.get_running_loop().time()
    found: list[tuple[int, str]] = []

    async def listen(reports: Subscription[MessageMissing]) -> None:
        while True:
            report = await reports.next()
            found.append((round(asyncio.get_running_loop().time() - began_at), report.id))

    with bus.subscribe(MessageMissing, name="test") as reports:
        listening = asyncio.create_task(listen(reports))
        for event in events:
            bus.publish(event)
        await asyncio.sleep(within_s)
        listening.cancel()
    return found


def unread(number: str, chat: str = ANN) -> MessageUndecryptable:
    """Return the news of a message that cannot be read."""
    return MessageUndecryptable(id=number, chat=chat, sender=chat)


def read(number: str, chat: str = ANN, chat_alt: str = "") -> MessageReceived:
    """Return the news of a message."""
    message = IncomingMessage(id=number, chat=chat, chat_alt=chat_alt, sender=chat, sent_at=datetime.now(UTC))
    return MessageReceived(message=message)


async def test_one_that_does_not_come_again(bus: EventBus) -> None:
    """It is reported once, after five minutes from the first news of it."""
    found = await reported(bus, unread("A"), unread("A"), EnginePrinted(line="x"))
    assert found == [(300, "A")]


@pytest.mark.parametrize(
    "again", [read("A"), read("A", LID, ANN), read("A", ANN, LID), MessageRepeated(id="A", chat=ANN)]
)
async def test_one_that_comes_again_is_not_missing(bus: EventBus, again: Event) -> None:
    """Whichever of its chat's names it comes with."""
    assert await reported(bus, unread("A"), again) == []


@pytest.mark.parametrize("other", [read("B"), read("A", "somebody@s.whatsapp.net")])
async def test_another_message_is_another_message(bus: EventBus, other: Event) -> None:
    """By its id and its chat."""
    assert len(await reported(bus, unread("A"), other)) == 1


async def test_each_has_a_time_of_its_own(bus: EventBus) -> None:
    """They are reported in order."""
    waiting = asyncio.create_task(reported(bus, unread("A")))
    await asyncio.sleep(100)
    bus.publish(unread("B"))
    await asyncio.sleep(100)
    bus.publish(unread("C"))
    bus.publish(read("B"))
    assert await waiting == [(300, "A"), (500, "C")]


async def test_too_many_are_reported_early(bus: EventBus) -> None:
    """What is remembered is bounded."""
    running = [unread(f"{number}") for number in range(4999)]
    assert await reported(bus, *running, within_s=1) == []
    found = await reported(bus, *(unread(f"more {number}") for number in range(3)), within_s=1)
    assert [number for _, number in found] == ["0", "1"]
