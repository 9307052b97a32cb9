"""Messages in, handlers run, each once, in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from linda_bot import Message, Router
from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event
from linda_bot.messaging.builtin import builtin_router
from linda_bot.messaging.dispatcher import Dispatcher
from linda_bot.messaging.events import HandlerFailed, MessageHandled, MessageIgnored
from linda_bot.whatsapp.events import IncomingMessage, MessageReceived

pytestmark = pytest.mark.looptime


def received(text: str, *, chat: str = "1@lid", id: str = "", from_me: bool = False) -> MessageReceived:  # noqa: A002
    """Return a message."""
    return MessageReceived(
        message=IncomingMessage(
            id=id or text, chat=chat, sender=chat, text=text, sent_at=datetime.now(UTC), from_me=from_me
        )
    )


class Desk:
    """A dispatcher with what it answered and published."""

    def __init__(self, router: Router) -> None:
        self.bus = EventBus()
        self.answers: list[tuple[str, str]] = []
        builtin = builtin_router("!", lambda: "fine", lambda: (router, builtin))
        self.dispatcher = Dispatcher([router, builtin], "!", self._reply, self.bus)
        self.events: Subscription[Event]

    async def _reply(self, chat: str, text: str) -> str:
        self.answers.append((chat, text))
        return f"id {len(self.answers)}"

    def told(self, kind: type[Event]) -> list[Event]:
        """Return what was published of a kind since the last question."""
        return [event for event in self.events.pending() if isinstance(event, kind)]


@asynccontextmanager
async def desk(handler: Callable[[Message], Awaitable[None]] | None = None) -> AsyncIterator[Desk]:
    """Yield a desk whose general handler is this one."""
    router = Router()
    if handler is not None:
        router.message()(handler)
    made = Desk(router)
    with made.bus.subscribe(Event, name="test", depth=10_000) as made.events:
        yield made
        await made.dispatcher.close()


async def test_ping_is_answered() -> None:
    """The oldest command of all."""
    async with desk() as made:
        await made.dispatcher.take(received("!ping"))
        await asyncio.sleep(1)

        assert made.answers == [("1@lid", "pong")]
        assert made.dispatcher.handled == 1


async def test_help_lists_the_commands() -> None:
    """With the prefix and what they do."""
    async with desk() as made:
        await made.dispatcher.take(received("!help"))
        await asyncio.sleep(1)

        assert made.answers[0][1].splitlines() == [
            "!help  this list",
            "!ping  answers pong",
            "!status  how the bot is",
        ]


async def test_a_repeated_message_is_handled_once() -> None:
    """The library may hand over one id twice."""
    async with desk() as made:
        await made.dispatcher.take(received("!ping", id="A"))
        await made.dispatcher.take(received("!ping", id="A"))
        await made.dispatcher.take(received("!ping", id="A", chat="2@lid"))
        await asyncio.sleep(1)

        assert made.answers == [("1@lid", "pong"), ("2@lid", "pong")]
        assert len(made.told(MessageIgnored)) == 1


async def test_own_messages_are_not_answered() -> None:
    """Else two words could start an endless talk with oneself."""
    async with desk() as made:
        await made.dispatcher.take(received("!ping", from_me=True))
        await made.dispatcher.take(received("!ping", chat="status@broadcast"))
        await asyncio.sleep(1)

        assert made.answers == []


async def test_a_chat_is_worked_off_in_order_and_chats_side_by_side() -> None:
    """A slow chat holds up nobody else."""
    done: list[str] = []

    async def slow(message: Message) -> None:
        await asyncio.sleep(10 if message.chat == "slow@lid" else 1)
        done.append(message.text)

    async with desk(slow) as made:
        for text, chat in (("s1", "slow@lid"), ("s2", "slow@lid"), ("f1", "fast@lid"), ("f2", "fast@lid")):
            await made.dispatcher.take(received(text, chat=chat))
        await asyncio.sleep(25)

    assert done == ["f1", "f2", "s1", "s2"]


async def test_a_failing_handler_hurts_nobody_else() -> None:
    """Its error is told with a trace; the next message is handled."""

    async def picky(message: Message) -> None:
        if message.text == "bad":
            reason = "I do not like this"
            raise ValueError(reason)
        await message.reply("fine")

    async with desk(picky) as made:
        await made.dispatcher.take(received("bad"))
        await made.dispatcher.take(received("good"))
        await asyncio.sleep(1)
        (failed,) = made.told(HandlerFailed)

    assert made.answers == [("1@lid", "fine")]
    assert isinstance(failed, HandlerFailed)
    assert (failed.error, failed.handler) == ("ValueError: I do not like this", "picky")
    assert "picky" in failed.trace


async def test_too_many_messages_hold_the_client_back() -> None:
    """A thousand wait at most; the next one is taken when one is done."""

    async def slow(message: Message) -> None:
        assert message.text
        await asyncio.sleep(1)

    async with desk(slow) as made:
        for number in range(1000):
            await made.dispatcher.take(received(f"{number}", chat=f"{number % 4}@lid"))
        assert asyncio.get_running_loop().time() == 0
        await made.dispatcher.take(received("one more"))
        assert asyncio.get_running_loop().time() == 1
        await asyncio.sleep(300)
        assert len(made.told(MessageHandled)) == 1001
