"""A sandbox, somebody who writes, and bots that take one fault after the other."""

import asyncio
import itertools
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.faults import CATALOGUE, inject
from linda_bot.sandbox.server import Sandbox
from linda_bot.whatsapp.port import ClientError
from tests.support import echo_bot
from tests.support.fault_table import SETTINGS
from tests.support.faulted_bot import FaultedBot, Size

_FIRST_NUMBER = 971505700000
_FRIEND = "4915112345678"
_LINE_WITHIN_S = 10
"""The friend may have lost its line as well."""
_QUIET_AFTER_S = 0.5
"""What a bot opens only to start is closed then."""


class FaultWorld:
    """One server for many faults."""

    def __init__(self, sandbox: Sandbox, friend: Contact) -> None:
        self.sandbox = sandbox
        self.friend = friend
        self._healthy: Size | None = None
        self._is_tidy = True
        self._numbers = (str(_FIRST_NUMBER + number) for number in itertools.count())
        self._texts = (f"message {number}" for number in itertools.count(1))
        self._bots: list[FaultedBot] = []
        self._lasting: FaultedBot | None = None

    @asynccontextmanager
    async def order(self) -> AsyncIterator[None]:
        """Have what is left by something that fails in here in nobody's way."""
        if not self._is_tidy:
            await self.end()
            self._lasting = None
            self.friend.received()
        self._is_tidy = False
        assert self.friend.received() == [], "an answer came late, or twice"
        yield
        self._is_tidy = True

    async def healthy_size(self) -> Size:
        """Return what a bot holds to which nothing has happened."""
        if self._healthy is None:
            await self.lasting_bot()
        assert self._healthy is not None
        return self._healthy

    async def lasting_bot(self) -> FaultedBot:
        """Return the bot that takes fault after fault; it listens, and has answered."""
        bot = self._lasting
        if bot is None:
            bot = self._lasting = await self.linked_bot()
            await self._welcome(bot)
        elif not bot.runs:
            bot = self._lasting = await self.start_again(bot)
            await self._welcome(bot)
        bot.turn_page()
        return bot

    def keep(self, bot: FaultedBot) -> None:
        """Have a bot that was started again take the next faults."""
        self._lasting = bot

    async def linked_bot(self) -> FaultedBot:
        """Return a bot of its own, which was just linked and listens; nobody has written to it.

        Whoever has would go on writing to this device, also when the phone has linked it anew as another one.
        """
        bot = await self.new_bot()
        await bot.be_scanned(self.sandbox.phone(bot.number), times=1)
        await bot.listens()
        await bot.until(lambda: bot.is_up)
        bot.turn_page()
        return bot

    async def new_bot(self, *arguments: str) -> FaultedBot:
        """Start a bot of its own, which is not linked."""
        number = next(self._numbers)
        return await self._start(self.sandbox.directory / f"bot-{number}", number, arguments)

    async def start_again(self, bot: FaultedBot, *arguments: str) -> FaultedBot:
        """Start a bot that has ended, with what it kept."""
        return await self._start(bot.data_dir, bot.number, arguments)

    async def write(self, bot: FaultedBot, text: str = "") -> str:
        """Have the friend write to a bot, as soon as there is a line; return the text, a new one for none."""
        text = text or next(self._texts)
        async with asyncio.timeout(_LINE_WITHIN_S):
            while True:
                try:
                    await self.friend.send(bot.number, text)
                    return text
                except ClientError:
                    await asyncio.sleep(0.1)

    async def flood(self, bot: FaultedBot, count: int) -> dict[str, str]:
        """Have the friend write so much to a bot that is away; return the texts by the ids of the messages."""
        sent = {}
        for _ in range(count):
            text = next(self._texts)
            sent[(await self.friend.send(bot.number, text)).id] = text
        return sent

    async def answers(self, count: int, *, within_s: float) -> tuple[list[str], int]:
        """Return what the friend hears until there were so many answers, and how many of them its library dropped.

        It does so when their Signal counter had been used before, by a bot that answers while it reads.
        """
        dropped = self.friend.dropped_old_counter
        heard: list[str] = []
        give_up_at = time.monotonic() + within_s
        while len(heard) + self.friend.dropped_old_counter - dropped < count:
            left_s = give_up_at - time.monotonic()
            if left_s < 0:
                break
            try:
                heard.append((await self.friend.next_message(within_s=min(left_s, 0.2))).text)
            except TimeoutError:
                continue
        return heard, self.friend.dropped_old_counter - dropped

    async def is_answered(self, bot: FaultedBot, *, within_s: float = 10) -> bool:
        """Return whether a bot answers, and nothing else has been said."""
        await self.write(bot, "!ping")
        answer = await self.friend.next_message(within_s=within_s)
        return answer.text == "pong" and self.friend.received() == []

    async def inject(self, faults: str, number: str = "") -> None:
        """Have faults happen, written as on the command line; to one number where that can be said."""
        for fault in faults.split("; "):
            name, *pairs = fault.split()
            parameters = dict(pair.split("=", 1) for pair in pairs)
            if number and "number" in CATALOGUE[name].parameters:
                parameters["number"] = number
            await inject(self.sandbox, name, parameters)

    async def inject_at_login(self, faults: str, number: str) -> None:
        """Have faults happen at the moment at which the server takes a login, before the client can know."""
        while not self.sandbox.sessions_of(number):
            await asyncio.sleep(0)
        await self.inject(faults, number)

    async def inject_when_paired(self, faults: str, number: str) -> None:
        """Have faults happen at the moment at which a phone has linked a device, before its login."""
        while not self.sandbox.phone(number).pairings:
            await asyncio.sleep(0)
        await self.inject(faults, number)

    def engines_astray(self) -> list[psutil.Process]:
        """Return engines that belong to nobody who runs."""
        parents = {psutil.Process().pid, *(bot.process.pid for bot in self._bots if bot.runs)}
        root = self.sandbox.environment["LINDA_SANDBOX_ROOT"]
        return [engine for engine in _engines_of(root) if engine.ppid() not in parents]

    async def end(self) -> None:
        """End every bot."""
        for bot in self._bots:
            if bot.runs:
                await bot.process.stop(signal.SIGTERM)
            await bot.process.close()

    async def _start(self, data_dir: Path, number: str, arguments: Sequence[str]) -> FaultedBot:
        process = await BotProcess.start(
            "run",
            "--sandbox",
            self.sandbox.directory,
            "--data-dir",
            data_dir,
            "--handlers",
            Path(echo_bot.__file__),
            *arguments,
            environment=SETTINGS,
        )
        bot = FaultedBot(process, data_dir, number)
        self._bots.append(bot)
        return bot

    async def _welcome(self, bot: FaultedBot) -> None:
        """Wait until a bot listens, and talk to it; what the first healthy one holds is kept in mind."""
        await bot.listens()
        await bot.until(lambda: bot.is_up)
        assert await self.is_answered(bot)
        if self._healthy is None:
            await asyncio.sleep(_QUIET_AFTER_S)
            self._healthy = bot.size()


@asynccontextmanager
async def fault_world(place: Path) -> AsyncIterator[FaultWorld]:
    """Yield a world in a directory; at its end no process of it is left."""
    async with Sandbox(place) as sandbox, sandbox.contact(_FRIEND, "Ann") as friend:
        world = FaultWorld(sandbox, friend)
        try:
            yield world
        finally:
            await world.end()
        assert world.engines_astray() == []


def _engines_of(root: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("LINDA_SANDBOX_ROOT") == root:
                found.append(process)
        except psutil.Error:
            continue
    return found
