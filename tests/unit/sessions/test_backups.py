"""Backups: whole copies of linked stores, made while others write, and as many as are wanted."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from linda_bot.kernel.flock import locked
from linda_bot.sessions import snapshot
from linda_bot.sessions.catalogue import all_backups, clean_up, fault_of, reinstate, retire, unreadable_backups
from linda_bot.sessions.manifest import COPY, MANIFEST, RETIRED, load_manifest, save_manifest
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.retention import surplus_backups, surplus_quarantines
from linda_bot.sessions.rollback import set_generation
from linda_bot.sessions.snapshot import BackupFailedError
from linda_bot.sessions.snapshot_job import Job
from tests.support.stores import (
    DEVICE,
    NUMBER,
    ask,
    back_up,
    backup_named,
    identity_of,
    make_session,
    names,
    rewrite,
    said,
    say,
    write_store,
)

OTHER = "15550001111"


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A whole, linked session."""
    return make_session(tmp_path / "bot", sessions=20)


def hurt(file: Path) -> None:
    """Flip a bit in the middle."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_a_backup_is_one_whole_file_that_says_what_it_is(paths: SessionPaths) -> None:
    """With what is in the write-ahead log only; nothing beside it, and for nobody else to read."""
    set_generation(paths.store, 7)
    with closing(sqlite3.connect(paths.store)) as engine:
        engine.execute("PRAGMA wal_autocheckpoint=0")
        say(paths.store, "just now")
        outcome = back_up(paths, reason="periodic")
    (backup,) = all_backups(paths)
    manifest = backup.manifest

    assert outcome.manifest == manifest
    assert (outcome.name, outcome.removed, outcome.error) == ("backup-default-001", (), "")
    assert {file.name: file.stat().st_mode & 0o777 for file in backup.directory.iterdir()} == {
        COPY: 0o600,
        MANIFEST: 0o600,
    }
    assert backup.directory.stat().st_mode & 0o777 == 0o700
    assert (said(backup.copy), identity_of(backup.copy)) == ("just now", identity_of(paths.store))
    assert ask(backup.copy, "PRAGMA journal_mode") == ["delete"]
    assert (manifest.linked_number, manifest.device, manifest.generation) == (NUMBER, DEVICE, 7)
    assert (manifest.reason, manifest.sandbox, manifest.sealed_with) == ("periodic", False, "")
    assert manifest.size == backup.copy.stat().st_size
    assert not fault_of(backup)


def test_a_sandboxs_backup_says_so(paths: SessionPaths) -> None:
    """Neither side knows the other's devices."""
    paths.sandbox_mark.touch()
    outcome = back_up(paths)

    assert outcome.manifest is not None
    assert outcome.manifest.sandbox


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda paths: rewrite(paths, devices=0), "holds no linked device"),
        (lambda paths: rewrite(paths, devices=2), "2 devices"),
        (lambda paths: rewrite(paths, noise_key=b"short"), "noise_key"),
        (lambda paths: paths.store.write_bytes(b"no database" * 1000), "not a database"),
        (lambda paths: paths.store.write_bytes(paths.store.read_bytes()[:20_000]), "malformed"),
        (lambda paths: paths.store.unlink(), "unable to open"),
        (lambda paths: paths.cache.joinpath(".backup-default.lock").mkdir(), "directory"),
    ],
)
def test_none_is_made_of_what_is_not_a_whole_linked_store(
    paths: SessionPaths, harm: Callable[[SessionPaths], object], why: str
) -> None:
    """One line says why; what there was before stays, and nothing half is left."""
    back_up(paths)
    paths.backup_lock.unlink()
    harm(paths)
    with pytest.raises(BackupFailedError, match=why) as caught:
        back_up(paths, keep=1)

    assert len(str(caught.value).splitlines()) == 1
    assert names(paths) == ["001"]
    assert not list(paths.cache.glob(".backup-*.new"))


def test_none_is_made_of_another_account(tmp_path: Path) -> None:
    """A store that was put into the wrong place is not taken for that account's."""
    paths = make_session(tmp_path, OTHER)
    with pytest.raises(BackupFailedError, match="another account"):
        back_up(paths)

    assert names(paths) == []


def test_none_is_made_through_a_link(paths: SessionPaths) -> None:
    """A session is kept in a real directory."""
    aside = paths.directory.rename(paths.data_dir / "aside")
    paths.directory.symlink_to(aside)
    with pytest.raises(BackupFailedError, match="is a link"):
        back_up(paths)


