"""The daily renewal, every two seconds: nobody who writes notices anything."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot
from tests.support import echo_bot

pytestmark = pytest.mark.slow

PEOPLE = ("4915112340001", "4915112340002", "4915112340003")
RENEWALS = 5
_ALL_THERE_S = 2.0
"""What the link does not need comes a moment after it, on a busy machine."""
OFTEN = {"LINDA_REFRESH__EVERY": "2", "LINDA_BACKUP__AFTER_STABLE": "0.3"}


@pytest.fixture
async def people(sandbox: Sandbox) -> AsyncIterator[list[Contact]]:
    """Those who write."""
    async with AsyncExitStack() as closing:
        yield [await closing.enter_async_context(sandbox.contact(number)) for number in PEOPLE]


async def start_echo(sandbox: Sandbox, start_bot: StartBot, **environment: str) -> BotProcess:
    """Start a bot that answers with what it was told, and link it."""
    bot = await start_bot("--handlers", Path(echo_bot.__file__), **environment)
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    return bot


def engines(bot: BotProcess) -> list[int]:
    """Return the engines that a daemon has; what ends just now counts as gone."""
    found = []
    for child in psutil.Process(bot.pid).children():
        try:
            if any(".engine" in word for word in child.cmdline()):
                found.append(child.pid)
        except psutil.Error:
            continue
    return found


class EngineCount:
    """Looks how many engines there are at a time."""

    def __init__(self, bot: BotProcess) -> None:
        self.most = 0
        self.seen: set[int] = set()
        self._bot = bot
        self._looking = spawn_task(self._look(), name="engine count")

    async def _look(self) -> None:
        while True:
            now = engines(self._bot)
            self.most = max(self.most, len(now))
            self.seen.update(now)
            await asyncio.sleep(0.02)

    def end(self) -> None:
        """Look no more."""
        self._looking.cancel()


async def size_of(bot: BotProcess, friend: Contact) -> tuple[int, int]:
    """Return how many tasks and descriptors a daemon has while nothing goes on but this question."""
    tasks = int((await friend.ask(BOT, "!tasks")).text)
    await asyncio.sleep(0.1)
    return tasks, psutil.Process(bot.pid).num_fds()


async def test_no_message_is_lost_by_a_renewal(sandbox: Sandbox, start_bot: StartBot, people: list[Contact]) -> None:
    """Two ask all the time, a third writes exactly while no engine is there: each answer once, in order."""
    bot = await start_echo(sandbox, start_bot, **OFTEN)
    asked = 0
    done = asyncio.Event()
    count = EngineCount(bot)
    await asyncio.sleep(_ALL_THERE_S)
    before = await size_of(bot, people[2])

    async def keep_asking(person: Contact) -> None:
        nonlocal asked
        while not done.is_set():
            asked += 1
            assert (await person.ask(BOT, f"question {asked} of {person.number}")).text.endswith(person.number)
            assert person.received() == []

    async def write_into_the_gap(person: Contact) -> None:
        for number in range(RENEWALS):
            await bot.wait_for("Refreshing the link", times=number + 1)
            while sandbox.online(BOT):
                await asyncio.sleep(0.001)
            texts = [f"gap {number}, message {place}" for place in range(3)]
            for text in texts:
                await person.send(BOT, text)
            assert [(await person.next_message()).text for _ in texts] == texts
        done.set()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(keep_asking(people[0]))
        group.create_task(keep_asking(people[1]))
        group.create_task(write_into_the_gap(people[2]))
    count.end()
    after = await size_of(bot, people[2])
    await asyncio.sleep(0.3)

    assert asked > 20
    assert [person.received() for person in people] == [[], [], []]
    assert [person.dropped_old_counter for person in people] == [0, 0, 0]
    assert count.most == 1
    assert len(count.seen) > RENEWALS
    assert (after[0] <= before[0], after[1] <= before[1]) == (True, True), (before, after)
    assert sandbox.phone(BOT).pairings == 1
    assert "Connection lost" not in bot.screen
    assert "failed" not in bot.screen


async def test_the_screen_of_a_renewal(sandbox: Sandbox, start_bot: StartBot) -> None:
    """A person is told that it begins, of the backup, and that the bot listens again; nothing that sounds like harm."""
    bot = await start_echo(sandbox, start_bot, LINDA_REFRESH__EVERY="1")
    began = time.monotonic()
    await bot.wait_for("listening for messages", times=2)

    assert time.monotonic() - began < 10
    told = [line.strip() for line in bot.lines]
    told = told[next(at for at, line in enumerate(told) if line.startswith("Refreshing")) :]
    assert told[0] == "Refreshing the link, which is 1 s old ..."
    signs = ["Refreshing", "Backup", "Authentication successful", "DEVICE REACTIVATED", "The bot is listening"]
    assert [line.startswith(sign) for line, sign in zip(told, signs, strict=True)] == [True] * 5, told
