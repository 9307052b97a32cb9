"""One incident is one alert and, when it is over, one notice; on the screen and in the log."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot
from tests.support.commands import run_command

pytestmark = pytest.mark.slow

SOON = {"LINDA_ALERT__AFTER": "1", "LINDA_ALERT__CLEAR_AFTER": "1", "LINDA_RECONNECT__DELAYS": "[0.3]"}
RAISED, CLEARED = "alert_raised", "alert_cleared"
WHAT_TO_DO, WELL = "What to do: ", "All is well again after "


async def start_linked(sandbox: Sandbox, start_bot: StartBot, **settings: str) -> BotProcess:
    """Link a bot whose alerts come soon."""
    bot = await start_bot(**{**SOON, **settings})
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    return bot


def alerts(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Return the alerts in the log, oldest first."""
    lines = (sandbox.directory / "bot" / "logs" / "events.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] in (RAISED, CLEARED)]


async def assert_one(sandbox: Sandbox, bot: BotProcess, *kinds: str) -> None:
    """Make sure that there was one incident of these kinds, each graver than the last, and that it is over."""
    await bot.wait_for(WELL)
    await asyncio.sleep(1)  # nothing may follow
    assert await bot.stop() == ExitCode.OK
    told = alerts(sandbox)

    assert [(line["event"], line["kind"]) for line in told] == [(RAISED, kind) for kind in kinds] + [
        (CLEARED, kinds[-1])
    ]
    assert all(line["category"] == "health" for line in told)
    assert [line["level"] for line in told] == ["warning"] * len(kinds) + ["info"]
    assert sum(WHAT_TO_DO in line for line in bot.lines) == len(kinds)
    assert sum(WELL in line for line in bot.lines) == 1


async def test_an_outage_that_lasts(sandbox: Sandbox, start_bot: StartBot) -> None:
    """Told when it has lasted, once, however many attempts fail."""
    bot = await start_linked(sandbox, start_bot, LINDA_RECONNECT__GRACE="0.3")
    sandbox.front.refuse = True
    sandbox.drop(BOT)
    await bot.wait_for(WHAT_TO_DO)
    await bot.wait_for("attempt 5 of 10")
    sandbox.front.refuse = False
    await bot.wait_for("listening for messages", times=2)

    await assert_one(sandbox, bot, "down")
    assert "network" in next(line for line in bot.lines if WHAT_TO_DO in line)


async def test_an_outage_until_the_circuit_opens(sandbox: Sandbox, start_bot: StartBot) -> None:
    """Told at once then, though the outage is young; the attempts that follow are the same incident."""
    settings = {"LINDA_ALERT__AFTER": "30", "LINDA_RECONNECT__MAX_ATTEMPTS": "1", "LINDA_RECONNECT__COOL_DOWN": "1"}
    bot = await start_linked(sandbox, start_bot, LINDA_RECONNECT__GRACE="0.3", **settings)
    sandbox.front.refuse = True
    sandbox.drop(BOT)
    await bot.wait_for("Too many attempts have failed", times=2)
    sandbox.front.refuse = False
    await bot.wait_for("listening for messages", times=2)

    await assert_one(sandbox, bot, "down")


async def test_a_short_drop_is_no_incident(sandbox: Sandbox, start_bot: StartBot) -> None:
    """Neither a line that is cut nor an engine that dies is worth an alert, if the link is back in time."""
    bot = await start_linked(sandbox, start_bot, LINDA_ALERT__AFTER="3")
    for number in range(3):
        sandbox.drop(BOT)
        await bot.wait_for("Connected again", times=number + 1)
    await bot.stop(signal.SIGTERM)

    assert alerts(sandbox) == []
    assert WHAT_TO_DO not in bot.screen
    assert WELL not in bot.screen


async def test_a_ban(sandbox: Sandbox, start_bot: StartBot) -> None:
    """Told once, with what to do; it lasts for a minute at least, longer than this test."""
    bot = await start_linked(sandbox, start_bot)
    sandbox.fail_next_login(402, number=BOT, expire="3")
    sandbox.drop(BOT)
    await bot.wait_for(WHAT_TO_DO)
    await asyncio.sleep(1)
    assert await bot.stop() == ExitCode.OK

    assert [(line["event"], line["kind"]) for line in alerts(sandbox)] == [(RAISED, "banned")]
    assert sum(WHAT_TO_DO in line for line in bot.lines) == 1
    assert "has banned this account for 3 s" in bot.screen
    assert WELL not in bot.screen


async def test_a_client_that_is_outdated(sandbox: Sandbox, start_bot: StartBot) -> None:
    """Told, and over when a person's request finds that it is accepted again."""
    bot = await start_linked(sandbox, start_bot)
    sandbox.fail_next_login(405, number=BOT)
    sandbox.drop(BOT)
    await bot.wait_for("pip install --upgrade neonize")
    await bot.wait_for("Next try in 1 hour")
    ran = await run_command("reconnect", "--data-dir", sandbox.directory / "bot")

    assert ran.code == ExitCode.OK
    await assert_one(sandbox, bot, "outdated")


async def test_a_device_that_was_removed(sandbox: Sandbox, start_bot: StartBot) -> None:
    """Told, and over when it is linked anew."""
    bot = await start_linked(sandbox, start_bot)
    await sandbox.remove_device(BOT)
    await bot.wait_for("Waiting for the scan", times=2)
    await sandbox.phone(BOT).scan(await bot.qr_text())

    await assert_one(sandbox, bot, "logged_out")


@pytest.mark.parametrize("with_backup", [True, False])
async def test_a_store_that_is_damaged(sandbox: Sandbox, start_bot: StartBot, *, with_backup: bool) -> None:
    """Told, whether a backup took its place or it must be linked anew."""
    bot = await start_linked(sandbox, start_bot, LINDA_BACKUP__AFTER_STABLE="0.2" if with_backup else "600")
    if with_backup:
        await bot.wait_for("Backup backup-default-001 made")
    await bot.stop(signal.SIGKILL)
    _spoil(sandbox.directory / "bot" / "sessions" / "session-default")
    bot = await start_bot(**SOON)
    if not with_backup:
        await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()

    await assert_one(sandbox, bot, "session_damaged" if with_backup else "session_lost")


def _spoil(session: Path) -> None:
    for side in ("session.db-wal", "session.db-shm"):
        (session / side).unlink(missing_ok=True)
    (session / "session.db").write_bytes(b"this was a session once" * 100)
