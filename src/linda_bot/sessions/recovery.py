"""Putting a backup back: checked, freed of its old ratchets, and moved into place so that a death leaves no half."""

import errno
import shutil
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from linda_bot.kernel.errors import ExitCode, LindaError, UsageError
from linda_bot.kernel.files import make_private_dir, put_unreadable_aside, sync_directory, sync_file
from linda_bot.kernel.flock import locked
from linda_bot.sessions.aftercare import begin_aftercare
from linda_bot.sessions.catalogue import all_backups, fault_of, unreadable_backups
from linda_bot.sessions.manifest import Backup
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.quarantine import set_store_aside
from linda_bot.sessions.ratchets import strip_ratchets
from linda_bot.sessions.rollback import load_run_mark, save_run_mark, set_generation
from linda_bot.sessions.store import DeviceBrokenError, StoreDamagedError, read_identity, side_files
from linda_bot.sessions.vault import Vault

LOCK_WAIT_S = 60.0
_DISK_TROUBLE = frozenset({7, 10, 13, 14})
"""Primary result codes: NOMEM, IOERR, FULL, CANTOPEN (sqlite.org/rescode.html)."""


class BackupUnusableError(LindaError):
    """A backup does not hold what it should; nothing was changed."""

    exit_code = ExitCode.UNWELL


class Choice(NamedTuple):
    """Which backups may be put back without being named."""

    sandbox: bool = False
    """Whether the session is a sandbox's, or WhatsApp's."""
    number: str = ""
    """The number that the session is known to be linked to; empty for any."""
    passed_over: Mapping[str, str] = {}
    """Backups that are not meant, each with the reason."""
    also_cleared: bool = False
    """Whether those count from before a person cleared the session."""


class Recovery(NamedTuple):
    """What came of looking for a backup to put back."""

    backup: Backup | None = None
    """Which one is in place now."""
    quarantined: Path | str | None = None
    """Where the store went that was there before: a directory, or a place in a database."""
    passed_over: tuple[str, ...] = ()
    """The backups that were not used, each with the reason."""


class PuttingBack(Protocol):
    """Puts one backup in the store's place; see `put_back`."""

    def __call__(self, paths: SessionPaths, backup: Backup, vault: Vault | None, *, because: str) -> Path | str | None:
        """Return where the store went that was there before."""


def recover(
    paths: SessionPaths, vault: Vault | None, choice: Choice, *, because: str, put: PuttingBack | None = None
) -> Recovery:
    """Put the newest backup back that may be chosen and verifies; `put` is how, when the store is no file.

    Only while no engine has the store open. Raises OSError when the disk does not allow it.
    """
    passed_over = [f"{name}: its manifest cannot be read" for name in unreadable_backups(paths)]
    for backup in all_backups(paths):
        reason = _unfit(backup, paths, choice)
        if not reason:
            try:
                return Recovery(backup, (put or put_back)(paths, backup, vault, because=because), tuple(passed_over))
            except (BackupUnusableError, UsageError) as error:
                reason = str(error)
        passed_over.append(f"{backup.name}: {reason}")
    return Recovery(passed_over=tuple(passed_over))


def put_back(paths: SessionPaths, backup: Backup, vault: Vault | None, *, because: str) -> Path | None:
    """Put one backup in the store's place and return where that went, if there was one.

    Whatever happens, either the old store is in place, or the whole new one is, or `finish_interrupted` brings it
    there. Raises BackupUnusableError, UsageError for a key that does not fit, OSError.
    """
    make_private_dir(paths.directory)
    try:
        with locked(paths.backup_lock, wait_s=LOCK_WAIT_S):  # no copy is taken of a store that is on the move
            draft = paths.next_store.with_name(f"{paths.next_store.name}.draft")
            try:
                prepare_draft(draft, paths, backup, vault)
                begin_aftercare(
                    paths.aftercare,
                    because=because,
                    now=datetime.now(UTC),
                    backup=backup.name,
                    made_at=backup.manifest.created_at,
                )
                draft.replace(paths.next_store)
            finally:
                for file in (draft, *side_files(draft)):
                    file.unlink(missing_ok=True)
            sync_directory(paths.directory)
            return _take_place(paths, because)
    except BlockingIOError:
        raise BackupUnusableError("a backup of the present session is being made; try again in a moment") from None


