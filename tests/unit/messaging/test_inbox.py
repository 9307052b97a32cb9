"""The inbox at work: in order within a conversation, side by side otherwise, and whatever handlers do."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.events import HandlerFailed, MessageHandled, MessageIgnored, MessageSetAside
from linda_bot.messaging.inbox import Handling
from linda_bot.messaging.message import Message
from linda_bot.messaging.router import Router
from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.mailbox import Inbound, Intake, open_mailbox, writing
from tests.support.fake_client import NUMBER
from tests.support.mail_world import MailWorld

pytestmark = pytest.mark.looptime

ANN, BOB = "4915100000001@s.whatsapp.net", "4915100000002@s.whatsapp.net"


def world_of(directory: Path, handler: Callable[[Message], Coroutine[Any, Any, None]], **handling: Any) -> MailWorld:
    """Return a world with one handler for everything."""
    router = Router()
    router.message()(handler)
    return MailWorld(directory, router, handling=Handling(**handling))


def rows(world: MailWorld) -> list[tuple[str, int, int, int, str]]:
    """Return the messages' ids, states, failures, how often they were begun, and the errors."""
    with closing(open_mailbox(world.mailbox)) as connection:
        found = connection.execute("SELECT * FROM inbox ORDER BY seq")
        return [(row["id"], row["state"], row["failures"], row["begun"], row["error"]) for row in found]


def written(world: MailWorld, text: str, chat: str = ANN, *, owner: str = NUMBER, **facts: Any) -> None:
    """Have a message on the disk that nobody told of."""
    message = IncomingMessage(id=text, chat=chat, sender=chat, text=text, kind="text", sent_at=datetime.now(UTC))
    with closing(Intake(world.mailbox, most_waiting=9999)) as intake:
        intake.take_in(owner, msgspec.structs.replace(message, **facts))


async def test_in_order_within_a_conversation(mail_path: Path) -> None:
    """A quick handler waits for the slow one before it; another conversation does not."""
    seen: list[tuple[str, str, float]] = []

    async def handle(message: Message) -> None:
        await asyncio.sleep(5 if message.text == "slow" else 0)
        seen.append((message.chat, message.text, asyncio.get_running_loop().time()))

    async with world_of(mail_path, handle) as world:
        for text in ("slow", "a", "b"):
            world.whatsapp.say(text, sender=ANN)
        world.whatsapp.say("c", sender=BOB)
        await asyncio.sleep(20)

    assert [text for _, text, _ in seen] == ["c", "slow", "a", "b"]
    assert seen[0][2] < 1
    assert world.daemon.inbox.handled == 4


async def test_long_conversations_keep_their_order(mail_path: Path) -> None:
    """Over several batches, with messages that come while others are handled; nothing is handled twice."""
    seen: dict[str, list[int]] = {ANN: [], BOB: []}

    async def handle(message: Message) -> None:
        await asyncio.sleep(0.01)
        seen[message.chat].append(int(message.text))

    async with world_of(mail_path, handle) as world:
        for number in range(60):
            for chat in seen:
                world.whatsapp.say(f"{number}", sender=chat)
            await asyncio.sleep(0.003)
        await asyncio.sleep(5)

    assert seen == {ANN: list(range(60)), BOB: list(range(60))}


async def test_only_so_many_conversations_at_once(mail_path: Path) -> None:
    """The others wait for their turn, in the order in which they came."""
    at_once: list[int] = []
    running: set[str] = set()

    async def handle(message: Message) -> None:
        running.add(message.chat)
        at_once.append(len(running))
        await asyncio.sleep(1)
        running.remove(message.chat)

    async with world_of(mail_path, handle, chats_at_once=3) as world:
        for number in range(10):
            world.whatsapp.say("hi", sender=f"49151000000{number:02}@s.whatsapp.net")
        await asyncio.sleep(10)

    assert len(at_once) == 10
    assert max(at_once) == 3


