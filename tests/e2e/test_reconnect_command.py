"""`linda-bot reconnect`: what comes of it in each phase of a bot's life, in words and in its exit code."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.lock import acquire_lock
from linda_bot.sessions.paths import SessionPaths
from tests.e2e.conftest import BOT, StartBot
from tests.e2e.test_renewal import EngineCount
from tests.support.commands import Ran, run_command

pytestmark = pytest.mark.slow

NEVER = "600"


async def reconnect(sandbox: Sandbox, *arguments: str | Path) -> Ran:
    """Ask the sandbox's bot."""
    return await run_command("reconnect", "--data-dir", sandbox.directory / "bot", *arguments)


async def again(start_bot: StartBot, bot: BotProcess, **environment: str) -> BotProcess:
    """Start a linked bot anew with other settings."""
    await bot.stop()
    return await start_bot(**environment)


async def test_a_link_that_is_up_is_renewed(sandbox: Sandbox, linked_bot: BotProcess, friend: Contact) -> None:
    """Every time, by one caller or by two at once, one engine after the other; the bot answers afterwards."""
    count = EngineCount(linked_bot)
    ran = await reconnect(sandbox)
    assert (ran.code, ran.out) == (ExitCode.OK, "")
    assert ran.told.splitlines()[0] == f"Asked the bot (pid {linked_bot.pid}) to reconnect ..."
    assert ran.told.splitlines()[1].startswith("Connected again after ")
    ran = await reconnect(sandbox, "--json")
    assert ran.code == ExitCode.OK
    assert ran.document == {"pid": linked_bot.pid, "connected": True, "states": ["reconnecting", "connected"]}
    for _ in range(2):
        both = await asyncio.gather(reconnect(sandbox, "--json"), reconnect(sandbox, "--json"))
        assert [ran.code for ran in both] == [ExitCode.OK] * 2, both
        assert [ran.document["states"][-1] for ran in both] == ["connected"] * 2
    await linked_bot.wait_for("listening for messages", times=3)
    count.end()

    assert (await friend.ask(BOT, "!ping")).text == "pong"
    assert count.most == 1
    assert sandbox.phone(BOT).pairings == 1
    assert "failed" not in linked_bot.screen


async def test_while_a_login_hangs(sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess) -> None:
    """The attempt under way is left alone; whoever waits long enough has its successor's result."""
    sandbox.front.black_hole = True
    settings = {"LINDA_RESTORE__AUTH_TIMEOUT": "3", "LINDA_RECONNECT__DELAYS": "[0.3]"}
    bot = await again(start_bot, linked_bot, **settings)
    await bot.wait_for("Connecting to WhatsApp")
    ran = await reconnect(sandbox, "--wait", "0.5")
    assert ran.code == ExitCode.UNWELL
    assert ran.told.splitlines()[-1] == (
        "linda-bot: not connected within 0.5 s, the bot goes on trying (now: restoring)"
    )
    waiting = asyncio.create_task(reconnect(sandbox, "--json"))
    await bot.wait_for("an attempt is under way already", times=2)
    sandbox.front.black_hole = False

    ran = await waiting
    assert ran.code == ExitCode.OK
    assert ran.document["states"] == ["restoring", "reconnecting", "connected"]


@pytest.mark.parametrize("phase", ["waiting", "circuit open"])
async def test_a_wait_ends_at_once(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess, friend: Contact, phase: str
) -> None:
    """Whether before the next attempt or because so many have failed."""
    sandbox.front.refuse = True
    settings = {"LINDA_RECONNECT__DELAYS": "[600]"}
    if phase == "circuit open":
        settings = {
            "LINDA_RECONNECT__DELAYS": "[0.1]",
            "LINDA_RECONNECT__MAX_ATTEMPTS": "1",
            "LINDA_RECONNECT__COOL_DOWN": NEVER,
        }
    bot = await again(start_bot, linked_bot, **settings)
    await bot.wait_for("Too many attempts" if phase == "circuit open" else "Next try in")
    sandbox.front.refuse = False
    sandbox.drop(friend.number)  # it has met the refusal, too

    ran = await reconnect(sandbox, "--json")

    assert ran.code == ExitCode.OK
    assert ran.document["states"][-1] == "connected"
    assert ran.told.splitlines()[-1].startswith("Connected again after ")
    await bot.ready()
    assert "Reconnecting now: asked by linda-bot reconnect." in bot.screen
    assert sandbox.phone(BOT).pairings == 1


async def test_a_ban_is_not_cut_short(sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess) -> None:
    """The command says so without waiting, and WhatsApp is not asked."""
    sandbox.fail_next_login(402, number=BOT, expire=NEVER)
    bot = await again(start_bot, linked_bot)
    await bot.wait_for("has banned this account")
    await bot.wait_for("Next try in")
    before, asked_at = sandbox.counts.total(), time.monotonic()

    ran = await reconnect(sandbox, "--json")

    assert ran.code == ExitCode.UNWELL
    assert ran.document == {"pid": bot.pid, "connected": False, "states": ["banned"]}
    assert "WhatsApp has banned the account" in ran.told.splitlines()[-1]
    assert time.monotonic() - asked_at < 4
    await bot.wait_for("Not reconnecting (asked by linda-bot reconnect): a login during a ban may prolong it.")
    await asyncio.sleep(0.5)
    assert sandbox.counts.total() == before


async def test_while_a_code_is_shown(sandbox: Sandbox, start_bot: StartBot) -> None:
    """It stays good, and the command says what the bot waits for."""
    bot = await start_bot()
    code = await bot.qr_text()

    ran = await reconnect(sandbox, "--json")

    assert ran.code == ExitCode.UNWELL
    assert ran.document["states"] == ["linking"]
    assert "it waits to be linked" in ran.told.splitlines()[-1]
    await bot.wait_for("Not reconnecting (asked by linda-bot reconnect): this bot is to be linked first.")
    await sandbox.phone(BOT).scan(code)
    await bot.ready()


async def test_a_wrong_wait(sandbox: Sandbox, linked_bot: BotProcess) -> None:
    """Exit code 2 in one line, and the bot is not asked."""
    for wait in ("nan", "-1", "0", "inf", "1e300", "soon"):
        ran = await reconnect(sandbox, f"--wait={wait}")
        assert (wait, ran.code, len(ran.told.splitlines())) == (wait, ExitCode.USAGE, 1)
        assert "--wait" in ran.told

    assert "econnecting" not in linked_bot.screen


async def test_no_bot_there(sandbox: Sandbox, linked_bot: BotProcess, tmp_path: Path) -> None:
    """Exit code 1 and where it was looked for; neither the bot of another place nor one that has stopped is meant."""
    ran = await run_command("reconnect", "--data-dir", tmp_path / "elsewhere")
    assert (ran.code, len(ran.told.splitlines())) == (ExitCode.UNWELL, 1)
    assert f"no bot runs on the session in {tmp_path / 'elsewhere'}" in ran.told
    assert not (tmp_path / "elsewhere").exists()
    await linked_bot.stop()

    assert (await reconnect(sandbox)).code == ExitCode.UNWELL
    assert "econnecting" not in linked_bot.screen


async def test_a_holder_that_is_no_bot(sandbox: Sandbox, linked_bot: BotProcess) -> None:
    """A command that works on the session is not asked; here that is this very test."""
    await linked_bot.stop()
    lock = await acquire_lock(SessionPaths(sandbox.directory / "bot", "default"))
    try:
        ran = await reconnect(sandbox)
    finally:
        lock.release()

    assert ran.code == ExitCode.UNWELL
    assert f"pid {os.getpid()} holds the session, but is no bot that is up" in ran.told
