"""A store that went back by itself is noticed and treated, once; a death of the bot is none of that."""

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from linda_bot.sessions import opening, rollback
from linda_bot.sessions.aftercare import load_aftercare
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.opening import close_session, keep_up, open_session
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.quarantine import set_aside
from linda_bot.sessions.recovery import put_back
from linda_bot.sessions.rollback import (
    RunMark,
    boot_id,
    load_run_mark,
    read_generation,
    save_run_mark,
    set_generation,
    went_back,
)
from linda_bot.sessions.validation import Verdict
from tests.support.stores import (
    add_device,
    ask,
    back_up,
    killed,
    make_session,
    rewrite,
    said,
    sessions_in,
    write_store,
)

SESSIONS = 20


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A whole, linked session that has been in use."""
    made = make_session(tmp_path / "bot", sessions=SESSIONS)
    open_session(made)
    return made


@pytest.fixture
def reboot(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what has the machine be started anew."""

    def again() -> None:
        boot = os.urandom(4).hex()
        monkeypatch.setattr(opening, "boot_id", lambda: boot)

    return again


def treated(paths: SessionPaths) -> bool:
    """Open a session and return whether it was found to have gone back; its store shows the same."""
    found = open_session(paths)
    assert found.validation.verdict is Verdict.RESTORABLE
    assert (sessions_in(paths.store) == 0) is bool(found.went_back)
    assert (load_aftercare(paths.aftercare) is not None) is bool(found.went_back)
    return bool(found.went_back)


def test_a_first_start_finds_nothing(tmp_path: Path) -> None:
    """A store without a number, as one of an earlier version, is none that went back."""
    paths = make_session(tmp_path)

    assert not treated(paths)
    assert load_run_mark(paths.run_mark) == RunMark(boot_id=boot_id(), running=True, generation=1)
    assert read_generation(paths.store) == 1


def test_an_orderly_end_and_a_new_boot(paths: SessionPaths, reboot: Callable[[], None]) -> None:
    """Everything is on the disk."""
    close_session(paths)
    reboot()

    assert not treated(paths)


def test_a_death_of_the_machine(paths: SessionPaths, reboot: Callable[[], None]) -> None:
    """The last writes may be lost; treated once, not at each start after it."""
    reboot()
    assert treated(paths)
    with closing(sqlite3.connect(paths.store)) as engine, engine:
        engine.execute("INSERT INTO whatsmeow_sessions VALUES ('x', 'new')")
    paths.aftercare.unlink()
    assert not treated(paths)


def test_a_death_of_the_bot(paths: SessionPaths) -> None:
    """What it had written is in the log, on the same boot."""
    with killed(paths, name="last words"):
        pass

    assert not treated(paths)
    assert said(paths.store) == "last words"


def test_an_older_copy_laid_over(paths: SessionPaths) -> None:
    """After an orderly end, on the same boot: only the number tells."""
    close_session(paths)
    older = paths.store.read_bytes()
    open_session(paths)
    close_session(paths)
    paths.store.write_bytes(older)

    assert treated(paths)


def test_an_older_copy_of_the_same_run_laid_over(paths: SessionPaths) -> None:
    """The number grows while it is in use."""
    older = paths.store.read_bytes()
    with closing(sqlite3.connect(paths.store, isolation_level=None)) as engine:
        engine.execute("UPDATE whatsmeow_contacts SET full_name = 'a message later'")
        keep_up(paths, (0, 0))
    close_session(paths)
    paths.store.write_bytes(older)

    assert treated(paths)


def test_the_number_grows_only_when_the_store_was_used(paths: SessionPaths) -> None:
    """Also while the engine has it open, whom it does not hold up."""
    with closing(sqlite3.connect(paths.store, isolation_level=None, timeout=0)) as engine:
        engine.execute("UPDATE whatsmeow_contacts SET full_name = 'a'")
        seen = keep_up(paths, (0, 0))
        assert load_run_mark(paths.run_mark).generation == read_generation(paths.store) == 2
        assert keep_up(paths, seen) == seen
        assert read_generation(paths.store) == 2
        engine.execute("UPDATE whatsmeow_contacts SET full_name = 'b'")
        assert keep_up(paths, seen) != seen
        assert read_generation(paths.store) == 3


