"""Handlers that raise, hang, block, talk without end; and texts that are meant to do harm: the bot lives on."""

import asyncio
import json
import re
import signal
import sqlite3
import time
import unicodedata
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.whatsapp.mailbox import Inbound
from tests.e2e.conftest import BOT, StartBot
from tests.support.streams import FRIENDS, IN_A_HURRY, friends, mailbox_of

pytestmark = pytest.mark.slow

HANDLERS = """
import asyncio
import time
from pathlib import Path
from linda_bot import Router

router = Router()


@router.command("fail")
async def fail(message):
    await message.reply("this is never sent")
    raise ValueError("on purpose")


@router.command("hang")
async def hang(message):
    await asyncio.Event().wait()


@router.command("stubborn")
async def stubborn(message):
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass


@router.command("block")
async def block(message):
    time.sleep(3)
    await message.reply("awake")


@router.command("talk")
async def talk(message):
    for number in range(1000):
        await message.reply(str(number))


@router.command("slow")
async def slow(message):
    with Path({notes!r}).open("a") as notes:
        print("began", file=notes)
    await asyncio.sleep(4)
    await message.reply("done")


@router.command("raise")
async def raise_it(message):
    raise ValueError(message.text)


@router.message()
async def echo(message):
    await message.reply("re " + message.text)
"""
PATIENT = {**IN_A_HURRY, "LINDA_HANDLER__TIMEOUT": "1", "LINDA_HANDLER__TRIES": "2"}


@pytest.fixture
async def people(sandbox: Sandbox) -> AsyncIterator[tuple[Contact, Contact]]:
    """One who has to do with the handler, and one who has not."""
    async with friends(sandbox, FRIENDS[:2]) as (one, other):
        yield one, other


@pytest.fixture
def handlers(tmp_path: Path) -> Path:
    """A bot's file that has them all."""
    file = tmp_path / "misbehave.py"
    file.write_text(HANDLERS.format(notes=str(tmp_path / "notes.txt")))
    return file


async def linked(sandbox: Sandbox, start_bot: StartBot, handlers: Path, **environment: str) -> BotProcess:
    """Start and link a bot with these handlers."""
    bot = await start_bot("--handlers", handlers, **{**IN_A_HURRY, **environment})
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    return bot


def in_state(sandbox: Sandbox, state: Inbound) -> int:
    """Return how many messages are in a state."""
    with closing(sqlite3.connect(mailbox_of(sandbox))) as database:
        return int(database.execute("SELECT count(*) FROM inbox WHERE state = ?", (state,)).fetchone()[0])


@pytest.mark.parametrize("how", ["fail", "hang", pytest.param("stubborn", marks=pytest.mark.rare)])
async def test_a_handler_that_does_not_do_its_work(
    sandbox: Sandbox, start_bot: StartBot, handlers: Path, people: tuple[Contact, Contact], how: str
) -> None:
    """Other chats go on at once; it is tried again, then the message is set aside, and its chat goes on."""
    one, other = people
    bot = await linked(sandbox, start_bot, handlers, **PATIENT)
    await one.send(BOT, f"!{how}")
    await one.send(BOT, "and now?")
    before = time.monotonic()
    for number in range(20):
        assert (await other.ask(BOT, f"{number}")).text == f"re {number}"
    assert time.monotonic() - before < 2

    assert (await one.next_message(within_s=30)).text == "re and now?"
    assert f"The handler {how} failed, tried again in" in bot.screen
    assert "A message was set aside" in bot.screen
    assert (in_state(sandbox, Inbound.SET_ASIDE), in_state(sandbox, Inbound.WAITING)) == (1, 0)
    assert one.received() == []


async def test_a_handler_that_blocks_the_loop_is_named(
    sandbox: Sandbox, start_bot: StartBot, handlers: Path, people: tuple[Contact, Contact]
) -> None:
    """Nothing goes on meanwhile, and nothing is lost; the screen says who it was, and in which line."""
    one, other = people
    bot = await linked(sandbox, start_bot, handlers)
    await one.send(BOT, "!block")
    await asyncio.sleep(0.3)
    for number in range(50):
        await other.send(BOT, f"{number}")
    await bot.wait_for("The handler block blocked the whole bot for")

    assert (await one.next_message()).text == "awake"
    assert [(await other.next_message()).text for _ in range(50)] == [f"re {number}" for number in range(50)]
    (line,) = [line for line in bot.lines if "blocked the whole bot" in line]
    assert "misbehave.py" in line
    place = re.search(r"misbehave\.py:(\d+)", line)
    assert place is not None
    assert "time.sleep" in handlers.read_text().splitlines()[int(place[1]) - 1]
    assert bot.screen.count("Connected again") == 0


async def test_a_handler_that_talks_without_end(
    sandbox: Sandbox, start_bot: StartBot, handlers: Path, people: tuple[Contact, Contact]
) -> None:
    """A thousand answers arrive once and in order; everybody else has an answer in between."""
    one, other = people
    await linked(sandbox, start_bot, handlers)
    await one.send(BOT, "!talk")
    assert (await one.next_message()).text == "0"
    before = time.monotonic()
    for number in range(20):
        assert (await other.ask(BOT, f"{number}")).text == f"re {number}"
    assert time.monotonic() - before < 3

    async with asyncio.timeout(60):
        assert [(await one.next_message()).text for _ in range(999)] == [str(number) for number in range(1, 1000)]
    await asyncio.sleep(0.5)
    assert one.received() == []
    assert one.dropped_old_counter == 0


