"""A supervisor that starts a crashing bot again and again: one pairing, and no flood of logins."""

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot

pytestmark = pytest.mark.slow

PUT_OFF = "There were many logins lately"
AT_ONCE, SPACING = 3, 3.0
MANNERS = {"LINDA_RECONNECT__LOGINS_AT_ONCE": str(AT_ONCE), "LINDA_RECONNECT__LOGIN_SPACING": str(SPACING)}
LATE_BY_S = 1.0
"""How much later than noted a login may reach the server: the time in which an engine loads."""


def logins(sandbox: Sandbox) -> list[float]:
    """Return when the server has seen the bot log in."""
    return [note.at for note in sandbox.notes if note.what == "login" and note.facts["number"] == BOT]


def assert_no_flood(times: Sequence[float]) -> None:
    """However long one looks, there are no more logins than some at once and one a spacing."""
    for first, begin in enumerate(times):
        for last, end in enumerate(times[first:], start=1):
            assert last <= AT_ONCE + (end - begin + LATE_BY_S) / SPACING + 1e-6, times


def recent_logins(sandbox: Sandbox) -> Path:
    """Return where the bot keeps in mind when it has logged in."""
    return sandbox.directory / "bot" / "sessions" / "session-default" / "recent-logins"


async def kill_at(bot: BotProcess, moment: str, chance: random.Random) -> None:
    """Kill a bot before its login, in the middle of it, or after."""
    if moment == "early":
        await asyncio.sleep(chance.uniform(0, 0.25))
    elif moment == "login":
        await bot.wait_for("Existing session found")
        await asyncio.sleep(chance.uniform(0, 0.15))
    else:
        await bot.ready()
    await bot.stop(signal.SIGKILL if chance.random() < 0.7 else signal.SIGTERM)


async def test_twenty_crashes(sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess, friend: Contact) -> None:
    """At any moment, by kill -9 or SIGTERM: the server sees no flood, the bot says why it waits, and comes back."""
    chance = random.Random(5)
    await linked_bot.stop(signal.SIGKILL)
    runs = []
    for number in range(20):
        bot = await start_bot(**MANNERS)
        runs.append(bot)
        await kill_at(bot, ("up", "login", "login", "early", "login")[number % 5], chance)
    bot = await start_bot(**MANNERS)
    await bot.ready()

    assert (await friend.ask(BOT, "!ping")).text == "pong"
    assert_no_flood(logins(sandbox))
    assert any(PUT_OFF in run.screen for run in runs)
    assert len(logins(sandbox)) > 5, "too few to say anything"
    assert sandbox.phone(BOT).pairings == 1
    assert not any("█" in run.screen for run in runs)


@pytest.mark.rare
async def test_the_first_fifteen_do_not_wait(sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess) -> None:
    """With the settings that everybody has; then the wait is told, and a signal ends it at once."""
    await linked_bot.stop(signal.SIGKILL)
    for _ in range(14):  # linking was the first
        bot = await start_bot()
        assert await bot.ready() < 5
        assert PUT_OFF not in bot.screen
        await bot.stop(signal.SIGKILL)
    bot = await start_bot()
    await bot.wait_for(PUT_OFF)
    seen = len(logins(sandbox))
    await asyncio.sleep(0.5)
    before = time.monotonic()

    assert await bot.stop() == ExitCode.OK
    assert time.monotonic() - before < 2
    assert len(logins(sandbox)) == seen
    line = next(line for line in bot.lines if PUT_OFF in line)
    seconds = float(line.split("the next waits ")[1].split(" s,")[0])
    assert 1 <= seconds <= 20


async def test_starts_that_never_log_in_cost_nothing(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess
) -> None:
    """Whoever is killed while waiting has not logged in: the waits of those that follow do not add up."""
    await linked_bot.stop(signal.SIGKILL)
    rare = {"LINDA_RECONNECT__LOGINS_AT_ONCE": "1", "LINDA_RECONNECT__LOGIN_SPACING": "3"}
    for _ in range(4):
        bot = await start_bot(**rare)
        await bot.wait_for(PUT_OFF)
        await bot.stop(signal.SIGKILL)
    bot = await start_bot(**rare)
    await bot.ready()
    await bot.stop(signal.SIGKILL)
    bot = await start_bot(**rare)

    assert await bot.ready() < 6
    assert PUT_OFF in bot.screen


@pytest.mark.parametrize("ahead_s", [3600, 10 * 365 * 86400])
async def test_a_clock_that_was_set_back(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess, ahead_s: float
) -> None:
    """Logins of the future put nothing off."""
    await linked_bot.stop()
    future = [time.time() + ahead_s + place for place in range(60)]
    recent_logins(sandbox).write_text("".join(f"{moment:.3f}\n" for moment in future))
    bot = await start_bot()
    await bot.ready()

    assert PUT_OFF not in bot.screen
