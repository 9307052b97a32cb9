"""The outbox at work: in order per chat, chats in turn, nothing twice, and every doubt told."""

import asyncio
import math
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from linda_bot.messaging.events import MessageSent, SendExpired, SendFailed
from linda_bot.messaging.outbox import Manners
from linda_bot.messaging.pacing import Pace
from linda_bot.messaging.scene import SendError
from linda_bot.messaging.store import Draft
from linda_bot.whatsapp.content import Text
from linda_bot.whatsapp.mailbox import Outbound, open_mailbox, writing
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError
from tests.support.fake_client import NUMBER, FakeClient
from tests.support.mail_world import MailWorld

pytestmark = pytest.mark.looptime

ANN, BOB, CAT = (f"49151000000{number:02}@s.whatsapp.net" for number in (1, 2, 3))


async def put(world: MailWorld, *texts: str, to: str = ANN, joinable: bool = False) -> list[int]:
    """Put texts into the outbox."""
    return await world.daemon.outbox.put([Draft(to, Text(text=text), joinable) for text in texts])


def states(world: MailWorld) -> list[Outbound]:
    """Return the states of what is in the outbox."""
    with closing(open_mailbox(world.mailbox)) as connection:
        return [Outbound(row[0]) for row in connection.execute("SELECT state FROM outbox ORDER BY key")]


def change(world: MailWorld, statement: str) -> None:
    """Be another process that uses the mailbox."""
    with closing(open_mailbox(world.mailbox)) as connection, writing(connection):
        connection.execute(statement)


def kill_at(step: str, *, times: int = 1) -> Callable[[FakeClient, str], None]:
    """Return what kills the engine in a step of sending."""
    left = [times]

    def on_step(engine: FakeClient, now: str) -> None:
        if now == step and left[0]:
            left[0] -= 1
            engine.kill()

    return on_step


async def test_in_order_within_a_chat_and_the_chats_in_turn(mail_path: Path) -> None:
    """One chat with much to say does not hold up the others."""
    async with MailWorld(mail_path) as world:
        world.whatsapp.send_takes_s = 0.1
        await put(world, *(f"{number}" for number in range(40)), to=ANN)
        await put(world, "a", "b", to=BOB)
        await put(world, "c", to=CAT)
        await asyncio.sleep(10)

    heard = world.whatsapp.heard
    assert [text for chat, text in heard if chat == ANN] == [f"{number}" for number in range(40)]
    assert heard.index((BOB, "a")) < heard.index((BOB, "b")) < 7
    assert heard.index((CAT, "c")) < 5
    assert world.daemon.outbox.sent == len(world.told(MessageSent)) == 43


async def test_while_the_link_is_down_everything_waits(mail_path: Path) -> None:
    """It is sent in order when the link is back."""
    async with MailWorld(mail_path) as world:
        world.engine.lose_line()
        await asyncio.sleep(0.1)
        await put(world, "a", "b")
        await asyncio.sleep(300)
        assert states(world) == [Outbound.PENDING] * 2
        world.engine.find_line()
        await asyncio.sleep(1)
        assert world.whatsapp.heard == [(ANN, "a"), (ANN, "b")]


async def test_before_the_first_login_everything_waits(mail_path: Path) -> None:
    """Without keeping the processor busy, and whose it is becomes known later."""
    world = MailWorld(mail_path)
    world.whatsapp.reachable = False
    async with world:
        turns = 0
        await put(world, "a")
        clear = world.daemon.outbox._wake.clear

        def counting() -> None:
            nonlocal turns
            turns += 1
            clear()

        world.daemon.outbox._wake.clear = counting  # type: ignore[method-assign]
        await asyncio.sleep(100)
        assert 10 <= turns <= 30
        world.whatsapp.reachable = True
        world.engine.kill()
        await asyncio.sleep(5)
        assert world.whatsapp.heard == [(ANN, "a")]