async def test_a_message_that_comes_at_the_end_of_a_conversations_work(mail_path: Path) -> None:
    """At any moment of it: none waits for the next look at the disk."""
    handled_at: list[float] = []

    async def handle(message: Message) -> None:
        handled_at.append(asyncio.get_running_loop().time())

    async with world_of(mail_path, handle) as world:
        for number in range(200):
            world.whatsapp.say(f"{number}", sender=ANN)
            for _ in range(number % 40):
                await asyncio.sleep(0)
        said_at = asyncio.get_running_loop().time()
        await asyncio.sleep(1)
        assert len(handled_at) == 200
        assert handled_at[-1] <= said_at + 0.5


async def test_what_is_on_the_disk_at_the_start(mail_path: Path) -> None:
    """And what comes there without a word, from another process: within five seconds."""
    seen: list[tuple[str, bool]] = []

    async def handle(message: Message) -> None:
        seen.append((message.text, message.is_backlog))

    world = world_of(mail_path, handle)
    written(world, "before")
    async with world:
        await asyncio.sleep(0.5)
        assert seen == [("before", True)]
        written(world, "without a word")
        await asyncio.sleep(5.5)
    assert seen[1:] == [("without a word", False)]


async def test_another_accounts_messages_are_left_alone(mail_path: Path) -> None:
    """Also when they come to the account that is linked next; they wait for their own."""
    seen: list[str] = []

    async def handle(message: Message) -> None:
        seen.append(message.text)

    world = world_of(mail_path, handle)
    written(world, "theirs", owner="49301234567")
    async with world:
        world.whatsapp.say("ours", sender=ANN)
        await asyncio.sleep(20)
        assert seen == ["ours"]
        world.daemon.inbox.link_up("49301234567")
        await asyncio.sleep(1)
    assert seen == ["ours", "theirs"]


async def test_a_new_account_in_the_middle(mail_path: Path) -> None:
    """What is being handled goes on as the old one's; nothing more of it is begun."""
    seen: list[str] = []

    async def handle(message: Message) -> None:
        await asyncio.sleep(1)
        await message.reply(f"re {message.text}")
        seen.append(message.text)

    async with world_of(mail_path, handle) as world:
        world.whatsapp.say("one", sender=ANN)
        world.whatsapp.say("two", sender=ANN)
        await asyncio.sleep(0.5)
        for part in (world.daemon.inbox, world.daemon.outbox):
            part.link_up("49301234567")
        await asyncio.sleep(10)
        assert seen == ["one"]
        assert world.whatsapp.heard == []
        for part in (world.daemon.inbox, world.daemon.outbox):
            part.link_up(NUMBER)
        await asyncio.sleep(10)
    assert world.whatsapp.heard == [(ANN, "re one"), (ANN, "re two")]


async def test_a_failing_handler_is_tried_again(mail_path: Path) -> None:
    """After a second, then five; nothing overtakes the message, and nobody else waits for it."""
    tries: list[float] = []
    seen: list[str] = []

    async def handle(message: Message) -> None:
        if message.text == "bad":
            await message.reply("half an answer")
            tries.append(asyncio.get_running_loop().time())
            if len(tries) < 3:
                raise ZeroDivisionError
        seen.append(message.text)

    async with world_of(mail_path, handle, chats_at_once=1) as world:
        world.whatsapp.say("bad", sender=ANN)
        world.whatsapp.say("next", sender=ANN)
        await asyncio.sleep(0.5)
        world.whatsapp.say("one more", sender=ANN)
        world.whatsapp.say("elsewhere", sender=BOB)
        await asyncio.sleep(20)

    assert seen == ["elsewhere", "bad", "next", "one more"]
    assert [round(later - earlier) for earlier, later in pairwise(tries)] == [1, 5]
    assert [event.again_in_s for event in world.told(HandlerFailed)] == [1, 5]
    assert world.told(HandlerFailed)[0].error == "ZeroDivisionError: "
    assert world.whatsapp.heard == [(ANN, "half an answer")]


