"""A server, contacts who write, and the programs that answer: what measurements of answers have in common."""

import asyncio
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.programs import BOT, FRIEND, Bare, Linda, Program, link, store_of
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.guard import set_guard

CONTACTS = [str(int(FRIEND) + number) for number in range(6)]
LINDA, BARE, BARE_WAL = "linda-bot", "bare", "bare-wal"
PROGRAMS = (LINDA, BARE, BARE_WAL)
QUIET_S = 2.0
"""How long nothing may come before it counts as over."""
CRASH_AFTER_S = 0.4


class Load(NamedTuple):
    """How the contacts write."""

    title: str
    messages: int
    """From each contact."""
    contacts: int = 1
    rate: float = 0.0
    """Messages a second from each contact, at random moments; 0 for as fast as they can."""
    longest_wait_s: float = 0.0
    """Up to how long the handler takes for an answer."""
    slow_disk: bool = False
    after_crash: bool = False
    """Whether what speaks to WhatsApp was killed in an earlier burst."""
    held: bool = True
    """Whether the contacts get the answers only once all are there: what loses most, for no answer turns a ratchet."""

    @property
    def sent(self) -> int:
        """How many messages there are in all."""
        return self.messages * self.contacts


class Outcome(NamedTuple):
    """What became of the messages of one run."""

    sent: int
    answered: int
    """How many different answers the contacts got."""
    dropped: int
    """How many they dropped because their counter was used before."""
    doubled: int
    seconds: float
    """From the first message that the server took until the last answer that it took."""
    delays: Sequence[float]
    caught: int
    """How often the guard kept a counter from going back."""

    @property
    def arrive_per_s(self) -> float:
        """How many answers arrive in a second."""
        return self.answered / self.seconds if self.seconds else 0.0

    def record(self) -> dict[str, object]:
        """Return it for the JSON file."""
        return {**self._asdict(), "delays": [round(each, 4) for each in self.delays], "arrive_per_s": self.arrive_per_s}


