"""A pause: nothing is handled and nothing is sent while it lasts, and nothing is lost; in virtual time."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from linda_bot.messaging.message import Message
from linda_bot.messaging.outbox import Manners
from linda_bot.messaging.pacing import Pace
from linda_bot.messaging.pause import Pause, pause_in
from linda_bot.messaging.router import Router
from tests.support.mail_world import MailWorld

pytestmark = pytest.mark.looptime

ANN, BOB = "4915100000001@s.whatsapp.net", "4915100000002@s.whatsapp.net"


class PausedWorld(MailWorld):
    """An echo bot that can be paused."""

    def __init__(self, directory: Path, *, handler_takes_s: float = 0.0, is_on: bool = False) -> None:
        self.is_on = is_on
        self.begun: list[str] = []
        router = Router()

        @router.message()
        async def echo(message: Message) -> None:
            self.begun.append(message.text)
            await asyncio.sleep(handler_takes_s)
            await message.reply(message.text)

        manners = Manners(pace=Pace(ramp_after=600, ramp_for=60))
        super().__init__(directory, router, is_paused=lambda: self.is_on, manners=manners)

    def resume(self, after_s: float = 1.0) -> None:
        self.is_on = False
        self.daemon.outbox.resume(after_s)
        self.daemon.inbox.resume()

    @property
    def answers(self) -> list[str]:
        return [text for _, text in self.whatsapp.heard]


async def test_what_comes_waits_and_is_answered_afterwards(mail_path: Path) -> None:
    """In order within a conversation, each once."""
    async with PausedWorld(mail_path) as world:
        world.is_on = True
        for number in range(40):
            world.whatsapp.say(str(number), sender=ANN if number % 2 else BOB)
        await asyncio.sleep(100)
        assert (world.begun, world.answers) == ([], [])
        world.resume()
        await asyncio.sleep(10)

    for chat, odd in ((ANN, 1), (BOB, 0)):
        said = [text for to, text in world.whatsapp.heard if to == chat]
        assert said == [str(number) for number in range(40) if number % 2 == odd]


async def test_a_handler_that_runs_comes_to_its_end_and_its_answer_waits(mail_path: Path) -> None:
    """The next message of the conversation is not begun."""
    async with PausedWorld(mail_path, handler_takes_s=5) as world:
        world.whatsapp.say("first", sender=ANN)
        world.whatsapp.say("second", sender=ANN)
        await asyncio.sleep(1)
        world.is_on = True
        await asyncio.sleep(100)
        assert (world.begun, world.answers) == (["first"], [])
        assert world.daemon.inbox.handled == 1
        world.resume()
        await asyncio.sleep(20)

    assert (world.begun, world.answers) == (["first", "second"], ["first", "second"])


async def test_what_a_person_sends_waits_too(mail_path: Path) -> None:
    """Through lost links and new engines."""
    async with PausedWorld(mail_path) as world:
        await asyncio.sleep(1)
        world.is_on = True
        ticket = await world.daemon.bot.send_text(ANN, "hello")
        confirmed = asyncio.ensure_future(ticket.confirmed())
        await asyncio.sleep(10)
        world.engine.kill()
        await asyncio.sleep(100)
        assert world.answers == []
        world.resume()
        assert await confirmed

    assert world.answers == ["hello"]


async def test_a_message_whose_turn_has_come_is_not_sent_any_more(mail_path: Path) -> None:
    """It was waiting for the link when the pause began."""
    async with PausedWorld(mail_path) as world:
        world.restarts = False
        await world.engine.stop()
        await world.daemon.bot.send_text(ANN, "hello")
        await asyncio.sleep(10)
        world.is_on = True
        world.restarts = True
        await world.start_engine()
        await asyncio.sleep(100)
        assert world.answers == []
        world.resume()
        await asyncio.sleep(10)

    assert world.answers == ["hello"]


async def test_a_pause_outlives_the_daemon(mail_path: Path) -> None:
    """Killed and started again twice, with messages that come meanwhile."""
    async with PausedWorld(mail_path, handler_takes_s=1) as world:
        world.whatsapp.say("before", sender=ANN)
        await asyncio.sleep(0.5)
        world.is_on = True
        for number in range(2):
            world.whatsapp.say(f"{number}", sender=ANN)
            await asyncio.sleep(5)
            await world.restart_daemon()
            await asyncio.sleep(50)
        assert world.answers == []
        world.resume()
        await asyncio.sleep(20)

    assert world.answers == ["before", "0", "1"]


async def test_the_end_does_not_wait_for_what_is_paused(mail_path: Path) -> None:
    """Nothing of it can go out."""
    async with PausedWorld(mail_path, is_on=True) as world:
        for number in range(3):
            await world.daemon.bot.send_text(ANN, str(number))
        began_at = asyncio.get_running_loop().time()
        await world.daemon.outbox.drain(within_s=60)
        assert asyncio.get_running_loop().time() - began_at < 6


async def test_after_a_long_pause_it_begins_slowly(mail_path: Path) -> None:
    """What has piled up must not look like a flood: the first messages come about one a second."""
    async with PausedWorld(mail_path) as world:
        await asyncio.sleep(1)
        world.is_on = True
        for number in range(20):
            await world.daemon.bot.send_text(ANN, str(number))
        await asyncio.sleep(700)
        world.resume(after_s=700)
        await asyncio.sleep(5)
        assert 3 <= len(world.answers) <= 7
        await asyncio.sleep(60)
        assert len(world.answers) == 20


async def test_the_file(tmp_path: Path) -> None:
    """It is there for as long as the pause, says since when, and is for nobody else."""
    pause = Pause(tmp_path / "paused.json")
    assert (pause.is_on, pause.since) == (False, None)
    assert await pause.begin() == ""
    since = pause.since
    assert since is not None
    assert await pause.begin() == ""
    assert pause.since == since
    assert (tmp_path / "paused.json").stat().st_mode & 0o777 == 0o600

    again = Pause(tmp_path / "paused.json")
    assert again.since is not None
    assert abs(again.since - since) < timedelta(milliseconds=2)
    assert await again.end() == ""
    assert not again.is_on
    assert list(tmp_path.iterdir()) == []
    assert await again.end() == ""


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"since": 5}', '{"since": "soon"}', '{"since": "2026-02-07T08:00"}']
)
def test_a_file_that_cannot_be_read_is_a_pause(tmp_path: Path, content: str) -> None:
    """Rather too quiet than too loud."""
    (tmp_path / "paused.json").write_text(content)

    since = pause_in(tmp_path / "paused.json")

    assert since is not None
    assert since.tzinfo is not None
    assert since <= datetime.now(UTC)


async def test_a_disk_that_takes_nothing(tmp_path: Path) -> None:
    """The pause holds all the same, and it is said that the next start will not know of it."""
    pause = Pause(tmp_path / "missing" / "paused.json")

    trouble = await pause.begin()

    assert pause.is_on
    assert "no such file" in trouble