async def test_what_did_not_leave_is_sent_later(mail_path: Path) -> None:
    """After a while that grows; the chat's other messages wait behind it, other chats do not."""
    async with MailWorld(mail_path) as world:
        tries: list[float] = []

        def refuse(_: FakeClient, step: str) -> None:
            if step == "begun" and len(tries) < 4 and "bad" in next_texts():
                tries.append(asyncio.get_running_loop().time())
                world.whatsapp.send_refusal = NotSentError("not sent yet: the upload failed")

        def next_texts() -> set[str]:
            with closing(open_mailbox(world.mailbox)) as connection:
                rows = connection.execute("SELECT content FROM outbox WHERE state = 1").fetchall()
            return {"bad" for row in rows if b"bad" in row[0]}

        world.whatsapp.on_step = refuse
        await put(world, "bad", "after it")
        await put(world, "other", to=BOB)
        await asyncio.sleep(2)
        assert world.whatsapp.heard == [(BOB, "other")]
        await asyncio.sleep(30)

    assert world.whatsapp.heard[1:] == [(ANN, "bad"), (ANN, "after it")]
    assert [round(later - earlier) for earlier, later in pairwise(tries)] == [1, 2, 4]
    assert not world.told(SendFailed)


async def test_what_is_refused_is_told_and_not_repeated(mail_path: Path) -> None:
    """The chat goes on."""
    async with MailWorld(mail_path) as world:
        world.whatsapp.send_refusal = ClientError("server returned error 463")
        keys = await put(world, "a", "b")
        with pytest.raises(SendError, match="failed: server returned error 463"):
            await world.daemon.outbox.confirmed(keys[0])
        assert await world.daemon.outbox.confirmed(keys[1]) == "S1"
        (failed,) = world.told(SendFailed)
        assert (failed.key, failed.outcome) == (keys[0], "failed")
    assert states(world) == [Outbound.FAILED, Outbound.SENT]


async def test_what_nobody_answers_for_is_unknown(mail_path: Path) -> None:
    """It is told once, and not repeated."""
    async with MailWorld(mail_path) as world:
        world.whatsapp.send_refusal = NoAnswerError("message timed out")
        keys = await put(world, "a", "b")
        with pytest.raises(SendError, match="unknown: message timed out"):
            await world.daemon.outbox.confirmed(keys[0])
        await asyncio.sleep(30)
        assert [event.outcome for event in world.told(SendFailed)] == ["unknown"]
    assert states(world) == [Outbound.UNKNOWN, Outbound.SENT]


async def test_what_nobody_answers_for_is_repeated_once_if_wanted(mail_path: Path) -> None:
    """Only once: it may have arrived each time."""
    async with MailWorld(mail_path, manners=Manners(repeat_unknown=True)) as world:
        tries = 0

        def refuse(_: FakeClient, step: str) -> None:
            nonlocal tries
            if step == "begun":
                tries += 1
                world.whatsapp.send_refusal = NoAnswerError("message timed out")

        world.whatsapp.on_step = refuse
        await put(world, "a")
        await asyncio.sleep(100)
        assert tries == 2
        assert [event.outcome for event in world.told(SendFailed)] == ["unknown"]


@pytest.mark.parametrize(
    ("step", "heard", "state"),
    [
        ("asked", ["a", "b"], Outbound.SENT),
        ("begun", ["b"], Outbound.UNKNOWN),
        ("sent", ["a", "b"], Outbound.UNKNOWN),
        ("noted", ["a", "b"], Outbound.SENT),
    ],
)
async def test_an_engine_that_dies_while_it_sends(
    mail_path: Path, step: str, heard: list[str], state: Outbound
) -> None:
    """The only doubt is a death while the library has the message; it is told at once, without the next link."""
    world = MailWorld(mail_path)
    async with world:
        world.whatsapp.on_step = kill_at(step)
        world.whatsapp.reachable = state is not Outbound.UNKNOWN
        (key,) = await put(world, "a")
        await put(world, "b")
        await asyncio.sleep(2)
        if state is Outbound.UNKNOWN:
            with pytest.raises(SendError, match="unknown: the engine ended"):
                await asyncio.wait_for(world.daemon.outbox.confirmed(key), 0.1)
            assert not world.whatsapp.running[0].code
            world.whatsapp.reachable = True
            world.engine.kill()
        else:
            assert await world.daemon.outbox.confirmed(key)
        await asyncio.sleep(10)
        assert [text for _, text in world.whatsapp.heard] == heard
        assert len(world.told(SendFailed)) == (state is Outbound.UNKNOWN)
        assert world.daemon.outbox.sent == 2 - len(world.told(SendFailed))
    assert states(world) == [state, Outbound.SENT]