async def test_a_handler_that_fails_too_often(mail_path: Path) -> None:
    """Its message is set aside with the last error, at once; the conversation goes on."""

    async def handle(message: Message) -> None:
        await message.reply("never said")
        if message.text == "bad":
            raise ValueError(message.text)

    async with world_of(mail_path, handle, tries=2) as world:
        world.whatsapp.say("bad", sender=ANN, message_id="A")
        world.whatsapp.say("good", sender=ANN, message_id="B")
        await asyncio.sleep(1.5)
        (aside,) = world.told(MessageSetAside)
        assert (aside.id, aside.because) == ("A", "its handler failed 2 times")
        assert [event.again_in_s for event in world.told(HandlerFailed)] == [1, None]
        assert world.whatsapp.heard == [(ANN, "never said")]

    first, second = rows(world)
    assert first[:2] == ("A", Inbound.SET_ASIDE)
    assert first[4] == "its handler failed 2 times: ValueError: bad"
    assert second[:2] == ("B", Inbound.HANDLED)


async def test_tries_are_remembered_over_a_restart(mail_path: Path) -> None:
    """A bot that is restarted all the time does not try for ever."""
    tries = 0

    async def handle(_: Message) -> None:
        nonlocal tries
        tries += 1
        raise ZeroDivisionError

    async with world_of(mail_path, handle, tries=3) as world:
        world.whatsapp.say("bad", sender=ANN, message_id="A")
        for _ in range(5):
            await asyncio.sleep(0.7)
            await world.restart_daemon()
        await asyncio.sleep(20)
    assert tries == 3
    assert rows(world)[0][1] == Inbound.SET_ASIDE


async def test_a_handler_that_takes_too_long(mail_path: Path) -> None:
    """It is cancelled; a timeout of its own counts more than the usual one."""
    ends: list[float] = []
    router = Router()

    @router.command("quick", timeout=2)
    async def quick(_: Message) -> None:
        await asyncio.sleep(100)

    @router.message()
    async def slow(_: Message) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ends.append(asyncio.get_running_loop().time())

    async with MailWorld(mail_path, router, handling=Handling(timeout_s=10, tries=1)) as world:
        world.whatsapp.say("!quick", sender=ANN)
        world.whatsapp.say("hi", sender=BOB)
        await asyncio.sleep(30)

    assert ends == [pytest.approx(10, abs=0.5)]
    assert [event.error for event in world.told(HandlerFailed)] == [
        "it took longer than 2 s and was cancelled",
        "it took longer than 10 s and was cancelled",
    ]


async def test_a_handler_that_will_not_be_cancelled(mail_path: Path) -> None:
    """It is left behind after a moment; the conversation goes on, and the bot can end."""
    seen: list[str] = []

    async def handle(message: Message) -> None:
        while message.text == "stubborn":
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1000)
                return
        seen.append(message.text)

    async with world_of(mail_path, handle, timeout_s=10, tries=1) as world:
        world.whatsapp.say("stubborn", sender=ANN)
        world.whatsapp.say("next", sender=ANN)
        await asyncio.sleep(16)
        assert seen == ["next"]
        assert len(world.told(MessageSetAside)) == 1
        await asyncio.sleep(2000)


async def test_a_handler_that_ends_well_when_it_is_cancelled(mail_path: Path) -> None:
    """It was too late all the same."""

    async def handle(_: Message) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)

    async with world_of(mail_path, handle, timeout_s=10, tries=1) as world:
        world.whatsapp.say("hi", sender=ANN)
        await asyncio.sleep(12)
    assert "longer than 10 s" in world.told(HandlerFailed)[0].error


async def test_a_handler_that_cancels_itself(mail_path: Path) -> None:
    """That is its error, not the end of the conversation."""

    async def handle(message: Message) -> None:
        if message.text == "bad":
            raise asyncio.CancelledError

    async with world_of(mail_path, handle, tries=1) as world:
        world.whatsapp.say("bad", sender=ANN)
        world.whatsapp.say("good", sender=ANN)
        await asyncio.sleep(1)
    assert "by its own code" in world.told(HandlerFailed)[0].error
    assert len(world.told(MessageHandled)) == 1