class World:
    """A server, its contacts, and what they write to."""

    def __init__(
        self, sandbox: Sandbox, contacts: Sequence[Contact], slow_disk: Mapping[str, str], *, quiet_s: float = QUIET_S
    ) -> None:
        self.sandbox = sandbox
        self.contacts = contacts
        self.slow_disk = slow_disk
        """What must be in the environment for a slow disk; nothing where that cannot be had."""
        self._quiet_s = quiet_s

    def program(self, name: str, load: Load) -> Program:
        """Return one of those that are compared."""
        environment = self.slow_disk if load.slow_disk else {}
        if name == LINDA:
            return Linda(self.sandbox, longest_wait_s=load.longest_wait_s, environment=environment)
        wal = name == BARE_WAL
        return Bare(self.sandbox, longest_wait_s=load.longest_wait_s, wal=wal, environment=environment)

    async def run(self, name: str, load: Load) -> Outcome:
        """Have a program answer the messages of a load."""
        program = self.program(name, load)
        await program.start()
        try:
            for contact in self.contacts[: load.contacts]:
                await contact.ask(BOT, "hello")
            if load.after_crash:
                await self._crash_in_a_burst(program)
            return await self._measure(load)
        finally:
            await program.stop()

    async def one_at_a_time(self, name: str, messages: int) -> list[float]:
        """Return how long each answer takes, when each message is sent after the last was answered."""
        program = self.program(name, Load("one at a time", messages))
        await program.start()
        contact = self.contacts[0]
        try:
            for _ in range(5):
                await contact.ask(BOT, "hello")
            took = []
            for number in range(messages):
                began = time.perf_counter()
                await contact.ask(BOT, f"{number}")
                took.append(time.perf_counter() - began)
            return took
        finally:
            await program.stop()

    async def _crash_in_a_burst(self, program: Program) -> None:
        async with self.sandbox.holding(FRIEND):
            writing = spawn_task(self._write(self.contacts[0], Load("", 150), "before"), name="burst before the crash")
            await asyncio.sleep(CRASH_AFTER_S)
            await program.crash()
            await writing
            await self._until_quiet()
        await asyncio.sleep(QUIET_S)
        self.contacts[0].received()

    async def _measure(self, load: Load) -> Outcome:
        contacts = self.contacts[: load.contacts]
        dropped, caught = sum(each.dropped_old_counter for each in contacts), self._caught()
        self.sandbox.notes.clear()
        async with AsyncExitStack() as held:
            for contact in contacts if load.held else []:
                await held.enter_async_context(self.sandbox.holding(contact.number))
            await asyncio.gather(*(self._write(contact, load, contact.number[-1]) for contact in contacts))
            await self._until_quiet(patience_s=self._quiet_s + load.longest_wait_s)
            seconds, delays = self._times(contacts)
        answers = [text for contact in contacts for text in await _heard(contact, self._quiet_s / 2)]
        return Outcome(
            load.sent,
            len(set(answers)),
            sum(each.dropped_old_counter for each in contacts) - dropped,
            len(answers) - len(set(answers)),
            seconds,
            delays,
            self._caught() - caught,
        )

    @staticmethod
    async def _write(contact: Contact, load: Load, name: str) -> None:
        began, due = time.monotonic(), 0.0
        for number in range(load.messages):
            if load.rate:
                due += random.expovariate(load.rate)
                await asyncio.sleep(max(due - (time.monotonic() - began), 0))
            await contact.send(BOT, f"{name}-{number}")

    async def _until_quiet(self, *, patience_s: float = QUIET_S) -> None:
        """Wait until no more messages come to the server."""
        before, quiet_since = -1, time.monotonic()
        while time.monotonic() - quiet_since < patience_s:
            if self.sandbox.counts["message"] != before:
                before, quiet_since = self.sandbox.counts["message"], time.monotonic()
            await asyncio.sleep(0.05)

    def _times(self, contacts: Sequence[Contact]) -> tuple[float, list[float]]:
        """Return how long it took in all, and each answer's delay: the first answer belongs to the first message."""
        times: dict[tuple[object, object], list[float]] = defaultdict(list)
        for note in self.sandbox.notes:
            if note.what == "message":
                times[note.facts["sender"], note.facts["to"]].append(note.at)
        asked = [times[contact.number, BOT] for contact in contacts]
        answered = [times[BOT, contact.number] for contact in contacts]
        pairs = [pair for one, other in zip(asked, answered, strict=True) for pair in zip(one, other, strict=False)]
        last = max((each[-1] for each in answered if each), default=0.0)
        return last - min(each[0] for each in asked), [answer - question for question, answer in pairs]

    def _caught(self) -> int:
        with closing(sqlite3.connect(store_of(self.sandbox))) as database:
            found = database.execute("SELECT value FROM linda_bot WHERE name = 'guard_caught'").fetchone()
            return int(found[0]) if found else 0


async def _heard(contact: Contact, quiet_s: float) -> list[str]:
    """Return what a contact has got, once nothing more comes."""
    found = []
    with suppress(TimeoutError):
        while True:
            found.append((await contact.next_message(within_s=quiet_s)).text)
    return found


@asynccontextmanager
async def opened_world(contacts: int, *, quiet_s: float = QUIET_S) -> AsyncIterator[World]:
    """Start a server, link the bot, and have the contacts come online."""
    with tempfile.TemporaryDirectory(prefix="linda-bot-bench-") as directory:
        async with Sandbox(Path(directory) / "sandbox") as sandbox, AsyncExitStack() as closing_:
            await link(sandbox)
            people = []
            for number in CONTACTS[:contacts]:
                people.append(await closing_.enter_async_context(sandbox.contact(number)))
                await asyncio.to_thread(set_guard, sandbox.directory / "contacts" / number / "contact.db")
            yield World(sandbox, people, slow_disk(Path(directory)), quiet_s=quiet_s)


def slow_disk(directory: Path) -> dict[str, str]:
    """Build what makes a process's disk slow; return what must be in its environment, nothing where it cannot be."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        return {}
    library = directory / "slow_disk.so"
    source = Path(__file__).with_name("slow_disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}
