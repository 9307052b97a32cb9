"""Everything between the wire and the handlers, put together; in virtual time but for the disk."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from linda_bot.app.job import Job
from linda_bot.app.messages import Messages, messages
from linda_bot.app.storage import FileStorage
from linda_bot.connection.guarding import GuardKeeper
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.tasks import spawn_task
from linda_bot.messaging.events import HookFailed, MailboxTrouble
from linda_bot.messaging.loading import Loaded
from linda_bot.messaging.message import Message
from linda_bot.messaging.router import Router
from linda_bot.sessions.guard import Guard
from linda_bot.settings import Settings
from linda_bot.whatsapp.events import InboxBlocked, MessageReceived
from tests.support.fake_scene import incoming
from tests.support.link_world import LinkWorld
from tests.support.quick_disk import quick_directory

ANN = "4915100000001@s.whatsapp.net"


class Bot:
    """A bot's link and messages."""

    def __init__(self, directory: Path, router: Router) -> None:
        self.job = Job(Settings(data_dir=directory), (), {}, None)
        self.world = LinkWorld(mailbox=self.job.paths.mailbox)
        self.router = router
        self.talk: Messages

    async def until_heard(self, count: int) -> list[str]:
        """Return what the contact has got, once it is so much."""
        async with asyncio.timeout(5):
            while len(self.world.whatsapp.heard) < count:
                await asyncio.sleep(0.005)
        return [text for _, text in self.world.whatsapp.heard]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Bot"]:
        """Run it."""
        bus = self.world.bus

        async def guarded() -> Guard:
            return Guard(active=True)

        guard = GuardKeeper(bus, guarded, guarded, self.world.link.client)
        guarding = spawn_task(guard.run(), name="guard")
        loaded = Loaded(self.router, ())
        async with (
            messages(self.job, FileStorage(self.job), loaded, self.world.link, guard, bus=bus) as self.talk,
            self.world.running(),
        ):
            await self.world.until(LinkState.CONNECTED, within_s=5)
            yield self
        guarding.cancel()
        await asyncio.gather(guarding, return_exceptions=True)


def echo() -> Router:
    """Return a router that repeats what it hears."""
    router = Router()

    @router.message()
    async def say_it_again(message: Message) -> None:
        await message.reply(message.text)

    return router


@pytest.fixture
def bot() -> Iterator[Bot]:
    """Return an echo bot."""
    with quick_directory() as directory:
        yield Bot(directory, echo())


async def test_an_echo(bot: Bot) -> None:
    """From the wire to the handler and back."""
    async with bot.running():
        bot.world.whatsapp.say("hello", sender=ANN)
        assert await bot.until_heard(1) == ["hello"]
        async with asyncio.timeout(10):
            while not (bot.talk.inbox.handled == bot.talk.outbox.sent == 1):  # heard before the bot knows it
                await asyncio.sleep(0.01)
        assert not any(task.done() for task in bot.talk.tasks)


async def test_a_flood_pushes_nothing_out(bot: Bot) -> None:
    """A login, and an engine's end, that thousands of messages follow at once are taken note of all the same."""
    flood = [MessageReceived(message=incoming(f"{number}"), seq=1, conversation=f"{number}") for number in range(5000)]
    async with bot.running():
        bot.world.whatsapp.running[0].kill()
        await asyncio.sleep(0.05)
        while not bot.world.whatsapp.running:
            await asyncio.sleep(0)
        for event in flood:
            bot.world.bus.publish(event)
        await bot.world.until(LinkState.CONNECTED, within_s=5)
        bot.world.whatsapp.say("hello", sender=ANN)
        assert await bot.until_heard(1) == ["hello"]


async def test_hooks_run_around_the_messages(bot: Bot) -> None:
    """The start-up hooks before the first is handled, the shutdown hooks after the last, however long it takes."""
    order: list[str] = []
    router = Router()

    @router.on_startup
    async def begin() -> None:
        await asyncio.sleep(0.1)
        order.append("startup")

    @router.on_startup
    async def fail() -> None:
        raise ZeroDivisionError

    @router.message()
    async def handle(message: Message) -> None:
        try:
            order.append("begun")
            await asyncio.sleep(100)
        finally:
            order.append("ended")

    @router.on_shutdown
    async def end() -> None:
        order.append("shutdown")

    bot.router = router
    async with bot.running():
        bot.world.whatsapp.say("hello", sender=ANN)
        async with asyncio.timeout(5):
            while "begun" not in order:
                await asyncio.sleep(0.01)
        await bot.talk.finish(within_s=0.05)
        assert len(bot.world.told(HookFailed)) == 1
    assert order == ["startup", "begun", "ended", "shutdown"]


async def test_a_mailbox_that_the_engine_cannot_write_is_looked_at(bot: Bot) -> None:
    """A damaged one is set aside, and the bot goes on with another; however often it is said."""
    async with bot.running():
        bot.world.whatsapp.say("one", sender=ANN)
        assert await bot.until_heard(1) == ["one"]
        path = bot.job.paths.mailbox
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path.write_bytes(path.read_bytes()[:4096] + b"\x55" * 4096 * 8)
        for _ in range(20):
            bot.world.bus.publish(InboxBlocked(because="x"))
        async with asyncio.timeout(5):
            while not bot.world.told(MailboxTrouble):
                await asyncio.sleep(0.01)
        bot.world.whatsapp.say("two", sender=ANN)
        assert await bot.until_heard(2) == ["one", "two"]
        assert len(list(path.parent.glob("*damaged*.db"))) == 1


async def test_a_task_that_fails_is_seen(bot: Bot) -> None:
    """A bug in the outbox is not a bot that says nothing any more."""

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def live() -> None:
        async with bot.running():
            bot.talk.outbox._serve = broken  # type: ignore[assignment, method-assign]
            bot.talk.outbox.wake(["x"])
            await asyncio.wait(bot.talk.tasks, return_when=asyncio.FIRST_COMPLETED, timeout=10)
            assert [task.get_name() for task in bot.talk.tasks if task.done()] == ["outbox"]

    with pytest.raises(ExceptionGroup):
        await live()
