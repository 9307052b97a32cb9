"""Backups of a bot that runs, and what they are good for."""

import json
import shutil
import signal
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.catalogue import all_backups, fault_of
from linda_bot.sessions.manifest import SEALED_COPY, Backup
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths
from linda_bot.sessions.store import side_files
from linda_bot.sessions.vault import make_key_file
from tests.e2e.conftest import BOT, StartBot, engines_of

SOON = {"LINDA_BACKUP__AFTER_STABLE": "0.2"}


@pytest.fixture
def paths(sandbox: Sandbox) -> SessionPaths:
    """Where the sandbox's bot keeps its session."""
    return SessionPaths(sandbox.directory / "bot", DEFAULT_ACCOUNT)


def good_backups(paths: SessionPaths) -> list[Backup]:
    """Return the backups, newest first; each must be whole."""
    backups = all_backups(paths)
    for backup in backups:
        assert not fault_of(backup)
        assert backup.directory.stat().st_mode & 0o777 == 0o700
        if not backup.manifest.sealed_with:
            with closing(sqlite3.connect(backup.copy)) as database:
                assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return backups


def lay_over(paths: SessionPaths, copy: Path) -> None:
    """Put an old copy in the store's place, as somebody does who knows nothing of all this."""
    for side in side_files(paths.store):
        side.unlink(missing_ok=True)
    shutil.copyfile(copy, paths.store)


def event_log(paths: SessionPaths) -> list[Mapping[str, object]]:
    """Return what the bot has logged."""
    return [json.loads(line) for line in (paths.logs / "events.jsonl").read_text().splitlines()]


async def end_at_once(bot: BotProcess, sandbox: Sandbox) -> None:
    """Kill a bot with its engine, as a power loss would."""
    children = [engine for engine in engines_of(sandbox.environment["LINDA_SANDBOX_ROOT"]) if engine.ppid() == bot.pid]
    await bot.stop(signal.SIGKILL)
    for engine in children:
        engine.kill()
        engine.wait(5)


async def test_one_is_made_while_the_bot_runs(sandbox: Sandbox, start_bot: StartBot, paths: SessionPaths) -> None:
    """A moment after the link is stable; it is whole, private, and of this bot."""
    bot = await start_bot(**SOON)
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.wait_for("Backup backup-default-001 made (stable)")
    (backup,) = good_backups(paths)

    assert (backup.manifest.linked_number, backup.manifest.reason) == (BOT, "stable")
    assert backup.manifest.sandbox
    assert backup.copy.stat().st_mode & 0o777 == 0o600
    await bot.stop()
    assert len(good_backups(paths)) == 1, "the one that there is is fresh"


async def test_one_is_made_at_the_end(linked_bot: BotProcess, paths: SessionPaths) -> None:
    """A bot that is stopped right after its linking has one."""
    assert await linked_bot.stop(signal.SIGTERM) == 0

    (backup,) = good_backups(paths)
    assert backup.manifest.reason == "shutdown"


async def test_none_is_made_of_a_device_that_was_removed_and_none_is_tried(
    sandbox: Sandbox, start_bot: StartBot, paths: SessionPaths
) -> None:
    """The phone's word counts: a code is shown at once, then and at the next start."""
    bot = await start_bot(**SOON)
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.wait_for("Backup backup-default-001 made")
    await sandbox.remove_device(BOT)
    await bot.wait_for("Waiting for the scan", times=2)
    await bot.stop()
    (backup,) = all_backups(paths)
    assert backup.retired is not None
    assert backup.retired.kind == "logged_out"

    refused = sandbox.counts["login_refused"]
    again = await start_bot(**SOON)
    await again.qr_text()
    assert "put back" not in bot.screen + again.screen
    assert sandbox.counts["login_refused"] == refused


async def test_a_deleted_store_comes_back_without_a_code(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess, friend: Contact, paths: SessionPaths
) -> None:
    """The backup takes its place, and the first message is answered."""
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    await linked_bot.stop()
    for file in (paths.store, *side_files(paths.store)):
        file.unlink(missing_ok=True)
    bot = await start_bot("--no-qr", **SOON)
    await bot.ready()
    await bot.wait_for("Backup backup-default-002 made")

    assert "The backup backup-default-001 was put back" in bot.screen
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    assert sandbox.phone(BOT).pairings == 1
    assert friend.dropped_old_counter == 0


async def test_a_store_after_a_power_loss_is_treated(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess, friend: Contact, paths: SessionPaths
) -> None:
    """The mark says that another boot left it in use: new Signal sessions, said in words, and it goes on."""
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    await end_at_once(linked_bot, sandbox)
    mark = json.loads(paths.run_mark.read_text())
    assert mark["running"]
    paths.run_mark.write_text(json.dumps({**mark, "bootId": "another boot"}))
    bot = await start_bot()
    await bot.wait_for("The machine went down while the bot ran")
    await bot.ready()

    assert (await friend.ask(BOT, "!ping")).text == "pong"
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    assert friend.dropped_old_counter == 0
    await bot.stop()
    assert {"session_went_back", "message_undecryptable"} <= {str(entry["event"]) for entry in event_log(paths)}
    again = await start_bot()
    await again.ready()
    assert "went down" not in again.screen


async def test_an_orderly_end_is_no_power_loss(
    start_bot: StartBot, linked_bot: BotProcess, paths: SessionPaths
) -> None:
    """Another boot after a stop is what every reboot looks like."""
    await linked_bot.stop()
    mark = json.loads(paths.run_mark.read_text())
    paths.run_mark.write_text(json.dumps({**mark, "bootId": "another boot"}))
    bot = await start_bot()
    await bot.ready()

    assert "went down" not in bot.screen


async def test_an_old_copy_that_was_laid_over_is_treated(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess, friend: Contact, paths: SessionPaths
) -> None:
    """Whoever copies session.db back by hand loses nothing by it."""
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    await linked_bot.stop()
    copy = paths.data_dir / "old.db"
    with closing(sqlite3.connect(paths.store)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    bot = await start_bot()
    await bot.ready()
    await bot.stop()
    lay_over(paths, copy)
    bot = await start_bot()
    await bot.wait_for("an old copy was put in its place")
    await bot.ready()

    assert (await friend.ask(BOT, "!ping")).text == "pong"
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    assert friend.dropped_old_counter == 0
    assert sandbox.phone(BOT).pairings == 1


async def test_encrypted_backups_are_of_use(
    sandbox: Sandbox, start_bot: StartBot, friend: Contact, paths: SessionPaths, tmp_path: Path
) -> None:
    """With the key the bot comes back; without it the backup is told of, kept, and a code is needed."""
    make_key_file(tmp_path / "key")
    sealed = {**SOON, "LINDA_BACKUP__KEY_FILE": str(tmp_path / "key")}
    bot = await start_bot(**sealed)
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.wait_for("Backup backup-default-001 made")
    await bot.stop()
    (backup,) = good_backups(paths)
    assert backup.copy.name == SEALED_COPY
    assert b"SQLite" not in backup.copy.read_bytes()
    assert [entry.name for entry in backup.directory.iterdir() if entry.suffix == ".db"] == []
    for file in (paths.store, *side_files(paths.store)):
        file.unlink(missing_ok=True)

    without = await start_bot("--no-qr")
    await without.exited()
    assert "LINDA_BACKUP__KEY_FILE" in without.screen
    bot = await start_bot("--no-qr", **sealed)
    await bot.ready()
    assert "The backup backup-default-001 was put back" in bot.screen
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    assert sandbox.phone(BOT).pairings == 1
