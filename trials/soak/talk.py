"""Friends who write at a steady rate, how long they wait for each answer, and what became of every message."""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.whatsapp.port import ClientError
from tests.support.streams import BOT, Stream, friends

_ASK = "!tasks"
_AGAIN_AFTER_S = 0.5


class Talk(Stream):
    """Friends who go on talking for days."""

    def __init__(self, sandbox: Sandbox, contacts: list[Contact]) -> None:
        super().__init__(sandbox, contacts)
        self.tasks: int | None = None
        """How many asyncio tasks the daemon has, as it has said last."""
        self._sent_at: dict[str, float] = {}
        self._waits: list[float] = []
        self._in_doubt: set[str] = set()
        self._asking = False

    @property
    def sent(self) -> int:
        """How many messages the server has taken."""
        return len(self._ids)

    @property
    def answered(self) -> int:
        """How many of them have an answer."""
        return len(self.answers)

    def ask_for_tasks(self) -> None:
        """Have the next message be the question how many tasks there are."""
        self._asking = True

    def take_waits(self) -> tuple[float | None, float | None]:
        """Return the median and the longest wait for an answer since the last time, in seconds; None for none."""
        waits, self._waits = self._waits, []
        return (statistics.median(waits), max(waits)) if waits else (None, None)

    async def write(self, name: str, contact: Contact, *, a_second: float) -> None:
        """Write until told to stop; what the server may not have taken is not counted."""
        moments, number = random.Random(name), 0
        while self._writing:
            if self._asking:
                self._asking, text = False, _ASK
            else:
                text, number = f"{name}-{number}", number + 1
            await self._say(contact, text)
            await asyncio.sleep(moments.uniform(0.5, 1.5) / a_second)

    async def read(self, contact: Contact) -> None:
        """Count what comes back."""
        while True:
            self._hear((await contact.next_message(within_s=30 * 86400)).text)

    async def _say(self, contact: Contact, text: str) -> None:
        self._sent_at[text] = time.monotonic()
        try:
            sent = await contact.send(BOT, text)
        except ClientError:
            self._in_doubt.add(text)
            self._sent_at.pop(text, None)
            await asyncio.sleep(_AGAIN_AFTER_S)
            return
        if text != _ASK:
            self._ids[text] = sent.id

    def _hear(self, text: str) -> None:
        if text.isdecimal():
            self.tasks = int(text)
            return
        if text in self._in_doubt:
            return
        self.answers[text] += 1
        sent_at = self._sent_at.pop(text, None)
        if sent_at is not None:
            self._waits.append(time.monotonic() - sent_at)


@asynccontextmanager
async def talking(sandbox: Sandbox, *, a_second: float) -> AsyncIterator[Talk]:
    """Have three friends write so many messages a second together, until the end of the block."""
    async with friends(sandbox) as contacts:
        talk = Talk(sandbox, contacts)
        each = a_second / len(contacts)
        writing = [
            spawn_task(talk.write(str(number), contact, a_second=each), name=f"friend {number} writes")
            for number, contact in enumerate(contacts)
        ]
        reading = [
            spawn_task(talk.read(contact), name=f"friend {number} reads") for number, contact in enumerate(contacts)
        ]
        try:
            yield talk
        finally:
            talk.stop()
            await asyncio.gather(*writing, return_exceptions=True)
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
