"""How the bot is, from outside: samples, grades, figures and charts of a bot that really runs."""

import asyncio
import json
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot
from tests.support.commands import Ran, run_command

pytestmark = pytest.mark.slow

OFTEN = {"LINDA_HEALTH__EVERY": "0.5"}


async def ask(sandbox: Sandbox, *arguments: str) -> Ran:
    """Run a command on the bot's data directory."""
    return await run_command(*arguments, "--data-dir", sandbox.directory / "bot")


def record(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Return the samples that were written, a torn last one left out."""
    lines = (sandbox.directory / "bot" / "logs" / "health-default.jsonl").read_text().split("\n")
    return [json.loads(line) for line in lines[:-1]]


async def start_linked(sandbox: Sandbox, start_bot: StartBot, *arguments: str | Path, **settings: str) -> BotProcess:
    """Link a bot that is looked at often."""
    bot = await start_bot(*arguments, **{**OFTEN, **settings})
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    return bot


async def test_a_life_is_told(sandbox: Sandbox, start_bot: StartBot, friend: Contact) -> None:
    """What came and went is in the record once, through a restart and a kill; the commands tell it at any time."""
    bot = await start_linked(sandbox, start_bot)
    for _ in range(3):
        assert (await friend.ask(BOT, "!ping")).text == "pong"
    assert "connected, for 0 min, healthy;" in (await friend.ask(BOT, "!status")).text
    await asyncio.sleep(1.2)

    running = await ask(sandbox, "health", "--json")
    assert running.code == ExitCode.OK
    document = running.document
    assert (document["healthy"], document["grade"], document["pid"], document["state"]) == (
        True, "healthy", bot.pid, "connected",
    )  # fmt: skip
    readings = document["samples"][-1]["readings"]
    assert 20 < readings["daemon_mb"] < 200
    assert 20 < readings["engine_mb"] < 200
    assert readings["guard_active"] is True
    assert readings["disk_free_bytes"] > 0
    assert (readings["inbox_waiting"], readings["outbox_pending"]) == (0, 0)

    await bot.stop()
    stopped = await ask(sandbox, "health")
    assert stopped.code == ExitCode.UNWELL
    assert "it was stopped" in stopped.told

    bot = await start_bot(**OFTEN)
    await bot.ready()
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    await asyncio.sleep(1.2)
    bot.send_signal(signal.SIGKILL)
    await bot.exited()

    figures = (await ask(sandbox, "stats", "--json", "--days", "2")).document
    assert {name: figures[name] for name in ("starts", "restores", "codes", "received", "handled", "sent")} == {
        "starts": 2, "restores": 1, "codes": 1, "received": 5, "handled": 5, "sent": 5,
    }  # fmt: skip
    assert 0.5 < figures["up_share"] <= 1
    assert figures["outages"] == 0
    shown = await ask(sandbox, "stats")
    assert shown.code == ExitCode.OK
    assert "came 5, handled 5, sent 5" in shown.out
    whys = [each["why"] for each in record(sandbox)]
    assert whys.count("start") == 2
    assert whys.count("stop") == 1
    file = sandbox.directory / "bot" / "logs" / "health-default.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert BOT not in file.read_text()


async def test_a_bad_time_is_told(sandbox: Sandbox, start_bot: StartBot, friend: Contact, tmp_path: Path) -> None:
    """Handlers that fail make it unhealthy, with one alert; a lost network is the link's own matter."""
    handlers = tmp_path / "bot.py"
    handlers.write_text(
        "from linda_bot import Router\n"
        "router = Router()\n\n"
        "@router.message()\n"
        "async def fail(message):\n"
        "    raise ValueError('broken')\n"
    )
    bot = await start_linked(
        sandbox,
        start_bot,
        "--handlers",
        handlers,
        LINDA_HANDLER__TRIES="1",
        LINDA_RECONNECT__GRACE="0.3",
        LINDA_RECONNECT__DELAYS="[0.2]",
    )
    for number in range(10):
        await friend.send(BOT, f"hello {number}")
    await bot.wait_for("What to do: read the errors")

    sick = await ask(sandbox, "health", "--json")
    assert sick.code == ExitCode.UNWELL
    assert sick.document["grade"] == "unhealthy"
    assert "handler_errors" in [reason["word"] for reason in sick.document["reasons"]]
    told = await ask(sandbox, "health")
    assert "What to do: read the errors: linda-bot logs --event handler_failed." in told.out

    sandbox.front.refuse = True
    sandbox.drop(BOT)
    await bot.wait_for("attempt 2 of 10")
    sandbox.front.refuse = False
    await bot.ready()
    await asyncio.sleep(1.2)
    await bot.stop()

    samples = record(sandbox)
    assert sum(each["period"].get("handler_errors", 0) for each in samples) == 10
    assert sum(each["period"].get("reconnects", 0) for each in samples) == 1
    down_s = sum(seconds for each in samples for state, seconds in each["period"].get("states", {}).items()
                 if state in ("transient_disconnect", "reconnecting", "restoring"))  # fmt: skip
    assert down_s > 0.4
    assert sum("What to do: read the errors" in line for line in bot.lines) == 1