@pytest.mark.parametrize("ending", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.rare)])
async def test_a_handler_that_is_slow_for_long(
    sandbox: Sandbox,
    start_bot: StartBot,
    handlers: Path,
    people: tuple[Contact, Contact],
    ending: signal.Signals,
) -> None:
    """Others go on; a bot that ends meanwhile handles the message again, and answers it once."""
    one, other = people
    bot = await linked(sandbox, start_bot, handlers)
    await one.send(BOT, "!slow")
    assert (await other.ask(BOT, "hello")).text == "re hello"
    await bot.stop(ending)
    bot = await start_bot("--handlers", handlers, **IN_A_HURRY)

    assert (await other.ask(BOT, "hello")).text == "re hello"
    assert (await one.next_message(within_s=15)).text == "done"
    assert (handlers.parent / "notes.txt").read_text() == "began\n" * 2
    await bot.stop()
    bot = await start_bot("--handlers", handlers, **IN_A_HURRY)
    await bot.ready()
    await asyncio.sleep(1)
    assert one.received() == []


HOSTILE = [
    "\x1b[2J\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://example.invalid\x1b\\link\x1b]8;;\x1b\\",
    "\x1bP+q544e\x1b\\",
    "\x9b31mred",
    "\x9d0;title\x9c",
    "bell\x07 backspace\x08\x08\x08 delete\x7f",
    "one\rtwo\r\nthree\vfour\ffive",
    "\x00",
    "a\x00b",
    "".join(map(chr, range(32))),
    "".join(map(chr, range(127, 160))),
    "\u202egnp.exe",
    "\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
    "line\u2028separator\u2029paragraph\u0085next",
    "\ufeffbom \u200bzero\u200dwidth",
    "\U000e0041\U000e0042 tags",
    "e" + "\u0301" * 500,
    "\u0d9e\u0dca\u200d" * 50,
    "😀" * 1000,
    "\ue000\uf8ff private \ufffe\uffff",
    "x" * 65_500,
    "\n" * 5000,
    "\t" * 5000,
    "%s%n%x %(name)s {0} {name} {self.__class__}",
    "${jndi:ldap://127.0.0.1/a} $(reboot) `reboot`; reboot | cat && true",
    "<script>alert(1)</script><img src=x onerror=alert(1)>&lt;",
    "'; DROP TABLE inbox; --",
    '{"event": "connected", "level": "info"}',
    '"}\n{"event": "forged", "level": "error"}',
    "[bold red]markup[/] [link=http://example.invalid]x[/link]",
    "\\x1b[31m \\u202e \\n",
    "../../../../etc/passwd",
    "@4915112345679 @12345",
    "!raise !fail !unknown",
    " !ping ",
    "!",
    "!!!!",
    "0" * 5000,
    "-1e309 NaN Infinity 0x7fffffffffffffff",
]
"""Terminal escapes, bidirectional controls, separators, long ones, format strings, markup, forged log lines."""


async def test_hostile_texts_leave_screen_and_log_clean(sandbox: Sandbox, start_bot: StartBot, handlers: Path) -> None:
    """Over the wire, from somebody with a hostile name, through a handler that puts them into its error."""
    async with friends(sandbox, FRIENDS[:2]) as (_, usual), sandbox.contact(FRIENDS[2], "\x1b[31mEve\u202e") as eve:
        bot = await linked(sandbox, start_bot, handlers, LINDA_HANDLER__TRIES="1", LINDA_LOG__MASK="false")
        arrived = 0
        for text in HOSTILE:
            await eve.send(BOT, f"!raise {text}")
            await eve.send(BOT, f"text {text}")
            answer = (await eve.next_message()).text
            assert answer.startswith("re text")
            assert answer == f"re text {text}", "it comes back as it was sent"
            arrived += 1
        assert (await usual.ask(BOT, "hello")).text == "re hello"
        assert await bot.stop() == 0

    assert arrived == len(HOSTILE)
    assert in_state(sandbox, Inbound.SET_ASIDE) == len(HOSTILE)
    assert bot.screen.count("A message was set aside") == len(HOSTILE)
    for line in bot.lines:
        assert _harmless(line), f"the screen shows {line[:200]!r}"
    files = (sandbox.directory / "bot" / "logs").glob("events.jsonl*")
    lines = [line for file in files for line in file.read_text().removesuffix("\n").split("\n")]
    for line in lines:
        assert _harmless(line), f"the log has {line[:200]!r}"
        assert json.loads(line)["event"] != "forged"
    assert max(map(len, lines)) < 100_000


def _harmless(line: str) -> bool:
    """Return whether nothing in a line controls a terminal or turns the direction of what follows."""
    return not any(unicodedata.category(character) in ("Cc", "Zl", "Zp") or _turns(character) for character in line)


def _turns(character: str) -> bool:
    return character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