def test_numbers_only_grow(paths: SessionPaths) -> None:
    """Past three digits too, and past whatever has such a name; others' are not counted."""
    assert back_up(paths).name == "backup-default-001"
    shutil.rmtree(backup_named(paths, "backup-default-001").directory)
    (paths.cache / "backup-default-998").mkdir()
    assert back_up(paths).name == "backup-default-999"
    assert back_up(paths).name == "backup-default-1000"
    (paths.cache / "backup-default-1001").touch()
    (paths.cache / f"backup-{OTHER}-5000").mkdir()
    (paths.cache / "backup-default-5000x").mkdir()
    assert back_up(paths).name == "backup-default-1002"
    assert names(paths) == ["1002", "1000", "999"]


@pytest.mark.parametrize("keep", [1, 2, 5])
def test_the_newest_are_kept(paths: SessionPaths, keep: int) -> None:
    """The others go, and the outcome names them."""
    removed = [outcome for _ in range(7) for outcome in back_up(paths, keep=keep).removed]

    assert names(paths) == [f"{number:03}" for number in range(7, 7 - keep, -1)]
    assert removed == [f"backup-default-{number:03}" for number in range(1, 8 - keep)]


def test_the_newest_good_one_stays_even_if_it_is_the_oldest(paths: SessionPaths) -> None:
    """Damaged and retired ones do not push it out."""
    for name in ("good", "damaged", "damaged", "retired"):
        say(paths.store, name)
        back_up(paths)
    for number in ("002", "003"):
        hurt(paths.cache / f"backup-default-{number}" / COPY)
    retired = backup_named(paths, "backup-default-004")
    (retired.directory / RETIRED).write_bytes(b"{torn")

    assert clean_up(paths, keep=1) == ["backup-default-002", "backup-default-003"]
    assert names(paths) == ["004", "001"]
    assert said(backup_named(paths, "backup-default-001").copy) == "good"


def test_surplus_is_named_oldest_first() -> None:
    """At least one is always kept."""
    assert surplus_backups(["5", "4", "3", "2"], keep=2, good="5") == ["2", "3"]
    assert surplus_backups(["5", "4", "3", "2"], keep=0, good="3") == ["2", "4"]
    assert surplus_backups([], keep=3, good="") == []
    assert surplus_quarantines(["3", "2", "1"], keep=2) == ["1"]
    assert surplus_quarantines(["3", "2", "1"], keep=-1) == ["1", "2"]


