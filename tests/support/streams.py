"""Contacts who write all the time, and what became of every message of theirs."""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import NamedTuple

from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.guard import set_guard
from linda_bot.whatsapp.mailbox import Outbound

BOT = "971505760056"
FRIENDS = ("4915112345678", "4915112345679", "4915112345670")
IN_A_HURRY = {
    "LINDA_RECONNECT__LOGIN_SPACING": "0",
    "LINDA_RECONNECT__DELAYS": "[0.1]",
    "LINDA_RECONNECT__MAX_ATTEMPTS": "1000",
    "LINDA_RESTORE__DELAY": "0.1",
}
"""Settings of a bot that comes back at once, however often."""
ECHO = """
from linda_bot import Router

router = Router()


@router.message()
async def echo(message):
    await message.reply("re " + message.text)
"""


class Unanswered(NamedTuple):
    """What became of messages that have no answer."""

    lost: tuple[str, ...]
    """Those that the library has confirmed, while they were never written down."""
    unknown: tuple[str, ...]
    """Those whose answer was just given to the library when its process ended; it may have arrived."""
    unexplained: tuple[str, ...]
    """All others, and why."""


class Tally(NamedTuple):
    """What became of a stream's messages; the fields of `Unanswered` mean what they mean there."""

    sent: int
    answered: int
    doubled: tuple[str, ...]
    """The texts that were answered more than once."""
    lost: tuple[str, ...]
    unknown: tuple[str, ...]
    unexplained: tuple[str, ...]
    dropped: int
    """What the contacts' libraries dropped because its counter was used before."""

    def __str__(self) -> str:
        return (
            f"{self.answered} of {self.sent} answered, {len(self.doubled)} twice, {len(self.lost)} confirmed and never "
            f"written, {len(self.unknown)} unknown, {self.dropped} dropped, unexplained: {self.unexplained}"
        )


class Stream:
    """Some contacts who write fifty messages a second together."""

    def __init__(self, sandbox: Sandbox, contacts: list[Contact]) -> None:
        self.sandbox = sandbox
        self.contacts = contacts
        self.answers: Counter[str] = Counter()
        self._ids: dict[str, str] = {}
        self._writing = True

    async def write(self, name: str, contact: Contact, *, a_second: float) -> None:
        """Write until told to stop."""
        moments, number = random.Random(name), 0
        while self._writing:
            text = f"{name}-{number}"
            number += 1
            self._ids[text] = (await contact.send(BOT, text)).id
            await asyncio.sleep(moments.uniform(0.5, 1.5) / a_second)

    async def read(self, contact: Contact) -> None:
        """Count what comes back."""
        while True:
            text = (await contact.next_message(within_s=3600)).text
            self.answers[text.removeprefix("re ")] += 1

    def stop(self) -> None:
        """Write nothing more."""
        self._writing = False

    async def settled(self, *, quiet_s: float = 3, within_s: float = 60) -> None:
        """Wait until everything has an answer, or nothing has come for a while."""
        async with asyncio.timeout(within_s):
            before, quiet = -1, 0.0
            while quiet < quiet_s:
                await asyncio.sleep(0.1)
                now = self.answers.total()
                quiet, before = (quiet + 0.1 if now == before else 0.0), now
                if len(self.answers) == len(self._ids) and quiet >= 0.5:
                    return

    def tally(self, mailbox: Path) -> Tally:
        """Look up what became of each message."""
        waiting = {text: self._ids[text] for text in self._ids.keys() - self.answers.keys()}
        return Tally(
            len(self._ids),
            len(self.answers),
            tuple(text for text, count in self.answers.items() if count > 1),
            *look_up(mailbox, waiting),
            dropped=sum(contact.dropped_old_counter for contact in self.contacts),
        )


def look_up(mailbox: Path, messages: Mapping[str, str]) -> Unanswered:
    """Look up in a bot's mailbox what became of messages that have no answer, given their ids by their texts."""
    lost, unknown, unexplained = [], [], []
    with closing(sqlite3.connect(f"file:{mailbox}?mode=ro", uri=True)) as database:
        for text, message_id in messages.items():
            match _fate(database, message_id):
                case None:
                    lost.append(text)
                case Outbound.UNKNOWN:
                    unknown.append(text)
                case other:
                    unexplained.append(f"{text} {other}")
    return Unanswered(tuple(lost), tuple(unknown), tuple(unexplained))


def _fate(database: sqlite3.Connection, message_id: str) -> Outbound | str | None:
    """Return what is known of the answer to a message; None when the message was never written down."""
    found = database.execute("SELECT seq, state, error FROM inbox WHERE id = ?", (message_id,)).fetchone()
    if found is None:
        return None
    seq, state, error = found
    answer = database.execute("SELECT state, error FROM outbox WHERE cause = ?", (seq,)).fetchone()
    if answer is None:
        return f"was written down, is in state {state}, and has no answer {error}"
    return Outbound.UNKNOWN if answer[0] == Outbound.UNKNOWN else f"has an answer in state {answer[0]} {answer[1]}"


@asynccontextmanager
async def friends(sandbox: Sandbox, numbers: tuple[str, ...] = FRIENDS) -> AsyncIterator[list[Contact]]:
    """Yield contacts whose own libraries reuse no counters: what is lost is the bot's."""
    async with AsyncExitStack() as stack:
        contacts = []
        for number in numbers:
            contacts.append(await stack.enter_async_context(sandbox.contact(number)))
            await asyncio.to_thread(set_guard, sandbox.directory / "contacts" / number / "contact.db")
        yield contacts


@asynccontextmanager
async def streaming(sandbox: Sandbox, *, a_second: float = 50) -> AsyncIterator[Stream]:
    """Have three contacts write until the end of the block, and read on until they are closed."""
    async with friends(sandbox) as contacts:
        stream = Stream(sandbox, contacts)
        each = a_second / len(contacts)
        writing = [
            spawn_task(stream.write(str(number), contact, a_second=each), name="writing")
            for number, contact in enumerate(contacts)
        ]
        reading = [spawn_task(stream.read(contact), name="reading") for contact in contacts]
        try:
            yield stream
        finally:
            stream.stop()
            await asyncio.gather(*writing)
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)


def echo_handlers(directory: Path) -> Path:
    """Write a bot that says what it hears."""
    file = directory / "echo.py"
    file.write_text(ECHO)
    return file


def mailbox_of(sandbox: Sandbox) -> Path:
    """Return where the sandbox's bot keeps its messages."""
    return sandbox.directory / "bot" / "messages" / "messages-default.db"
