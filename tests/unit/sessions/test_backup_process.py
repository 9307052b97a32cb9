"""The process that makes a backup: beside an engine that writes, killed, timed out."""

import itertools
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from linda_bot.sessions.backup_process import BackupProcess
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.manifest import COPY
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.snapshot_job import Job
from tests.support.stores import (
    ask,
    identity_of,
    make_session,
    names,
    rewrite,
    said,
)

OTHER = "15550001111"


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A whole, linked session."""
    return make_session(tmp_path / "bot", sessions=20)


def job(paths: SessionPaths) -> Job:
    """Return what a process is told."""
    return Job(str(paths.data_dir), paths.account, "periodic", keep=5)


@contextmanager
def busy_engine(store: Path) -> Iterator[list[Exception]]:
    """Write all the time, as an engine does, always both halves at once; yields what it stumbled over."""
    errors: list[Exception] = []
    done = threading.Event()

    def write() -> None:
        try:
            with closing(sqlite3.connect(store, timeout=0, isolation_level=None)) as engine:
                for number in itertools.count():
                    if done.is_set():
                        return
                    engine.execute("BEGIN IMMEDIATE")
                    engine.execute("UPDATE whatsmeow_contacts SET full_name = ?", (str(number),))
                    engine.execute("INSERT INTO whatsmeow_sessions VALUES (?, zeroblob(2000))", (str(number),))
                    engine.execute("COMMIT")
        except sqlite3.Error as error:
            errors.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield errors
    finally:
        done.set()
        writer.join()


@pytest.mark.slow
def test_who_writes_all_the_time_is_not_held_up_and_the_copies_are_whole(paths: SessionPaths) -> None:
    """Each is a state that there was, and a later one than the one before; "database is locked" is never seen."""
    with closing(sqlite3.connect(paths.store)) as database, database:
        database.execute("DELETE FROM whatsmeow_sessions")
    seen = []
    with busy_engine(paths.store) as errors:
        time.sleep(0.1)
        for _ in range(5):
            outcome = BackupProcess(job(paths)).outcome()
            assert not outcome.error
            copy = paths.cache / outcome.name / COPY
            identity_of(copy)
            seen.append(int(said(copy)))
            assert ask(copy, "SELECT max(CAST(our_jid AS INTEGER)) FROM whatsmeow_sessions") == [seen[-1]]
            assert ask(copy, "SELECT count(*) FROM whatsmeow_sessions") == [seen[-1] + 1]

    assert errors == []
    assert seen == sorted(set(seen))


def test_a_process_makes_one(paths: SessionPaths) -> None:
    """From the job on its stdin to the outcome on its stdout; and says in a line what is wrong."""
    outcome = BackupProcess(job(paths)).outcome()

    assert (outcome.name, outcome.error) == ("backup-default-001", "")
    assert outcome.manifest == all_backups(paths)[0].manifest
    assert outcome.manifest is not None
    assert outcome.manifest.neonize_version
    rewrite(paths, devices=0)
    outcome = BackupProcess(job(paths)).outcome()
    assert outcome.manifest is None
    assert outcome.error == "no backup was made: the session holds no linked device"


@contextmanager
def held_up(paths: SessionPaths) -> Iterator[None]:
    """Have the process come as far as the copy, and no further."""
    with closing(sqlite3.connect(paths.store, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.slow
def test_one_that_takes_too_long_is_given_up(paths: SessionPaths) -> None:
    """The next one clears away what it left."""
    with held_up(paths):
        outcome = BackupProcess(job(paths)).outcome(within_s=1.0)

    assert outcome.error == "no backup was made: it took longer than 1 s"
    assert list(paths.cache.glob(".backup-*.new"))
    assert names(paths) == []
    assert not BackupProcess(job(paths)).outcome().error
    assert not list(paths.cache.glob(".backup-*.new"))


def test_one_that_is_killed_in_the_middle_says_so(paths: SessionPaths) -> None:
    """By the daemon's end; and none is begun after that."""
    process = BackupProcess(job(paths))
    outcomes = []
    with held_up(paths):
        waiting = threading.Thread(target=lambda: outcomes.append(process.outcome()))
        waiting.start()
        while not list(paths.cache.glob(".backup-*.new/session.db")):
            time.sleep(0.01)
        process.kill()
        waiting.join(5)

    assert [outcome.error for outcome in outcomes] == ["no backup was made: its process was ended"]
    assert process.outcome().error == "no backup was made: the bot stops"
    assert names(paths) == []
    assert not BackupProcess(job(paths)).outcome().error


def test_a_process_that_cannot_be_started_says_so(paths: SessionPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or that ends with a complaint: its last line is told."""
    monkeypatch.setattr("linda_bot.sessions.backup_process.COMMAND", ("/no/such/python",))
    assert "cannot be started" in BackupProcess(job(paths)).outcome().error
    monkeypatch.setattr("linda_bot.sessions.backup_process.COMMAND", ("sh", "-c", "echo one >&2; echo two >&2"))
    assert BackupProcess(job(paths)).outcome().error == "no backup was made: two"


def test_a_users_modules_are_not_imported(paths: SessionPaths) -> None:
    """The working directory is where people write their handlers, under any name."""
    for name in ("hashlib", "msgspec", "signal"):
        Path(f"{name}.py").write_text("raise SystemExit('not this one')")

    assert not BackupProcess(job(paths)).outcome().error