def finish_interrupted(paths: SessionPaths) -> bool:
    """Bring a restore to its end that was cut short after the new store was whole; return whether there was one.

    Raises OSError when the disk does not allow it.
    """
    if not paths.next_store.is_file():
        return False
    if not _is_whole(paths.next_store):  # no restore of ours has left it
        put_unreadable_aside(paths.next_store)
        return False
    _take_place(paths, "a restore was interrupted")
    return True


def _is_whole(store: Path) -> bool:
    try:
        return read_identity(store) is not None
    except (StoreDamagedError, DeviceBrokenError, sqlite3.DatabaseError) as error:
        _blame_the_disk(error, store)
        return False


def _unfit(backup: Backup, paths: SessionPaths, choice: Choice) -> str:
    if backup.name in choice.passed_over:
        return choice.passed_over[backup.name]
    if backup.retired is not None and not (choice.also_cleared and backup.retired.kind == "cleared"):
        return backup.retired.because
    if backup.manifest.linked_number != (paths.number or choice.number or backup.manifest.linked_number):
        return "it is another account's"
    if backup.manifest.sandbox is not choice.sandbox:
        return "it is a sandbox's" if backup.manifest.sandbox else "it is not a sandbox's"
    return ""


def prepare_draft(draft: Path, paths: SessionPaths, backup: Backup, vault: Vault | None) -> None:
    """Make a whole store of a backup, with fresh ratchets, on the disk.

    Raises BackupUnusableError, UsageError for a key that does not fit, OSError.
    """
    if fault := fault_of(backup):
        raise BackupUnusableError(fault)
    _unpack(draft, backup, vault)
    try:
        identity = read_identity(draft, "rw", thorough=True)
        if identity is None or identity.fingerprint != backup.manifest.fingerprint:
            raise BackupUnusableError("it is not the session that its manifest tells of")
        strip_ratchets(draft, identity)
        mark = load_run_mark(paths.run_mark)
        generation = max(mark.generation, backup.manifest.generation) + 1
        set_generation(draft, generation)
    except (StoreDamagedError, DeviceBrokenError, sqlite3.DatabaseError) as error:
        _blame_the_disk(error, draft)
        raise BackupUnusableError(f"its copy is damaged: {error}") from error
    sync_file(draft)


def _blame_the_disk(error: Exception, store: Path) -> None:
    """Raise OSError when an error says nothing against a store, but that the disk is full or fails."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DISK_TROUBLE:
        raise OSError(errno.EIO, str(error), str(store)) from error


def _unpack(draft: Path, backup: Backup, vault: Vault | None) -> None:
    for file in (draft, *side_files(draft)):  # an old journal would be played back into the new draft
        file.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    if not backup.manifest.sealed_with:
        shutil.copyfile(backup.copy, draft)
        return
    if vault is None:
        message = (
            f"it is encrypted with the key {backup.manifest.sealed_with}; name the key file in LINDA_BACKUP__KEY_FILE"
        )
        raise UsageError(message)
    if backup.manifest.sealed_with not in vault.fingerprints:
        ours = ", ".join(vault.fingerprints)
        message = f"it is encrypted with the key {backup.manifest.sealed_with}, not with the key given ({ours})"
        raise UsageError(message)
    draft.write_bytes(vault.open(backup.copy.read_bytes()))


def _take_place(paths: SessionPaths, because: str) -> Path | None:
    quarantined = set_store_aside(paths, because)
    paths.next_store.replace(paths.store)
    sync_directory(paths.directory)
    mark = load_run_mark(paths.run_mark)
    if mark.running:  # what happened to the old store says nothing about the new one
        save_run_mark(paths.run_mark, type(mark)(boot_id=mark.boot_id, running=False, generation=mark.generation))
    return quarantined
