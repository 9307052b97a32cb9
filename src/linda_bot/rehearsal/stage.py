"""Where it is rehearsed: a sandbox, a friend who writes, and a new bot whenever one is asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from linda_bot.rehearsal.bot import RehearsedBot
from linda_bot.rehearsal.conditions import Conditions
from linda_bot.sandbox import faults
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox

_FRIEND = "4915112345678"
_FIRST_NEWCOMER = 4915112340000
_FIRST_NUMBER = 971505760056


class Stage:
    """Hands out bots; each has an account and a data directory of its own."""

    def __init__(self, sandbox: Sandbox, friend: Contact, conditions: Conditions) -> None:
        self.sandbox = sandbox
        self.conditions = conditions
        self._friend = friend
        self._bots: list[RehearsedBot] = []
        self._numbers = 0
        self._newcomers = 0

    def bot(self, **settings: str) -> RehearsedBot:
        """Return a new bot, which has not been started; settings of this rehearsal win over the user's."""
        place = f"bot-{self._numbers + 1}"
        number = str(_FIRST_NUMBER + self._numbers)
        self._numbers += 1
        bot = RehearsedBot(
            self.sandbox,
            self._friend,
            self.sandbox.directory / "bots" / place,
            number=number,
            ping=self.conditions.ping,
            settings={**self.conditions.environment, **settings},
        )
        self._bots.append(bot)
        return bot

    async def linked_bot(self, **settings: str) -> RehearsedBot:
        """Return a new bot that is linked, listens, and has answered once."""
        bot = self.bot(**settings)
        await bot.link()
        await bot.ping()
        return bot

    @asynccontextmanager
    async def newcomer(self) -> AsyncIterator[Contact]:
        """Yield somebody who has not written to a bot before.

        WhatsApp tells a person's client that the other side has linked another device; the sandbox does not.
        """
        self._newcomers += 1
        async with self.sandbox.contact(str(_FIRST_NEWCOMER + self._newcomers), "Ben") as newcomer:
            yield newcomer

    @property
    def last_words(self) -> list[str]:
        """What the bot that was started last has printed."""
        return next((bot.now.lines for bot in reversed(self._bots) if bot.runs), [])

    @property
    def traceback(self) -> bool:
        """Whether any bot has shown an error that nobody had thought of."""
        return any("Traceback (most recent call last)" in run.screen for bot in self._bots for run in bot.runs)

    async def clear(self) -> None:
        """End all bots and faults, and forget what was said."""
        self.sandbox.front.refuse = self.sandbox.front.black_hole = False
        await faults.clear(self.sandbox)
        for bot in self._bots:
            await bot.close()
        self._bots.clear()
        self._friend.received()


@asynccontextmanager
async def open_stage(directory: Path, conditions: Conditions) -> AsyncIterator[Stage]:
    """Yield a stage in an empty directory; at its end no process is left."""
    async with Sandbox(directory) as sandbox, sandbox.contact(_FRIEND, "Ann") as friend:
        stage = Stage(sandbox, friend, conditions)
        try:
            yield stage
        finally:
            await stage.clear()
