"""People who write to the bot all the time, and what became of every message of theirs."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import NamedTuple

from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.guard import set_guard
from linda_bot.whatsapp.port import ClientError
from tests.support.streams import Unanswered, look_up

_TASKS = "tasks "
_AGAIN_S = 0.3


class Fates(NamedTuple):
    """What became of the messages of some time."""

    sent: int
    answered: int
    unanswered: Unanswered


class Friends:
    """Some people; they write each a text that nobody has written before."""

    def __init__(self, sandbox: Sandbox, bot: str, numbers: tuple[str, ...]) -> None:
        self._sandbox = sandbox
        self._bot = bot
        self._numbers = numbers
        self._contacts: dict[str, Contact] = {}
        self._stacks: dict[str, AsyncExitStack] = {}
        self._answers: Counter[str] = Counter()
        self._ids: dict[str, str] = {}
        self._foreign: list[str] = []
        self._dropped = self._dropped_told = 0
        self._tasks_told: asyncio.Queue[int] = asyncio.Queue()
        self._writing: list[asyncio.Task[None]] = []
        self._reading: dict[str, asyncio.Task[None]] = {}

    async def open(self) -> None:
        """Link everybody, or see to it that everybody is there again."""
        for number in self._numbers:
            if number in self._contacts and self._contacts[number].online:
                continue
            if number in self._contacts:
                await self._close(number)
            stack = AsyncExitStack()
            contact = await stack.enter_async_context(self._sandbox.contact(number))
            # Their libraries must reuse no counters: what is lost is to be the bot's.
            await asyncio.to_thread(set_guard, self._sandbox.directory / "contacts" / number / "contact.db")
            self._contacts[number], self._stacks[number] = contact, stack
            self._reading[number] = spawn_task(self._read(contact), name=f"friend {number} reads")

    async def close(self) -> None:
        """Let everybody go."""
        await self.fall_silent()
        for number in tuple(self._contacts):
            await self._close(number)

    def write(self, label: str, *, a_second: float) -> None:
        """Have everybody write, so many messages a second together, until they fall silent."""
        each = a_second / len(self._contacts)
        self._writing = [
            spawn_task(self._write(f"{label}-{place}", contact, each), name=f"friend {place} writes")
            for place, contact in enumerate(self._contacts.values())
        ]

    async def flood(self, label: str, count: int) -> None:
        """Have one of them write so many messages as fast as it can."""
        contact = next(iter(self._contacts.values()))
        for number in range(count):
            await self._send(contact, f"{label}-{number}")

    async def fall_silent(self) -> None:
        """Have nobody write any more."""
        for task in self._writing:
            task.cancel()
        await asyncio.gather(*self._writing, return_exceptions=True)
        self._writing = []

    async def say(self, text: str) -> bool:
        """Have somebody write one text; return whether it was written for sure."""
        return await self._send(next(iter(self._contacts.values())), text)

    async def tasks(self, *, within_s: float) -> int:
        """Ask the bot how many tasks it has; raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not await self._is_sent(next(iter(self._contacts.values())), "!tasks"):
                await asyncio.sleep(_AGAIN_S)
            return await self._tasks_told.get()

    def is_answered(self, text: str) -> bool:
        """Return whether the answer to a text has come."""
        return text in self._answers

    @property
    def waiting(self) -> int:
        """How many messages have no answer yet."""
        return sum(text not in self._answers for text in self._ids)

    @property
    def heard(self) -> int:
        """How many answers have come in all."""
        return self._answers.total()

    def take_doubled(self) -> list[str]:
        """Return the texts that were answered more than once, and answers to nothing, since the last time."""
        found = [text for text, count in self._answers.items() if count > 1] + self._foreign
        self._answers = Counter(dict.fromkeys(self._answers, 1))
        self._foreign = []
        return found

    def take_dropped(self) -> int:
        """Return how many answers their libraries have dropped since the last time, for a counter used before.

        Also copies of answers that they have: WhatsApp delivers anew what a lost line has left in doubt.
        """
        total = self._dropped + sum(contact.dropped_old_counter for contact in self._contacts.values())
        found, self._dropped_told = total - self._dropped_told, total
        return found

    def take_stock(self, mailbox: Path) -> Fates:
        """Look up what became of each message since the last time; it is done with then."""
        waiting = {text: self._ids[text] for text in self._ids.keys() - self._answers.keys()}
        fates = Fates(len(self._ids), len(self._ids) - len(waiting), look_up(mailbox, waiting))
        self._ids.clear()
        return fates

    async def _write(self, label: str, contact: Contact, a_second: float) -> None:
        moments, number = Random(label), 0
        while True:
            await self._send(contact, f"{label}-{number}")
            number += 1
            await asyncio.sleep(moments.uniform(0.2, 1.8) / a_second)

    async def _send(self, contact: Contact, text: str) -> bool:
        """Write a text; one that may have been written or not is nobody's to answer for."""
        try:
            self._ids[text] = (await contact.send(self._bot, text)).id
        except ClientError:
            await asyncio.sleep(_AGAIN_S)
            return False
        return True

    async def _is_sent(self, contact: Contact, text: str) -> bool:
        try:
            await contact.send(self._bot, text)
        except ClientError:
            return False
        return True

    async def _read(self, contact: Contact) -> None:
        while True:
            text = (await contact.next_message(within_s=1e8)).text
            if text.startswith(_TASKS):
                self._tasks_told.put_nowait(int(text.removeprefix(_TASKS)))
            elif text.startswith("re "):
                self._answers[text.removeprefix("re ")] += 1
            else:
                self._foreign.append(text)

    async def _close(self, number: str) -> None:
        task = self._reading.pop(number)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._dropped += self._contacts.pop(number).dropped_old_counter
        await self._stacks.pop(number).aclose()
