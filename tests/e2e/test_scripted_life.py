"""A life with everything in it; the log, the history, `why`, the health record, the metrics and the notices agree."""

import asyncio
import json
import signal
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.faults import inject
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.paths import SessionPaths
from linda_bot.web.place import connect
from tests.e2e.conftest import BOT, FRIEND, StartBot
from tests.support.commands import run_command

pytestmark = pytest.mark.slow

INCIDENTS = ("down", "session_damaged", "replaced", "logged_out")
STORY = [
    *("started", "qr", "linked", "lost", "killed"),
    *("started", "damaged", "restored", "back", "replaced", "back", "logged_out", "qr", "linked", "stopped"),
]
WELL = "All is well again after "
QUICK = {
    "LINDA_ALERT__AFTER": "2.5",
    "LINDA_ALERT__CLEAR_AFTER": "0.5",
    "LINDA_BACKUP__AFTER_STABLE": "0.3",
    "LINDA_HEALTH__EVERY": "1",
    "LINDA_KEEP_ALIVE__EVERY": "0.4",
    "LINDA_KEEP_ALIVE__TIMEOUT": "0.3",
    "LINDA_RECONNECT__DELAYS": "[0.3]",
    "LINDA_RECONNECT__GRACE": "0.3",
    "LINDA_REPLACED__WAIT": "0.3",
}


class Life:
    """One bot's life, and what was told of it."""

    def __init__(self, sandbox: Sandbox, start_bot: StartBot, tmp_path: Path) -> None:
        self._sandbox = sandbox
        self._start_bot = start_bot
        self.data_dir = sandbox.directory / "bot"
        self._notices = tmp_path / "notices"
        command = tmp_path / "tell"
        command.write_text(f"#!/bin/sh\ncat >> {self._notices}; echo >> {self._notices}\n")
        command.chmod(0o700)
        self._settings = {**QUICK, "LINDA_ALERT__COMMAND": str(command)}

    async def start(self) -> BotProcess:
        """Start the bot."""
        return await self._start_bot(**self._settings)

    def notices(self) -> list[dict[str, Any]]:
        """Return what the command was told, oldest first."""
        return [json.loads(line) for line in self._notices.read_text().splitlines() if line.strip()]

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the log."""
        return [json.loads(line) for line in (self.data_dir / "logs" / "events.jsonl").read_text().splitlines()]

    async def ask(self, *command: str) -> Any:
        """Return what a command says as JSON."""
        return (await run_command(*command, "--json", "--data-dir", self.data_dir)).document

    @property
    def paths(self) -> SessionPaths:
        """Where its files are."""
        return SessionPaths(self.data_dir, "default")

    async def metrics(self) -> dict[str, float]:
        """Return what Prometheus would be told now."""
        line = socket.socket(socket.AF_UNIX)
        connect(line, self.paths)
        reader, writer = await asyncio.open_connection(sock=line)
        writer.write(b"GET /api/v1/metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        text = (await reader.read()).decode().partition("\r\n\r\n")[2]
        writer.close()
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


async def lived(life: Life, sandbox: Sandbox) -> tuple[dict[str, Any], dict[str, float]]:
    """Play it, and return the status and the metrics at its last moment."""
    bot = await life.start()
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    async with sandbox.contact(FRIEND, "Ann") as friend:
        assert (await friend.ask(BOT, "!ping")).text == "pong"
    await bot.wait_for("Backup backup-default-001 made")

    sandbox.drop(BOT)  # the client library is back at once
    await bot.wait_for("Connected again.")
    sandbox.front.refuse = True
    sandbox.drop(BOT)
    await bot.wait_for("What to do:")
    sandbox.front.refuse = False
    await bot.wait_for(WELL)
    ready = sum("listening for messages" in line for line in bot.lines)
    await inject(sandbox, "freeze", {})
    await bot.wait_for("listening for messages", times=ready + 1)
    await asyncio.sleep(1.2)  # what a kill takes from the health record is at most what came since its last sample
    bot.send_signal(signal.SIGKILL)
    await bot.exited()

    life.paths.store.write_bytes(b"rubbish" * 1000)
    bot = await life.start()
    await bot.wait_for(WELL)
    await inject(sandbox, "stream-error", {"kind": "replaced", "number": BOT})
    await bot.wait_for(WELL, times=2)
    await inject(sandbox, "remove-device", {"number": BOT})
    codes = sum("Waiting for the scan" in line for line in bot.lines)
    await bot.wait_for("Waiting for the scan", times=codes + 1)
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.wait_for("DEVICE LINKED")
    await bot.wait_for(WELL, times=3)
    status = await life.ask("status")
    metrics = await life.metrics()
    assert await bot.stop() == ExitCode.OK
    return status, metrics


async def test_all_tell_the_same_story(sandbox: Sandbox, start_bot: StartBot, tmp_path: Path) -> None:
    """Link, drop, outage, freeze, kill, corrupt, restore, replaced, removed, relink."""
    life = Life(sandbox, start_bot, tmp_path)
    status, metrics = await lived(life, sandbox)

    log, history = life.log(), await life.ask("history")
    why, stats, health = await life.ask("why", "--all"), await life.ask("stats"), await life.ask("health", "-n", "1000")
    told = [(each["purpose"], each["kind"]) for each in life.notices()]
    assert told == [pair for kind in INCIDENTS for pair in (("alert", kind), ("recovery", kind))]
    assert alerts_in(log, "event") == alerts_in(history, "eventType") == told

    states = [line["new"] for line in log if line["event"] == "link_state_changed"]
    assert [entry["eventType"] for entry in history if entry["eventType"] in set(LinkState)] == states
    assert stats["states_s"].keys() <= set(states) | {"starting"}
    assert {sample["state"] for sample in health["samples"]} <= set(states) | {"starting"}
    assert [chapter["what"] for chapter in why["story"]] == STORY
    assert why["state"] == "not_running"

    first, second = runs_in(log)
    assert status["state"] == "connected"
    for run in (first, second):
        assert run["event", "daemon_started"] == 1
    counts = first + second
    names = {"codes": "qr_issued", "restores": "restore_completed", "received": "message_received"}
    names |= {"handled": "message_handled", "sent": "message_sent", "starts": "daemon_started"}
    assert {name: stats[name] for name in names} == {name: counts["event", event] for name, event in names.items()}
    assert stats["reconnects"] == counts["new", "connected"] - stats["starts"]
    assert metrics["linda_bot_reconnects_total"] == second["new", "connected"] - 1
    assert metrics["linda_bot_restores_total"] == second["event", "restore_completed"]
    assert metrics["linda_bot_qr_codes_shown_total"] == second["event", "qr_issued"]
    assert metrics['linda_bot_link_state{state="connected"}'] == metrics["linda_bot_up"] == 1
    assert metrics['linda_bot_alerts_open{topic="link"}'] == 0


def alerts_in(lines: list[dict[str, Any]], key: str) -> list[tuple[str, str]]:
    """Return the alerts of a record, oldest first, in the words of the notices."""
    words = {"alert_raised": "alert", "alert_cleared": "recovery"}
    return [(words[line[key]], line["kind"]) for line in lines if line[key] in words]


def runs_in(log: list[dict[str, Any]]) -> list[Counter[tuple[str, str]]]:
    """Count the events of each run, by name, and the changes of the link's state, by what it became."""
    runs: list[Counter[tuple[str, str]]] = []
    for line in log:
        if line["event"] == "daemon_started":
            runs.append(Counter())
        runs[-1].update([("event", line["event"]), ("new", line.get("new", ""))])
    return runs