def test_what_cannot_be_deleted_stays(paths: SessionPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new backup counts nevertheless."""
    back_up(paths)
    rename = Path.rename

    def denied(path: Path, target: Path) -> Path:
        if path.name == "backup-default-001":
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", denied)
    outcome = back_up(paths, keep=1)

    assert (outcome.name, outcome.removed) == ("backup-default-002", ())
    assert names(paths) == ["002", "001"]


def test_leftovers_are_cleared(paths: SessionPaths) -> None:
    """Of the account that backs up; another's may just be taking shape."""
    left, others = paths.cache / ".backup-default-001.new", paths.cache / f".backup-{OTHER}-001.new"
    for directory in (left, others):
        directory.mkdir(parents=True)
        (directory / COPY).write_bytes(b"half")
    back_up(paths)

    assert not left.exists()
    assert others.exists()
    assert names(paths) == ["001"]


def pipe(path: Path) -> None:
    """Put a pipe in a file's place: reading it might never end."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "harm",
    [
        lambda backup: (backup / MANIFEST).unlink(),
        lambda backup: (backup / MANIFEST).write_bytes(b"{torn"),
        lambda backup: (backup / MANIFEST).write_bytes(b" " * 100_000),
        lambda backup: (backup / MANIFEST).write_bytes(b"[" * 50_000),
        lambda backup: (backup / MANIFEST).write_text('{"formatVersion": 99}'),
        lambda backup: ((backup / MANIFEST).unlink(), (backup / MANIFEST).mkdir()),
        lambda backup: pipe(backup / MANIFEST),
    ],
)
def test_an_unreadable_manifest_is_named(paths: SessionPaths, harm: Callable[[Path], object]) -> None:
    """The backup does not count, is not deleted, and its number is not used again."""
    for _ in range(2):
        back_up(paths)
    harm(paths.cache / "backup-default-002")

    assert names(paths) == ["001"]
    assert unreadable_backups(paths) == ["backup-default-002"]
    assert back_up(paths, keep=1).name == "backup-default-003"
    assert (paths.cache / "backup-default-002").is_dir()


def test_somebody_elses_directory_is_no_trouble(paths: SessionPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bot that once ran as root has left what cannot be looked into."""
    for _ in range(2):
        back_up(paths)
    stat = Path.stat

    def denied(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.parent.name == "backup-default-002":
            raise PermissionError(13, "Permission denied")
        return stat(path, follow_symlinks=follow_symlinks)

    known = all_backups(paths)[0]
    monkeypatch.setattr(Path, "stat", denied)

    assert names(paths) == ["001"]
    assert unreadable_backups(paths) == ["backup-default-002"]
    assert fault_of(known) == "its copy cannot be read: permission denied"


def test_a_manifest_of_another_account_or_time_does_not_count(paths: SessionPaths) -> None:
    """A directory that was copied from elsewhere, and one whose time is none; keys of later versions are no harm."""
    for _ in range(3):
        back_up(paths)
    one, two, three = (paths.cache / f"backup-default-{number:03}" / MANIFEST for number in (1, 2, 3))
    one.write_text(one.read_text().replace('"account": "default"', '"account": "other"'))
    two.write_text(two.read_text().replace('"createdAt": "2', '"createdAt": "x'))
    three.write_text(three.read_text().replace("{", '{"color": "green",', 1))

    assert names(paths) == ["003"]
    assert unreadable_backups(paths) == ["backup-default-002", "backup-default-001"]


def test_a_copy_that_is_not_what_the_manifest_tells_of_is_found(paths: SessionPaths) -> None:
    """One bit, or no file at all."""
    back_up(paths)
    (backup,) = all_backups(paths)
    hurt(backup.copy)
    assert "checksum" in fault_of(backup)
    backup.copy.unlink()
    assert "missing" in fault_of(backup)
    backup.copy.symlink_to(paths.store)
    assert "missing" in fault_of(backup)


def test_retired_backups_of_one_linking_count_again_when_reinstated(paths: SessionPaths) -> None:
    """Those of another linking are not touched; a logout outweighs a person's clearing, not the other way round."""
    back_up(paths)
    old = identity_of(paths.store).fingerprint
    rewrite(paths, identity_key=b"n" * 32)
    back_up(paths)

    assert retire(paths, old, "cleared", "a person") == ["backup-default-001"]
    assert retire(paths, old, "cleared", "a person") == []
    assert retire(paths, old, "logged_out", "the phone") == ["backup-default-001"]
    assert retire(paths, old, "cleared", "a person") == []
    assert [backup.retired and backup.retired.kind for backup in all_backups(paths)] == [None, "logged_out"]
    reinstate(paths, old)
    assert [backup.retired for backup in all_backups(paths)] == [None, None]


def test_a_mark_that_cannot_be_read_still_counts(paths: SessionPaths) -> None:
    """Rather link anew than be refused again and again."""
    back_up(paths)
    (all_backups(paths)[0].directory / RETIRED).write_bytes(b"\x00")

    (backup,) = all_backups(paths)
    assert backup.retired is not None
    assert backup.retired.kind == "logged_out"


def test_a_manifest_survives_its_file(paths: SessionPaths) -> None:
    """What is written is what is read."""
    back_up(paths)
    (backup,) = all_backups(paths)
    save_manifest(paths.cache / "again.json", backup.manifest)

    assert load_manifest(paths.cache / "again.json") == backup.manifest


def test_two_at_a_time_wait_for_each_other(paths: SessionPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """For so long; then the second one gives up, in a line."""
    monkeypatch.setattr(snapshot, "LOCK_WAIT_S", 0.1)
    back_up(paths)
    with locked(paths.backup_lock, wait_s=0), pytest.raises(BackupFailedError, match="another backup"):
        back_up(paths)
    back_up(paths)

    assert names(paths) == ["002", "001"]


def test_keys_are_in_no_repr(paths: SessionPaths) -> None:
    """A log or a traceback gives nothing away."""
    assert "secret" not in repr(Job(str(paths.data_dir), "default", "test", keep=1, keys=("secret",)))


def test_a_store_with_an_absurd_device_is_no_surprise(paths: SessionPaths) -> None:
    """A number that Python would not convert."""
    for file in paths.directory.glob("session.db*"):
        file.unlink()
    write_store(paths.store, jid=f"{NUMBER}:{'1' * 5000}@s.whatsapp.net")

    assert identity_of(paths.store).device == 0
