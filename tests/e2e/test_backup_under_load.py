"""Backups of a large store while messages stream: nobody waits for them, and nothing is locked."""

import asyncio
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.backup_process import BackupProcess
from linda_bot.sessions.catalogue import all_backups, fault_of
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths
from linda_bot.sessions.snapshot_job import Job
from linda_bot.sessions.store import read_identity
from tests.e2e.conftest import BOT, StartBot

STORE_BYTES = 50 * 1024 * 1024
STREAM_S = 8.0
BACKUPS = 3


def fill(store: Path) -> None:
    """Make a store large; only while nobody has it open."""
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("CREATE TABLE ballast (number INTEGER PRIMARY KEY, content BLOB)")
        rows = ((os.urandom(900),) for _ in range(STORE_BYTES // 1000))
        database.executemany("INSERT INTO ballast (content) VALUES (?)", rows)


@pytest.mark.slow
async def test_a_large_store_is_backed_up_during_a_stream_of_messages(
    sandbox: Sandbox, start_bot: StartBot, friend: Contact
) -> None:
    """Every question is answered, each backup is whole, and nobody hears of a lock."""
    paths = SessionPaths(sandbox.directory / "bot", DEFAULT_ACCOUNT)
    bot = await start_bot()
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    await bot.stop()
    fill(paths.store)
    assert paths.store.stat().st_size >= STORE_BYTES * 0.9
    bot = await start_bot(LINDA_BACKUP__AFTER_STABLE="0.5")
    await bot.ready()

    async def back_up() -> None:
        for _ in range(BACKUPS):
            job = Job(str(paths.data_dir), paths.account, "test", keep=10)
            outcome = await asyncio.to_thread(BackupProcess(job).outcome)
            assert not outcome.error
            await asyncio.sleep(0.5)

    backing_up = asyncio.create_task(back_up(), name="backups")
    enough_at, answered = time.monotonic() + STREAM_S, 0
    while time.monotonic() < enough_at or not backing_up.done():
        assert (await friend.ask(BOT, "!ping", within_s=5)).text == "pong"
        answered += 1
    await backing_up
    await bot.wait_for("made (stable)")
    await bot.stop()

    backups = all_backups(paths)
    assert len(backups) >= BACKUPS + 1
    for backup in backups:
        assert not fault_of(backup)
        identity = read_identity(backup.copy, thorough=True)
        assert identity is not None
        assert identity.number == BOT
    assert answered > STREAM_S
    assert friend.dropped_old_counter == 0
    log = (paths.logs / "events.jsonl").read_text()
    for told in (log, bot.screen):
        assert "database is locked" not in told
        assert "SQLITE_BUSY" not in told
