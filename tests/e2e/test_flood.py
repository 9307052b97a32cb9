"""Messages that pile up on the server while the bot is down: all of them, in order, and in bounded memory.

`--flood N` is how many; the figures of each run are among the properties of the report.
"""

import asyncio
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot
from tests.support.streams import IN_A_HURRY, friends, mailbox_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MOST_MORE_MB = 100
"""Above what it has when idle, daemon and engine each."""
LIBRARYS_QUEUE = 2048
"""More than that at once, and whatsmeow says itself that "message ordering is no longer guaranteed"."""
MOST_DISPLACED = 200
HANDLERS = """
from pathlib import Path
from linda_bot import Router

router = Router()
notes = Path({notes!r}).open("a", buffering=1)


@router.message()
async def note(message):
    notes.write(f"{{message.sender_number}} {{message.text}}\\n")
    if {answers}:
        await message.reply("re " + message.text)
"""


class Watch:
    """Looks at the memory of a bot's processes until it is closed."""

    def __init__(self, bot: BotProcess) -> None:
        self._daemon = psutil.Process(bot.pid)
        self._task = asyncio.create_task(self._look(), name="memory")
        self.most: dict[str, float] = {}
        self.cpu_s: dict[str, float] = {}

    async def _look(self) -> None:
        while True:
            for name, process in (("daemon", self._daemon), *(("engine", each) for each in self._daemon.children())):
                if name == "engine" and "engine" not in " ".join(process.cmdline()):
                    continue
                self.most[name] = max(self.most.get(name, 0), process.memory_info().rss / 1e6)
                self.cpu_s[name] = sum(process.cpu_times()[:2])
            await asyncio.sleep(0.1)

    def close(self) -> None:
        """Look no more; raises what went wrong."""
        if self._task.done():
            self._task.result()
        self._task.cancel()


async def idle_memory(bot: BotProcess, notes: Path, contacts: Sequence[Contact]) -> dict[str, float]:
    """Return what a bot has that has heard everybody once and has nothing more to do."""
    for contact in contacts:
        await contact.send(BOT, "0")
    while _lines(notes) < len(contacts):
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    watch = Watch(bot)
    await asyncio.sleep(1)
    watch.close()
    return watch.most


async def pile_up(contacts: Sequence[Contact], count: int) -> None:
    """Have everybody write, side by side."""

    async def write(contact: Contact) -> None:
        for number in range(count // len(contacts)):
            await contact.send(BOT, f"{number}")

    await asyncio.gather(*(write(contact) for contact in contacts))


def in_order(lines: Sequence[str], contacts: Sequence[Contact], each: int) -> int:
    """Everything once; return how far any message was from its place in its chat."""
    found: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        sender, _, text = line.partition(" ")
        found[sender].append(int(text))
    assert found.keys() == {contact.number for contact in contacts}
    for numbers in found.values():
        assert sorted(numbers) == list(range(each))
    return max(abs(number - place) for numbers in found.values() for place, number in enumerate(numbers))


@pytest.mark.parametrize("answers", [pytest.param(False, marks=pytest.mark.rare), True], ids=["heard", "answered"])
async def test_a_flood_waits_before_the_start(
    sandbox: Sandbox,
    start_bot: StartBot,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
    *,
    answers: bool,
) -> None:
    """Three contacts; the bot was linked before."""
    count = int(pytestconfig.getoption("--flood"))
    notes, handlers = tmp_path / "notes.txt", tmp_path / "handlers.py"
    handlers.write_text(HANDLERS.format(notes=str(notes), answers=answers))
    bot = await start_bot("--handlers", handlers, **IN_A_HURRY)
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    async with friends(sandbox) as contacts:
        idle = await idle_memory(bot, notes, contacts)
        await bot.stop()
        notes.unlink()
        for contact in contacts:
            contact.received()

        began = time.monotonic()
        await pile_up(contacts, count)
        record_property("written in s", round(time.monotonic() - began, 1))
        each = count // len(contacts)
        assert sandbox.queued(BOT) == each * len(contacts)

        began, sandbox_cpu_s = time.monotonic(), time.process_time()
        bot = await start_bot("--handlers", handlers, **IN_A_HURRY)
        await bot.ready()
        watch = Watch(bot)
        taken_after = 0.0
        got = 0
        while got < each * len(contacts) or _lines(notes) < each * len(contacts):
            if not taken_after and _written(sandbox) >= each * len(contacts) + len(contacts):
                taken_after = time.monotonic() - began
            got = sum(len(contact.received()) for contact in contacts) + got if answers else each * len(contacts)
            await asyncio.sleep(0.25)
        took = time.monotonic() - began
        watch.close()
        sandbox_cpu_s = time.process_time() - sandbox_cpu_s
        dropped = sum(contact.dropped_old_counter for contact in contacts)

    more = {name: round(watch.most[name] - idle[name], 1) for name in ("daemon", "engine")}
    record_property("taken after s", round(taken_after, 1))
    record_property("done after s", round(took, 1))
    record_property("idle MB", {name: round(size, 1) for name, size in idle.items()})
    record_property("more MB", more)
    watch.cpu_s["sandbox"] = sandbox_cpu_s
    record_property("CPU s", {name: round(seconds, 1) for name, seconds in watch.cpu_s.items()})
    displaced = in_order(notes.read_text().splitlines(), contacts, each)
    record_property("displaced", displaced)
    assert displaced == 0 if count <= LIBRARYS_QUEUE else displaced < MOST_DISPLACED
    assert dropped == 0
    assert max(more.values()) < MOST_MORE_MB


def _written(sandbox: Sandbox) -> int:
    with closing(sqlite3.connect(mailbox_of(sandbox))) as database:
        return int(database.execute("SELECT count(*) FROM inbox").fetchone()[0])


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0
