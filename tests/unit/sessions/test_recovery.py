"""Putting a backup back: which one, how, and what of it."""

import hashlib
import os
import re
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from linda_bot.kernel.flock import locked
from linda_bot.sessions import recovery
from linda_bot.sessions.aftercare import load_aftercare
from linda_bot.sessions.catalogue import all_backups, retire
from linda_bot.sessions.manifest import COPY, MANIFEST, RETIRED
from linda_bot.sessions.opening import open_session
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.quarantine import quarantines
from linda_bot.sessions.ratchets import strip_ratchets
from linda_bot.sessions.recovery import BackupUnusableError, Choice, Recovery, finish_interrupted, put_back, recover
from linda_bot.sessions.rollback import load_run_mark, read_generation
from linda_bot.sessions.validation import Verdict, validate
from tests.support.stores import (
    SENDERS,
    ask,
    back_up,
    backup_named,
    identity_of,
    killed,
    make_session,
    rewrite,
    said,
    say,
    sessions_in,
    write_store,
)

OTHER = "15550001111"


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A session with the backups one, two and three, and a life after them."""
    made = make_session(tmp_path / "bot", sessions=20)
    for name in ("one", "two", "three"):
        say(made.store, name)
        back_up(made)
    say(made.store, "live")
    return made


def bring_back(paths: SessionPaths, choice: Choice | None = None) -> Recovery:
    """Put the newest one back that fits."""
    return recover(paths, None, choice or Choice(), because="a test")


def directory(paths: SessionPaths, number: int) -> Path:
    """Return where a backup is."""
    return paths.cache / f"backup-{paths.account}-{number:03}"


def cut(file: Path) -> None:
    """Lose the second half of a file."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_the_newest_is_put_back(paths: SessionPaths) -> None:
    """The present store is set aside, with its log; aftercare begins; nothing else is touched."""
    with killed(paths, name="last words"):
        pass
    paths.history.write_text("[]")
    log = paths.store.with_name("session.db-wal").read_bytes()
    found = bring_back(paths)
    aftercare = load_aftercare(paths.aftercare)

    assert (found.backup, found.passed_over) == (all_backups(paths)[0], ())
    assert said(paths.store) == "three"
    assert validate(paths).verdict is Verdict.RESTORABLE
    assert found.quarantined is not None
    assert isinstance(found.quarantined, Path)
    assert (found.quarantined / "session.db-wal").read_bytes() == log
    assert said(found.quarantined / "session.db") == "last words"
    assert aftercare is not None
    assert (aftercare.backup, aftercare.because) == ("backup-default-003", "a test")
    assert {file.name for file in paths.directory.iterdir()} == {
        "session.db",
        "device-status.json",
        "session-history.json",
        "after-restore.json",
    }


def test_the_next_one_is_taken_if_the_newest_is_damaged(paths: SessionPaths) -> None:
    """Each that is passed over is named with the reason."""
    cut(directory(paths, 3) / COPY)
    (directory(paths, 2) / MANIFEST).write_bytes(b"{")
    found = bring_back(paths)

    assert found.backup is not None
    assert (found.backup.name, said(paths.store)) == ("backup-default-001", "one")
    assert found.passed_over == (
        "backup-default-002: its manifest cannot be read",
        "backup-default-003: its copy is damaged: the checksum does not fit",
    )


def test_none_is_left(paths: SessionPaths) -> None:
    """The store stays where it is then."""
    for number in (1, 2, 3):
        (directory(paths, number) / COPY).unlink()
    found = bring_back(paths)

    assert (found.backup, found.quarantined, len(found.passed_over)) == (None, None, 3)
    assert said(paths.store) == "live"
    assert load_aftercare(paths.aftercare) is None


def test_no_backup_at_all(tmp_path: Path) -> None:
    """Not even a place for them."""
    assert bring_back(SessionPaths(tmp_path, "default")) == Recovery()


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        (Choice(sandbox=True), "it is not a sandbox's"),
        (Choice(number=OTHER), "it is another account's"),
        (Choice(passed_over={f"backup-default-{number:03}": "tried in vain" for number in (1, 2, 3)}), "tried in vain"),
    ],
)
def test_what_does_not_fit_is_passed_over(paths: SessionPaths, choice: Choice, why: str) -> None:
    """A wish is a wish."""
    found = bring_back(paths, choice)

    assert found.backup is None
    assert found.passed_over[0] == f"backup-default-003: {why}"


def test_a_sandboxs_backup_is_not_whatsapps(paths: SessionPaths) -> None:
    """And the other way round."""
    paths.sandbox_mark.touch()
    back_up(paths)

    assert bring_back(paths).passed_over == ("backup-default-004: it is a sandbox's",)
    found = bring_back(paths, Choice(sandbox=True))
    assert found.backup is not None
    assert found.backup.name == "backup-default-004"