async def test_an_engine_that_dies_of_a_message_is_repeated_once_if_wanted(mail_path: Path) -> None:
    """A message that kills each engine is not tried for ever."""
    async with MailWorld(mail_path, manners=Manners(repeat_unknown=True)) as world:
        world.whatsapp.on_step = kill_at("begun", times=5)
        await put(world, "deadly")
        await asyncio.sleep(100)
        assert len(world.whatsapp.clients) == 3
        assert [event.outcome for event in world.told(SendFailed)] == ["unknown"]


async def test_what_the_run_before_left_in_doubt_is_told(mail_path: Path) -> None:
    """Once, before anything else is sent."""
    world = MailWorld(mail_path)
    open_mailbox_with = "INSERT INTO outbox (owner, chat, content, state, created_at) VALUES ('{}', 'x', x'80', 1, 0)"
    change(world, open_mailbox_with.format(NUMBER))
    async with world:
        await asyncio.sleep(20)
        assert [event.outcome for event in world.told(SendFailed)] == ["unknown"]


async def test_an_answer_that_comes_after_the_deadline(mail_path: Path) -> None:
    """The engine writes it down when nobody waits any more; it is found, and told."""
    async with MailWorld(mail_path) as world:
        world.whatsapp.send_takes_s = 200
        (key,) = await put(world, "a")
        confirming = asyncio.create_task(world.daemon.outbox.confirmed(key))
        await asyncio.sleep(130)
        assert states(world) == [Outbound.SENDING]
        assert not confirming.done()
        assert not world.told(SendFailed)
        await asyncio.sleep(80)
        assert await confirming == "S1"
        assert world.daemon.outbox.sent == len(world.told(MessageSent)) == 1
        assert world.daemon.outbox._verdicts._doubtful == []


async def test_a_refusal_that_comes_after_the_deadline(mail_path: Path) -> None:
    """It is told, too; and an engine that dies instead leaves a doubt."""
    async with MailWorld(mail_path) as world:
        world.whatsapp.send_takes_s = 200
        world.whatsapp.send_refusal = ClientError("no")
        await put(world, "a")
        await asyncio.sleep(210)
        assert [event.outcome for event in world.told(SendFailed)] == ["failed"]
        await put(world, "b")
        await asyncio.sleep(150)
        world.engine.kill()
        await asyncio.sleep(1)
        assert [event.outcome for event in world.told(SendFailed)] == ["failed", "unknown"]


async def test_a_row_that_a_person_drops(mail_path: Path) -> None:
    """It is not sent, whoever waits is told, and what follows it is sent; also when it was read before."""
    async with MailWorld(mail_path) as world:
        world.whatsapp.send_takes_s = 1
        keys = await put(world, "a", "b", "c")
        waiting = asyncio.create_task(world.daemon.outbox.confirmed(keys[1]))
        await asyncio.sleep(0.5)
        change(world, "DELETE FROM outbox WHERE key = 2")
        await asyncio.sleep(20)
        assert [text for _, text in world.whatsapp.heard] == ["a", "c"]
        with pytest.raises(SendError, match="not in the outbox any more"):
            await waiting