async def test_a_filter_that_hangs_or_fails(mail_path: Path) -> None:
    """It has a deadline like a handler, and holds up its own conversation only."""
    router = Router()

    async def is_wanted(message: Message) -> bool:
        if message.text == "hang":
            await asyncio.Event().wait()
        return message.text != "unwanted"

    @router.message(is_wanted)
    async def handle(_: Message) -> None:
        pass

    async with MailWorld(mail_path, router, handling=Handling(timeout_s=10, tries=1)) as world:
        world.whatsapp.say("hang", sender=ANN)
        world.whatsapp.say("next", sender=ANN)
        world.whatsapp.say("unwanted", sender=BOB)
        await asyncio.sleep(20)
    (failed,) = world.told(HandlerFailed)
    assert (failed.handler, failed.error) == ("filter", "it took longer than 10 s and was cancelled")
    assert len(world.told(MessageHandled)) == 1
    assert [event.because for event in world.told(MessageIgnored)] == ["no handler"]


async def test_what_no_handler_wants_is_done_with(mail_path: Path) -> None:
    """It is skipped; so is what every handler passed on."""
    async with MailWorld(mail_path, Router()) as world:
        world.whatsapp.say("hi", sender=ANN)
        await asyncio.sleep(1)
    assert rows(world)[0][1] == Inbound.SKIPPED
    assert [event.because for event in world.told(MessageIgnored)] == ["no handler"]


async def test_what_a_filter_says_is_sent(mail_path: Path) -> None:
    """Although nobody handles the message."""
    router = Router()

    async def refuses(message: Message) -> bool:
        await message.reply("not you")
        return False

    @router.message(refuses)
    async def handle(_: Message) -> None:
        raise AssertionError

    async with MailWorld(mail_path, router) as world:
        world.whatsapp.say("hi", sender=ANN)
        await asyncio.sleep(1)
    assert world.whatsapp.heard == [(ANN, "not you")]
    assert rows(world)[0][1] == Inbound.SKIPPED


async def test_a_message_that_brings_the_bot_down(mail_path: Path) -> None:
    """After ten times it is set aside, and the bot lives."""
    begun = 0

    async def handle(message: Message) -> None:
        nonlocal begun
        if message.text == "deadly":
            begun += 1
            world.daemon.thread.is_dead = True
            deaths.append(asyncio.create_task(world.restart_daemon()))
            await asyncio.Event().wait()

    deaths: list[asyncio.Task[None]] = []
    world = world_of(mail_path, handle)
    async with world:
        world.whatsapp.say("deadly", sender=ANN, message_id="A")
        await asyncio.sleep(0.1)
        world.whatsapp.say("next", sender=ANN, message_id="B")
        await asyncio.sleep(60)
        await asyncio.gather(*deaths)
    assert begun == 10
    assert [row[:2] for row in rows(world)] == [("A", Inbound.SET_ASIDE), ("B", Inbound.HANDLED)]
    assert "the bot ended 10 times" in world.told(MessageSetAside)[0].because


@pytest.mark.parametrize(("limit", "skipped"), [(None, []), (0.0, ["old", "new"]), (3600.0, ["old"])])
async def test_the_backlog(mail_path: Path, limit: float | None, skipped: list[str]) -> None:
    """What waited while the bot was down is handled, skipped, or skipped when it is old; what comes live never is."""

    async def handle(_: Message) -> None:
        pass

    world = world_of(mail_path, handle, backlog_within_s=limit)
    written(world, "old", ANN, sent_at=datetime.now(UTC) - timedelta(hours=2))
    written(world, "new", BOB)
    async with world:
        world.whatsapp.say("live", sender="3@s.whatsapp.net")
        await asyncio.sleep(1)
    assert [event.id for event in world.told(MessageIgnored)] == skipped
    assert world.daemon.inbox.handled == 3 - len(skipped)


async def test_what_waited_at_the_server_is_backlog_too(mail_path: Path) -> None:
    """The bot was up, its link was not."""

    async def handle(_: Message) -> None:
        pass

    async with world_of(mail_path, handle, backlog_within_s=0) as world:
        written(world, "waited", was_waiting=True)
        await asyncio.sleep(6)
    assert [event.because for event in world.told(MessageIgnored)] == ["it waited while the bot was down"]