def test_another_accounts_backups_are_not_put_back(paths: SessionPaths) -> None:
    """Neither those of other names, nor one that was moved there."""
    other = SessionPaths(paths.data_dir, OTHER)
    assert bring_back(other) == Recovery()
    shutil.copytree(directory(paths, 3), directory(other, 1))
    manifest = directory(other, 1) / MANIFEST
    assert bring_back(other).passed_over == (f"backup-{OTHER}-001: its manifest cannot be read",)
    manifest.write_text(manifest.read_text().replace('"default"', f'"{OTHER}"'))
    assert bring_back(other).passed_over == (f"backup-{OTHER}-001: it is another account's",)
    assert not other.store.exists()


def test_retired_ones_are_not_put_back(paths: SessionPaths) -> None:
    """Of a device that the phone removed never; from before a clearing only if that is meant."""
    fingerprint = identity_of(paths.store).fingerprint
    retire(paths, fingerprint, "cleared", "a person cleared it")
    assert bring_back(paths).passed_over[0] == "backup-default-003: a person cleared it"
    assert bring_back(paths, Choice(also_cleared=True)).backup is not None
    retire(paths, fingerprint, "logged_out", "the phone removed it")
    assert bring_back(paths, Choice(also_cleared=True)).passed_over[0] == "backup-default-003: the phone removed it"


def test_a_copy_that_is_not_what_the_manifest_tells_of_is_refused(paths: SessionPaths) -> None:
    """Whole, with a sum that fits, but of another linking, or of none."""
    for how in ({"identity_key": b"n" * 32}, {"devices": 0}):
        swap_copy(paths, 3, **how)
        backup = backup_named(paths, "backup-default-003")
        with pytest.raises(BackupUnusableError, match="not the session that its manifest tells of"):
            put_back(paths, backup, None, because="a test")
    (directory(paths, 3) / COPY).write_bytes(b"no database" * 1000)
    forge_sum(paths, 3)
    with pytest.raises(BackupUnusableError, match="damaged"):
        put_back(paths, backup_named(paths, "backup-default-003"), None, because="a test")

    assert said(paths.store) == "live"
    assert not list(paths.directory.glob("session.db.next*"))
    assert quarantines(paths) == []


def swap_copy(paths: SessionPaths, number: int, **how: object) -> None:
    """Put another store in a copy's place, with a sum that fits."""
    copy = directory(paths, number) / COPY
    copy.unlink()
    write_store(copy, **how)  # type: ignore[arg-type]
    forge_sum(paths, number)


def forge_sum(paths: SessionPaths, number: int) -> None:
    """Have a manifest's sum fit."""
    manifest = directory(paths, number) / MANIFEST
    found = hashlib.sha256((directory(paths, number) / COPY).read_bytes()).hexdigest()
    manifest.write_text(re.sub('"sha256": "[0-9a-f]*"', f'"sha256": "{found}"', manifest.read_text()))


def test_ratchets_go_and_all_else_stays(paths: SessionPaths) -> None:
    """All Signal sessions and our own sender keys; others' are only read, and go on."""
    back_up(paths)
    put_back(paths, all_backups(paths)[0], None, because="a test")
    left = ask(paths.store, "SELECT sender_id FROM whatsmeow_sender_keys ORDER BY rowid")

    assert sessions_in(paths.store) == 0
    assert left == SENDERS["others"]
    assert ask(paths.store, "SELECT full_name FROM whatsmeow_contacts") == ["live"]
    assert identity_of(paths.store) == identity_of(all_backups(paths)[0].copy)


def test_stripping_says_how_much_and_needs_no_tables(tmp_path: Path) -> None:
    """A device without a second name, a store of a version without such tables."""
    paths = make_session(tmp_path, sessions=5, lid=None)
    identity = identity_of(paths.store)

    assert identity.lid == ""
    assert strip_ratchets(paths.store, identity) == 5 + 2
    assert strip_ratchets(paths.store, identity) == 0
    with closing(sqlite3.connect(paths.store)) as database:
        for table in ("sessions", "sender_keys"):
            database.execute(f"DROP TABLE whatsmeow_{table}")
    assert strip_ratchets(paths.store, identity) == 0


def test_files_are_private(paths: SessionPaths) -> None:
    """Whatever the copy's modes had become, and with any mask."""
    (directory(paths, 3) / COPY).chmod(0o644)
    paths.directory.chmod(0o755)
    before = os.umask(0)
    try:
        bring_back(paths)
    finally:
        os.umask(before)

    for file in [*paths.directory.iterdir(), *quarantines(paths)[0].iterdir(), *paths.cache.glob(".*lock")]:
        assert file.stat().st_mode & 0o077 == 0, file
    for place in (paths.directory, paths.cache, quarantines(paths)[0]):
        assert place.stat().st_mode & 0o777 == 0o700


def test_a_store_of_ours_that_comes_back_is_not_treated_twice(paths: SessionPaths) -> None:
    """Its number is higher than any before, so the next start finds nothing to do."""
    open_session(paths)
    before = load_run_mark(paths.run_mark)
    bring_back(paths)

    assert read_generation(paths.store) == before.generation + 1
    assert not load_run_mark(paths.run_mark).running
    with closing(sqlite3.connect(paths.store)) as engine, engine:
        engine.execute("INSERT INTO whatsmeow_sessions VALUES ('x', 'new')")
    opening = open_session(paths)
    assert (opening.validation.verdict, opening.went_back, sessions_in(paths.store)) == (Verdict.RESTORABLE, "", 1)