def test_a_busy_store_is_marked_the_next_time(paths: SessionPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never an error, and never a mark that the store does not have."""
    monkeypatch.setattr(rollback, "_BUSY_S", 0.05)
    with closing(sqlite3.connect(paths.store, isolation_level=None)) as engine:
        engine.execute("BEGIN IMMEDIATE")
        engine.execute("UPDATE whatsmeow_contacts SET full_name = 'a'")
        keep_up(paths, (0, 0))
        engine.execute("COMMIT")

    assert load_run_mark(paths.run_mark).generation == read_generation(paths.store) == 1


def test_a_restored_backup_is_not_treated_twice(paths: SessionPaths, reboot: Callable[[], None]) -> None:
    """Not even when the machine goes down before the old mark knew of it."""
    back_up(paths)
    put_back(paths, all_backups(paths)[0], None, because="a test")
    paths.aftercare.unlink()
    with closing(sqlite3.connect(paths.store)) as engine, engine:
        engine.execute("INSERT INTO whatsmeow_sessions VALUES ('x', 'new')")
    reboot()

    assert not treated(paths)


def test_a_log_that_is_no_file_is_lost(paths: SessionPaths) -> None:
    """A directory in its place: the store lacks its last writes, and is treated."""
    close_session(paths)
    paths.store.with_name("session.db-wal").mkdir()

    assert treated(paths)


@pytest.mark.parametrize("content", [b"", b"{torn", b"[]", b'{"generation": -1}', b'{"generation": 1e300}', None])
def test_a_mark_that_cannot_be_read_is_begun_anew(paths: SessionPaths, content: bytes | None) -> None:
    """It says nothing then; the number goes on from the store's."""
    set_generation(paths.store, 41)
    paths.run_mark.unlink()
    if content is not None:
        paths.run_mark.write_bytes(content)

    assert not treated(paths)
    assert load_run_mark(paths.run_mark).generation == read_generation(paths.store) == 42
    assert (paths.directory / "run-mark.json.unreadable").exists() is (content is not None)


@pytest.mark.parametrize("value", ["'text'", "-5", "1.5", "9223372036854775807"])
def test_a_number_that_is_none_counts_as_none(paths: SessionPaths, value: str) -> None:
    """So the store seems older than it was: the careful side."""
    with closing(sqlite3.connect(paths.store)) as database, database:
        database.execute(f"UPDATE linda_bot SET value = {value} WHERE name = 'generation'")

    assert read_generation(paths.store) == 0
    assert treated(paths)


def test_the_rule() -> None:
    """Which marks and numbers mean that a store went back."""
    mark = RunMark(boot_id="a", running=True, generation=5)

    assert not went_back(mark, boot_id="a", generation=5)
    assert not went_back(mark, boot_id="a", generation=6)
    assert not went_back(mark, boot_id="", generation=5)
    assert not went_back(RunMark(running=True, generation=5), boot_id="b", generation=5)
    assert not went_back(RunMark(boot_id="a", running=False, generation=5), boot_id="b", generation=5)
    assert "machine went down" in went_back(mark, boot_id="b", generation=5)
    assert "older than it was" in went_back(mark, boot_id="a", generation=4)
    assert not went_back(RunMark(), boot_id="b", generation=0)


def test_a_new_linking_begins_anew(paths: SessionPaths) -> None:
    """A store that the client library makes carries no number, and is none that went back."""
    set_generation(paths.store, 41)
    save_run_mark(paths.run_mark, RunMark(boot_id="a", running=True, generation=41))
    set_aside(paths, "a test")
    assert open_session(paths).validation.verdict is Verdict.MISSING
    write_store(paths.store, sessions=SESSIONS)

    assert not treated(paths)


def test_a_damaged_store_keeps_its_mark(paths: SessionPaths) -> None:
    """What is put in its place is told apart from what it was before."""
    set_generation(paths.store, 41)
    open_session(paths)
    paths.store.write_bytes(b"no database" * 1000)
    assert open_session(paths).validation.verdict is Verdict.DAMAGED
    assert load_run_mark(paths.run_mark).generation == 42
    rewrite(paths, sessions=SESSIONS)

    assert treated(paths)


def test_the_keys_are_sealed(paths: SessionPaths) -> None:
    """Damage that SQLite does not see is seen; another linking in the same store is none."""
    with closing(sqlite3.connect(paths.store)) as database, database:
        database.execute("UPDATE whatsmeow_device SET noise_key = zeroblob(32)")
    found = open_session(paths).validation
    assert (found.verdict, found.points[-1].number) == (Verdict.DAMAGED, 4)
    with closing(sqlite3.connect(paths.store)) as database, database:
        database.execute("DELETE FROM whatsmeow_device")
    assert open_session(paths).validation.verdict is Verdict.NOT_LINKED
    with closing(sqlite3.connect(paths.store)) as database, database:
        add_device(database, 9)
    assert open_session(paths).validation.verdict is Verdict.RESTORABLE
    assert ask(paths.store, "SELECT count(*) FROM linda_bot WHERE name = 'device'") == [1]


def test_what_may_change_is_not_sealed(paths: SessionPaths) -> None:
    """The client library renews the pre-key, and learns the other name."""
    with closing(sqlite3.connect(paths.store)) as database, database:
        database.execute("UPDATE whatsmeow_device SET signed_pre_key = zeroblob(32), lid = NULL")

    assert not treated(paths)


def test_a_full_disk_keeps_nobody_from_opening(paths: SessionPaths) -> None:
    """The mark stays as it was, which is the careful side."""
    before = paths.run_mark.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))
    try:
        close_session(paths)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    assert paths.run_mark.read_bytes() == before
    assert not list(paths.directory.glob(".*.new"))


def test_a_boot_has_a_name() -> None:
    """The same for each process until the machine goes down."""
    asked = subprocess.run(
        [sys.executable, "-c", "from linda_bot.sessions.rollback import boot_id; print(boot_id())"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert asked.stdout.strip() == boot_id() != ""