async def test_what_was_begun_is_ended_whatever_the_backlogs_policy(mail_path: Path) -> None:
    """It came live; that the bot died meanwhile is not the sender's fault."""
    tries = 0

    async def handle(message: Message) -> None:
        nonlocal tries
        tries += 1
        await message.reply("got it")
        await asyncio.sleep(1)
        await message.reply("done")

    async with world_of(mail_path, handle, backlog_within_s=0) as world:
        world.whatsapp.say("hi", sender=ANN)
        await asyncio.sleep(0.5)
        await world.restart_daemon()
        await asyncio.sleep(3)
    assert tries == 2
    assert world.whatsapp.heard == [(ANN, "got it"), (ANN, "done")]


async def test_ending_while_busy(mail_path: Path) -> None:
    """What is being handled may end, nothing more is begun, and the next start goes on there."""
    seen: list[str] = []

    async def handle(message: Message) -> None:
        await asyncio.sleep(0.4)
        seen.append(message.text)

    async with world_of(mail_path, handle) as world:
        for text in "abc":
            world.whatsapp.say(text, sender=ANN)
        await asyncio.sleep(0.1)
        before = asyncio.get_running_loop().time()
        await world.daemon.inbox.finish(within_s=1)
        assert asyncio.get_running_loop().time() - before < 0.5
        assert seen == ["a"]
        world.whatsapp.say("d", sender=BOB)
        await asyncio.sleep(10)
        assert seen == ["a"]
        await world.restart_daemon(kill=False)
        await asyncio.sleep(3)
    assert sorted(seen) == list("abcd")


async def test_ending_does_not_wait_for_ever(mail_path: Path) -> None:
    """A handler that takes longer is cancelled; its message is handled at the next start, its answers once."""
    seen: list[str] = []

    async def handle(message: Message) -> None:
        await message.reply("one")
        seen.append("begun")
        await asyncio.sleep(0.05 if len(seen) > 1 else 100)
        await message.reply("two")

    async with world_of(mail_path, handle) as world:
        world.whatsapp.say("hi", sender=ANN)
        await asyncio.sleep(0.05)
        before = asyncio.get_running_loop().time()
        await world.daemon.inbox.finish(within_s=1)
        await world.daemon.inbox.close()
        assert asyncio.get_running_loop().time() - before < 1.1
        await world.restart_daemon(kill=False)
        await asyncio.sleep(3)
    assert world.whatsapp.heard == [(ANN, "one"), (ANN, "two")]


async def test_other_handlers_take_over_at_once(mail_path: Path) -> None:
    """They may be exchanged while the bot runs."""
    seen: list[str] = []
    one, two = Router(), Router()

    @one.message()
    async def first(message: Message) -> None:
        seen.append(f"one {message.text}")

    @two.message()
    async def second(message: Message) -> None:
        seen.append(f"two {message.text}")

    async with MailWorld(mail_path, one) as world:
        world.whatsapp.say("a", sender=ANN)
        await asyncio.sleep(0.1)
        world.daemon.inbox.routers = (two,)
        world.whatsapp.say("b", sender=ANN)
        await asyncio.sleep(0.1)
    assert seen == ["one a", "two b"]


async def test_a_message_that_a_person_has_handled_again(mail_path: Path) -> None:
    """It is found within seconds."""
    works = False

    async def handle(_: Message) -> None:
        if not works:
            raise ZeroDivisionError

    async with world_of(mail_path, handle, tries=1) as world:
        world.whatsapp.say("hi", sender=ANN)
        await asyncio.sleep(1)
        works = True
        with closing(open_mailbox(world.mailbox)) as connection, writing(connection):
            connection.execute("UPDATE inbox SET state = 0, begun = 0, failures = 0 WHERE state = 3")
        await asyncio.sleep(6)
    assert rows(world)[0][1] == Inbound.HANDLED


async def test_a_bug_of_ours_ends_the_bot_aloud(mail_path: Path) -> None:
    """What fails where nobody awaits it must not leave a bot that looks well."""

    async def handle(_: Message) -> None:
        pass

    world = world_of(mail_path, handle)

    async def broken(*_: object) -> None:
        raise UsageError("broken")

    async def live() -> None:
        async with world:
            world.daemon.store.take = broken  # type: ignore[assignment, method-assign]
            world.whatsapp.say("hi", sender=ANN)
            await asyncio.sleep(1)
            assert world.daemon.tasks[1].done()

    with pytest.raises(UsageError, match="broken"):
        await live()