def test_what_an_interrupted_restore_left_is_no_harm(paths: SessionPaths) -> None:
    """Also a journal of its draft, which SQLite would play back into the next one."""
    draft = paths.next_store.with_name("session.db.next.draft")
    shutil.copyfile(directory(paths, 1) / COPY, draft)
    with closing(sqlite3.connect(draft, isolation_level=None)) as dying:
        dying.execute("PRAGMA cache_size=1")
        dying.execute("BEGIN")
        dying.execute("UPDATE whatsmeow_contacts SET full_name = 'none'")
        dying.execute("UPDATE whatsmeow_sessions SET session = zeroblob(600)")
        journal = draft.with_name(f"{draft.name}-journal")
        left = journal.read_bytes()
    journal.write_bytes(left)
    assert left
    found = bring_back(paths)

    assert found.passed_over == ()
    assert (said(paths.store), sessions_in(paths.store)) == ("three", 0)
    assert not list(paths.directory.glob("session.db.next*"))


def test_an_interrupted_restore_is_finished(paths: SessionPaths) -> None:
    """From each point after the new store was whole: the old store there, half of it there, gone."""
    for gone in (False, True):
        shutil.copyfile(directory(paths, 2) / COPY, paths.next_store)
        paths.store.with_name("session.db-wal").write_bytes(b"a log without its store")
        if gone:
            paths.store.unlink()
        assert finish_interrupted(paths)
        assert not finish_interrupted(paths)
        assert said(paths.store) == "two"
        assert validate(paths).verdict is Verdict.RESTORABLE
        assert (quarantines(paths)[0] / "session.db-wal").read_bytes() == b"a log without its store"


def test_what_is_no_store_is_not_taken_for_one(paths: SessionPaths) -> None:
    """It is kept under another name."""
    paths.next_store.write_bytes(b"somebody's own file")
    assert not finish_interrupted(paths)
    write_store(paths.next_store, devices=0)
    assert not finish_interrupted(paths)

    assert said(paths.store) == "live"
    assert (paths.directory / "session.db.next.unreadable").read_bytes() == b"somebody's own file"


def test_no_copy_is_taken_of_a_store_that_is_on_the_move(paths: SessionPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a backup is made nothing is put back; that is said after a while."""
    monkeypatch.setattr(recovery, "LOCK_WAIT_S", 0.1)
    with locked(paths.backup_lock, wait_s=0), pytest.raises(BackupUnusableError, match="try again in a moment"):
        put_back(paths, all_backups(paths)[0], None, because="a test")

    assert said(paths.store) == "live"


@contextmanager
def limited(what: int, most: int) -> Iterator[None]:
    """Have the system give no more than so much of something."""
    before = resource.getrlimit(what)
    resource.setrlimit(what, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(what, before)


def test_a_store_that_cannot_be_looked_at_now_is_kept(paths: SessionPaths) -> None:
    """No more files can be opened: that says nothing against the one that waits."""
    shutil.copyfile(directory(paths, 2) / COPY, paths.next_store)
    assert finish_interrupted(paths)  # everything that is imported late is
    shutil.copyfile(directory(paths, 1) / COPY, paths.next_store)
    with limited(resource.RLIMIT_NOFILE, 3), pytest.raises(OSError, match="unable to open"):
        finish_interrupted(paths)

    assert finish_interrupted(paths)
    assert said(paths.store) == "one"


@pytest.mark.parametrize("spare", [-4096, 0])
def test_a_full_disk_says_nothing_against_a_backup(paths: SessionPaths, spare: int) -> None:
    """It is not passed over, which might end in a QR code: not when it is copied, not when it is written to."""
    shutil.rmtree(paths.cache)
    rewrite(paths, sessions=0)  # without free pages in it
    back_up(paths)
    say(paths.store, "live")
    newest = all_backups(paths)[0]
    most = newest.copy.stat().st_size + spare
    with limited(resource.RLIMIT_FSIZE, most), pytest.raises(OSError, match=r"disk|large"):
        bring_back(paths)

    assert said(paths.store) == "live"
    assert not list(paths.directory.glob("session.db.next*"))
    assert bring_back(paths).backup == newest


def pipe(path: Path) -> None:
    """Put a pipe in a file's place: reading it might never end."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "harm",
    [
        lambda place: (place / RETIRED).mkdir(),
        lambda place: ((place / COPY).unlink(), (place / COPY).mkdir()),
        lambda place: pipe(place / COPY),
        lambda place: ((place / COPY).unlink(), (place / COPY).symlink_to("/dev/zero")),
    ],
)
def test_what_stands_in_a_files_place_is_no_surprise(paths: SessionPaths, harm: Callable[[Path], object]) -> None:
    """The next one is taken."""
    harm(directory(paths, 3))
    found = bring_back(paths)

    assert found.backup is not None
    assert found.backup.name == "backup-default-002"