async def test_a_row_that_a_person_puts_back(mail_path: Path) -> None:
    """It is found within seconds."""
    async with MailWorld(mail_path) as world:
        world.whatsapp.send_refusal = ClientError("no")
        await put(world, "a")
        await asyncio.sleep(1)
        change(world, "UPDATE outbox SET state = 0 WHERE key = 1")
        await asyncio.sleep(5.5)
        assert world.whatsapp.heard == [(ANN, "a")]


async def test_what_waited_too_long_is_not_sent(mail_path: Path) -> None:
    """Nobody wants a greeting of last week; it is told how many there were."""
    async with MailWorld(mail_path, manners=Manners(expire_s=60)) as world:
        world.engine.lose_line()
        await asyncio.sleep(0.1)
        keys = await put(world, *(f"old {number}" for number in range(20)))
        waiting = asyncio.create_task(world.daemon.outbox.confirmed(keys[0]))
        await asyncio.sleep(0.1)
        change(world, "UPDATE outbox SET created_at = created_at - 100")
        await put(world, "new")
        world.engine.find_line()
        await asyncio.sleep(1)
        assert world.whatsapp.heard == [(ANN, "new")]
        assert sum(event.count for event in world.told(SendExpired)) == 20
        with pytest.raises(SendError, match="it waited too long"):
            await waiting


async def test_texts_that_wait_may_be_sent_as_one(mail_path: Path) -> None:
    """Whoever waits for one of them gets the id that they share."""
    async with MailWorld(mail_path) as world:
        keys = await put(world, "a", "b", "c", joinable=True)
        assert {await world.daemon.outbox.confirmed(key) for key in keys} == {"S1"}
        await put(world, "d")
        assert world.whatsapp.heard[0] == (ANN, "a\nb\nc")
        assert [event.joined for event in world.told(MessageSent)] == [3]
    assert set(states(world)) <= {Outbound.SENT, Outbound.PENDING}


@pytest.mark.parametrize("step", ["begun", "sent"])
async def test_a_doubt_about_several_at_once_is_one(mail_path: Path, step: str) -> None:
    """All rows that the message was made of are unknown; it is told once."""
    async with MailWorld(mail_path) as world:
        world.whatsapp.on_step = kill_at(step)
        keys = await put(world, "a", "b", joinable=True)
        await asyncio.sleep(10)
        assert len(world.told(SendFailed)) == 1
        for key in keys:
            with pytest.raises(SendError, match="unknown"):
                await world.daemon.outbox.confirmed(key)
    assert states(world) == [Outbound.UNKNOWN] * 2


async def test_the_pace(mail_path: Path) -> None:
    """So long from one message to the next, half of it by chance."""
    manners = Manners(pace=Pace(between=2.0))
    async with MailWorld(mail_path, manners=manners, chance=lambda: 1.0) as world:
        await put(world, "a", "b", "c")
        await asyncio.sleep(10)
        times = world.times(MessageSent)
        assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([3.0, 3.0], abs=0.05)


@pytest.mark.parametrize("restarted", [True, False])
async def test_a_slow_beginning_after_a_long_outage(mail_path: Path, *, restarted: bool) -> None:
    """What has piled up is not sent as one flood; also when the bot itself was away."""
    async with MailWorld(mail_path) as world:
        world.engine.lose_line()
        await asyncio.sleep(0.1)
        await put(world, *(f"{number}" for number in range(300)))
        if restarted:
            world.whatsapp.reachable = False
            change(world, "UPDATE outbox SET created_at = created_at - 700")
            world.whatsapp.reachable = True
            await world.restart_daemon()
        else:
            await asyncio.sleep(700)
            world.engine.find_line()
        await asyncio.sleep(10)
        assert 9 <= len(world.whatsapp.heard) <= 13
        await asyncio.sleep(60)
        assert len(world.whatsapp.heard) == 300


