"""No answer is lost because of a counter used twice: with the guard, and without it in the careful way.

The answers are held back until all messages are written, so that no answer turns a ratchet: what loses most.
"""

import asyncio
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.guard import look_at_guard
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths
from tests.e2e.conftest import BOT, FRIEND, StartBot
from tests.support.streams import IN_A_HURRY, friends

pytestmark = pytest.mark.slow

BURST = 150
MOST_BURSTS = 6
"""How many it may take until the guard has something to do; one nearly always is enough."""
CAREFUL = "Each answer waits until its contact is quiet"


@pytest.fixture
def paths(sandbox: Sandbox) -> SessionPaths:
    """Where the bot keeps its session."""
    return SessionPaths(sandbox.directory / "bot", DEFAULT_ACCOUNT)


async def burst(sandbox: Sandbox, friend: Contact) -> int:
    """Write a burst and return how many answers come; every one that does not must have been dropped."""
    dropped = friend.dropped_old_counter
    async with sandbox.holding(FRIEND):
        for _ in range(BURST):
            await friend.send(BOT, "!ping")
        async with asyncio.timeout(30):
            while sandbox.queued(FRIEND) < BURST:
                await asyncio.sleep(0.05)
    answers = 0
    while answers + friend.dropped_old_counter - dropped < BURST:
        assert (await friend.next_message(within_s=5)).text == "pong"
        answers += 1
    return answers


def change(store: Path, statement: str, *values: object) -> None:
    """Do something to a store, also while an engine has it open."""
    with closing(sqlite3.connect(store, timeout=10)) as database, database:
        database.execute(statement, values)


async def test_a_burst_loses_nothing(
    sandbox: Sandbox, linked_bot: BotProcess, paths: SessionPaths, friend: Contact
) -> None:
    """And the guard had something to do: without it those answers were lost."""
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    for _ in range(MOST_BURSTS):
        assert await burst(sandbox, friend) == BURST
        if look_at_guard(paths.store).caught:
            break

    found = look_at_guard(paths.store)
    assert found.active
    assert found.caught > 0
    assert f"guard on, {found.caught} lost answers prevented" in (await friend.ask(BOT, "!status")).text
    assert CAREFUL not in linked_bot.screen
    await linked_bot.stop()
    log = (sandbox.directory / "bot" / "logs" / "events.jsonl").read_text()
    assert '"roll_backs_caught"' in log
    assert '"guard_set"' in log


async def test_the_guard_survives_the_death_of_both(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess, paths: SessionPaths
) -> None:
    """Killed in a burst: trigger and store are whole, and after the start nothing is lost."""
    async with friends(sandbox, (FRIEND,)) as (friend,):
        assert (await friend.ask(BOT, "!ping")).text == "pong"
        writing = asyncio.create_task(_write_on(friend))
        await asyncio.sleep(0.4)
        engines = [child.pid for child in psutil.Process(linked_bot.pid).children()]
        for pid in (linked_bot.pid, *engines):
            os.kill(pid, signal.SIGKILL)
        await linked_bot.exited()
        await writing

        assert look_at_guard(paths.store).active
        with closing(sqlite3.connect(paths.store)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        bot = await start_bot(**IN_A_HURRY)
        await bot.ready()
        await _until_quiet(friend)
        assert friend.dropped_old_counter == 0
        assert await burst(sandbox, friend) == BURST


async def test_the_guard_survives_the_death_of_the_engine(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess, paths: SessionPaths
) -> None:
    """Killed in the middle of a burst, three times: the next engine is guarded, too, and nothing is dropped."""
    await linked_bot.stop()
    bot = await start_bot(**IN_A_HURRY)
    await bot.ready()
    async with friends(sandbox, (FRIEND,)) as (friend,):
        assert (await friend.ask(BOT, "!ping")).text == "pong"
        for times in range(2, 5):
            writing = asyncio.create_task(_write_on(friend))
            await asyncio.sleep(0.3)
            for engine in psutil.Process(bot.pid).children():
                engine.kill()
            await bot.wait_for("listening for messages", times=times)
            await writing
        await _until_quiet(friend)
        assert await burst(sandbox, friend) == BURST
        assert friend.dropped_old_counter == 0
    assert look_at_guard(paths.store).active


async def test_a_store_with_records_of_another_form(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess, paths: SessionPaths, friend: Contact
) -> None:
    """It is said on the screen, in the log and in the status; answers wait for a quiet moment, and none is lost."""
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    await linked_bot.stop()
    another_form = b"\x0a\x05\x08\x03\x12\x01\xff"
    change(
        paths.store,
        "INSERT INTO whatsmeow_sessions SELECT jid, '999_1:0', ? FROM whatsmeow_device",
        another_form,
    )
    bot = await start_bot()
    await bot.ready()
    await bot.wait_for(CAREFUL)
    assert "in another form" in bot.screen
    assert "guard off" in (await friend.ask(BOT, "!status")).text

    assert await burst(sandbox, friend) == BURST
    await bot.stop()
    assert '"guard_withdrawn"' in (sandbox.directory / "bot" / "logs" / "events.jsonl").read_text()
    with closing(sqlite3.connect(paths.store)) as database:
        kept = database.execute("SELECT session FROM whatsmeow_sessions WHERE their_id = '999_1:0'").fetchone()
    assert kept[0] == another_form


async def test_without_the_trigger_the_quiet_moment_alone_loses_nothing(
    sandbox: Sandbox, linked_bot: BotProcess, paths: SessionPaths, friend: Contact
) -> None:
    """Somebody takes the trigger away: whoever asks for the status makes it known."""
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    change(paths.store, "DROP TRIGGER linda_bot_guard")
    assert "guard off" in (await friend.ask(BOT, "!status")).text
    await linked_bot.wait_for(CAREFUL)

    assert await burst(sandbox, friend) == BURST
    assert not look_at_guard(paths.store).active, "it was set again meanwhile: this has tested nothing"
    assert look_at_guard(paths.store).caught == 0


async def _write_on(friend: Contact) -> None:
    for _ in range(BURST):
        await friend.send(BOT, "!ping")


async def _until_quiet(friend: Contact) -> None:
    while True:
        try:
            await friend.next_message(within_s=1.5)
        except TimeoutError:
            return
