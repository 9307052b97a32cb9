"""One incident is one alert and, when it is over, one notice; on the screen and in the log."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

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


async def test_an_outage_in_which_the_bot_is_killed_is_told_once_by_every_way(
    sandbox: Sandbox, start_bot: StartBot, tmp_path: Path
) -> None:
    """One alert and one recovery by command and by webhook, with kill -9 in between; the log has one of each, too."""
    script, told = tmp_path / "tell", tmp_path / "told"
    script.write_text(f'#!/bin/sh\necho "$LINDA_ALERT_PURPOSE $LINDA_ALERT_INCIDENT" >> "{told}"\n')
    script.chmod(0o700)
    posts: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        posts.append(await request.json())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", take)
    async with TestServer(app, host="127.0.0.1") as server:
        ways = {"LINDA_ALERT__COMMAND": str(script), "LINDA_ALERT__WEBHOOK": str(server.make_url("/hook"))}
        bot = await start_linked(sandbox, start_bot, LINDA_RECONNECT__GRACE="0.3", **ways)
        sandbox.front.refuse = True
        sandbox.drop(BOT)
        await _delivered(sandbox, 2, within_s=20)
        await bot.stop(signal.SIGKILL)
        bot = await start_bot(**SOON, **ways)
        await bot.wait_for("The session is untouched")
        status = await run_command("status", "--data-dir", sandbox.directory / "bot", "--json")
        assert [alert["kind"] for alert in status.document["alerts"]] == ["down"]
        sandbox.front.refuse = False
        await bot.wait_for(WELL)
        await _delivered(sandbox, 4)
        assert await bot.stop() == ExitCode.OK

    assert [line["event"] for line in alerts(sandbox)] == [RAISED, CLEARED]
    lines = [line.split() for line in told.read_text().splitlines()]
    assert [purpose for purpose, _ in lines] == ["alert", "recovery"]
    assert [post["type"] for post in posts] == ["alert.alert", "alert.recovery"]
    assert {incident for _, incident in lines} == {post["incident"] for post in posts} == {posts[0]["incident"]}
    assert posts[-1]["lasted_s"] > 1
    listed = await run_command("alerts", "--data-dir", sandbox.directory / "bot", "--json")
    assert listed.document["open"] == []
    assert [record["notice"]["purpose"] for record in listed.document["notices"]] == ["alert", "recovery"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("COMMAND", "no-such-program-at-all"), ("WEBHOOK", "https://user:secret@host:port/"), ("QUIET", "07:00-07:00")],
)
async def test_a_wrong_setting_is_told_before_anything_begins(start_bot: StartBot, name: str, value: str) -> None:
    """One line, exit code 2, no QR code, no secret."""
    bot = await start_bot(**{f"LINDA_ALERT__{name}": value})

    assert await bot.exited() == ExitCode.USAGE
    assert f"LINDA_ALERT__{name}" in bot.lines[-1]
    assert "secret" not in bot.screen
    assert "QR" not in bot.screen


async def test_a_bot_that_gives_up_has_last_words(sandbox: Sandbox, start_bot: StartBot, tmp_path: Path) -> None:
    """Its alert is out before the process ends, although the way takes longer than a person would wait."""
    script, told = tmp_path / "tell", tmp_path / "told"
    script.write_text(f'#!/bin/sh\nsleep 1.5\necho "$LINDA_ALERT_KIND" >> "{told}"\n')
    script.chmod(0o700)
    bot = await start_bot("--no-qr", LINDA_ALERT__COMMAND=str(script))

    assert await bot.exited() == ExitCode.LINKING_NEEDED
    assert told.read_text() == "gave_up\n"


async def _delivered(sandbox: Sandbox, count: int, *, within_s: float = 15) -> None:
    """Wait until so many deliveries are on the disk as done."""
    path = sandbox.directory / "bot" / "logs" / ".alerts-default.json"
    async with asyncio.timeout(within_s):
        while True:
            records = json.loads(path.read_text())["records"] if path.exists() else []
            states = [delivery["state"] for record in records for delivery in record["deliveries"]]
            if states == ["delivered"] * count:
                return
            await asyncio.sleep(0.05)


def _spoil(session: Path) -> None:
    for side in ("session.db-wal", "session.db-shm"):
        (session / side).unlink(missing_ok=True)
    (session / "session.db").write_bytes(b"this was a session once" * 100)