async def test_a_short_outage_costs_no_time(mail_path: Path) -> None:
    """As does the first start."""
    async with MailWorld(mail_path) as world:
        world.engine.lose_line()
        await asyncio.sleep(0.1)
        await put(world, *(f"{number}" for number in range(100)))
        await asyncio.sleep(60)
        world.engine.find_line()
        await asyncio.sleep(1)
        assert len(world.whatsapp.heard) == 100


async def test_without_the_guard_an_answer_waits_for_a_quiet_moment(mail_path: Path) -> None:
    """Of its own contact only, and not for ever."""
    async with MailWorld(mail_path, is_guarded=lambda: False) as world:
        stopped_at = math.inf

        async def chatter() -> None:
            nonlocal stopped_at
            for number in range(100):
                world.whatsapp.say(f"{number}", sender=ANN)
                await asyncio.sleep(0.02)
            stopped_at = asyncio.get_running_loop().time()

        talking = asyncio.create_task(chatter())
        await asyncio.sleep(0.1)
        await put(world, "answer")
        await put(world, "other", to=BOB)
        await talking
        assert world.whatsapp.heard == [(BOB, "other")]
        await asyncio.sleep(1)
        assert world.times(MessageSent)[1] == pytest.approx(stopped_at + 0.03, abs=0.01)


async def test_without_the_guard_an_answer_waits_ten_seconds_at_most(mail_path: Path) -> None:
    """A contact that never stops gets it all the same."""
    async with MailWorld(mail_path, is_guarded=lambda: False) as world:
        begun_at = asyncio.get_running_loop().time()
        world.daemon.outbox.heard(ANN)
        await put(world, "answer")
        for _ in range(600):
            world.daemon.outbox.heard(ANN)
            await asyncio.sleep(0.02)
        assert world.times(MessageSent) == [pytest.approx(begun_at + 10, abs=0.1)]


async def test_draining(mail_path: Path) -> None:
    """It ends when everything was sent, or after a while."""
    async with MailWorld(mail_path) as world:
        loop = asyncio.get_running_loop()
        await world.daemon.outbox.drain(within_s=10)
        world.whatsapp.send_takes_s = 1
        await put(world, "a", "b", "c")
        before = loop.time()
        await world.daemon.outbox.drain(within_s=10)
        assert loop.time() - before == pytest.approx(3, abs=0.1)
        assert len(world.whatsapp.heard) == 3
        world.engine.lose_line()
        await asyncio.sleep(0.1)
        await put(world, "d")
        before = loop.time()
        await world.daemon.outbox.drain(within_s=2)
        assert loop.time() - before == pytest.approx(2, abs=0.1)


async def test_nothing_grows_for_ever(mail_path: Path) -> None:
    """After many chats and many who gave up waiting, nothing is left of them."""
    async with MailWorld(mail_path) as world:
        outbox = world.daemon.outbox
        world.engine.lose_line()
        await asyncio.sleep(0.1)
        for number in range(200):
            (key,) = await put(world, "x", to=f"{number}@s.whatsapp.net")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(outbox.confirmed(key), 0.01)
            outbox.heard(f"{number}@s.whatsapp.net")
        world.engine.find_line()
        await asyncio.sleep(20)
        assert len(world.whatsapp.heard) == 200
        assert not outbox._turns
        assert not outbox._loaded
        assert not outbox._turns._rests
        assert not outbox._verdicts._confirmations.keys


async def test_another_account_sends_its_own_only(mail_path: Path) -> None:
    """What waits for the old one's link is not sent by the new one, whatever was read from the disk by then."""
    async with MailWorld(mail_path) as world:
        world.whatsapp.send_takes_s = 1
        await put(world, "a", "b", "c")
        await asyncio.sleep(0.5)
        world.daemon.outbox.link_up("49301234567")
        await put(world, "theirs", to=BOB)
        await asyncio.sleep(10)
        assert [text for _, text in world.whatsapp.heard] == ["a", "theirs"]
        world.daemon.outbox.link_up(NUMBER)
        await asyncio.sleep(10)
        assert [text for _, text in world.whatsapp.heard] == ["a", "theirs", "b", "c"]
