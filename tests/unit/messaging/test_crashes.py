"""Daemon and engine killed at every step: nothing is lost, nothing is said twice, and every doubt is told."""

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from linda_bot.messaging.events import SendFailed
from linda_bot.messaging.message import Message
from linda_bot.messaging.router import Router
from linda_bot.whatsapp.mailbox import Inbound, Outbound
from tests.support.fake_client import FakeClient
from tests.support.mail_world import AtOnce, Daemon, MailWorld

pytestmark = pytest.mark.looptime

ANN, BOB = "4915100000001@s.whatsapp.net", "4915100000002@s.whatsapp.net"
SAID = {ANN: ["slow", "two"], BOB: ["one", "two"]}
ANSWERS = sorted((chat, f"{text} {number}") for chat, texts in SAID.items() for text in texts for number in (1, 2))
STEPS = 82
VICTIMS = ("engine", "daemon", "both")
EVERY_DEATH = [
    pytest.param(victim, step, marks=[pytest.mark.slow] * ((step + 3 * number) % 9 > 0))
    for number, victim in enumerate(VICTIMS)
    for step in range(1, STEPS + 1)
]


class Crashes(MailWorld):
    """A bot that gives two answers to each message, the second after a while where it is slow."""

    def __init__(self, directory: Path, at: dict[int, str]) -> None:
        """Take in which step whom to kill."""
        router = Router()
        router.message()(self._answer)
        self._at = at
        self.steps = 0
        self.handled: Counter[str] = Counter()
        self.doubtful: list[str] = []
        """The answers that the client library had when their engine was killed."""
        self._deaths: list[asyncio.Task[None]] = []
        self._sending_is = ""
        self.steps_until_done = 0
        super().__init__(directory, router, thread=None)
        self.whatsapp.on_step = self._engine_step
        self.whatsapp.send_takes_s = 0.01

    async def _answer(self, message: Message) -> None:
        self.handled[f"{message.chat} {message.text}"] += 1
        await message.reply(f"{message.text} 1")
        if message.text == "slow":
            await asyncio.sleep(0.3)
        await message.reply(f"{message.text} 2")

    def _make_daemon(self) -> Daemon:
        self._settings["thread"] = AtOnce(self._step)
        return super()._make_daemon()

    def _engine_step(self, engine: FakeClient, step: str) -> None:
        if step != "written":
            self._sending_is = step
        self._step()

    def _step(self) -> None:
        if not self.daemon.tasks:
            return  # it is just being started
        self.steps += 1
        victim = self._at.get(self.steps)
        if victim in {"engine", "both"} and self._engine is not None and self._engine.alive:
            self._kill_engine(self._engine)
        if victim in {"daemon", "both"} and not self.daemon.thread.is_dead:
            self.daemon.thread.is_dead = True
            self._deaths.append(asyncio.create_task(self.restart_daemon()))

    def _kill_engine(self, engine: FakeClient) -> None:
        if engine._sending.under_way and self._sending_is in {"begun", "sent"}:
            self.doubtful.append(self._sending_is)
        engine.kill()

    async def live(self) -> None:
        async with self:
            for chat, texts in SAID.items():
                for text in texts:
                    self.whatsapp.say(text, sender=chat, message_id=f"{chat} {text}")
            async with asyncio.timeout(300):
                while not self._is_done():
                    await asyncio.sleep(0.5)
            self.steps_until_done = self.steps
            self._at = {}  # the end of the world is not of interest
            await asyncio.sleep(10)  # whether anything more comes
            for death in self._deaths:
                await death

    def _is_done(self) -> bool:
        inbox, outbox = self.states()
        done = {Outbound.SENT, Outbound.UNKNOWN, Outbound.FAILED}
        return set(inbox) == {Inbound.HANDLED} and set(outbox) <= done and all(death.done() for death in self._deaths)

    def states(self) -> tuple[list[int], list[int]]:
        """Return the states of what is in the inbox and in the outbox."""
        with closing(sqlite3.connect(self.mailbox)) as connection:
            tables = [connection.execute(f"SELECT state FROM {name}").fetchall() for name in ("inbox", "outbox")]
        return [row[0] for row in tables[0]], [row[0] for row in tables[1]]

    def check(self) -> None:
        """See that nothing was lost, and nothing was said twice; what nobody knows was told, once each."""
        inbox, outbox = self.states()
        heard = Counter(self.whatsapp.heard)
        unknown = outbox.count(Outbound.UNKNOWN)
        assert inbox == [Inbound.HANDLED] * 4
        assert len(outbox) == len(ANSWERS), "an answer was put in twice, or never"
        assert outbox.count(Outbound.SENT) + unknown == len(ANSWERS)
        assert set(heard.values()) == {1}, "an answer was sent twice"
        assert set(heard) <= set(ANSWERS)
        assert len(heard) >= outbox.count(Outbound.SENT), "what was not sent counts as sent"
        assert unknown == len(self.doubtful), "a doubt without a reason, or a reason without a doubt"
        assert len(self.told(SendFailed)) == unknown, "a doubt was not told, or told twice"
        for chat in SAID:
            answers = [text for to, text in self.whatsapp.heard if to == chat]
            assert answers == sorted(answers), "an answer overtook another one"


async def test_a_life_without_a_crash(mail_path: Path) -> None:
    """Each message is handled once and each answer sent once; this is how many steps there are to die in."""
    world = Crashes(mail_path, {})
    await world.live()
    world.check()

    assert sorted(world.whatsapp.heard) == ANSWERS
    assert set(world.handled.values()) == {1}
    assert STEPS - 20 <= world.steps_until_done <= STEPS


@pytest.mark.parametrize(("victim", "step"), EVERY_DEATH)
async def test_a_death_in_any_step(mail_path: Path, victim: str, step: int) -> None:
    """Before and after each access to the disk, and between any two steps of sending."""
    world = Crashes(mail_path, {step: victim})
    await world.live()
    world.check()

    assert all(count in {1, 2} for count in world.handled.values())
    assert victim == "engine" or sum(world.handled.values()) <= 4 + len(SAID), "more was done again than was under way"


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=[pytest.mark.slow] * (seed > 9)) for seed in range(120)])
async def test_deaths_one_after_the_other(mail_path: Path, seed: int) -> None:
    """Up to six of them, at random; also just after the start that follows another one."""
    chance = random.Random(seed)
    deaths = {chance.randrange(1, 2 * STEPS): chance.choice(VICTIMS) for _ in range(chance.randint(2, 6))}
    world = Crashes(mail_path, deaths)
    await world.live()
    world.check()
