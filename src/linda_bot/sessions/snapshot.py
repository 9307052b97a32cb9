"""The process that makes one backup: `python -m linda_bot.sessions.snapshot`, a job on stdin, the outcome on stdout.

A process of its own, because opening and closing a database drops the locks that the same process holds on it
elsewhere (sqlite.org/howtocorrupt.html 2.2), and because neither copying nor hashing may hold up an event loop.
"""

import hashlib
import os
import sqlite3
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from linda_bot.kernel.errors import ExitCode, LindaError
from linda_bot.kernel.files import make_private_dir, write_atomic
from linda_bot.kernel.flock import locked
from linda_bot.sessions.catalogue import clean_up, name_of, taking_shape
from linda_bot.sessions.device_status import timestamp
from linda_bot.sessions.manifest import COPY, MANIFEST, SEALED_COPY, Manifest, save_manifest
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.rollback import read_generation
from linda_bot.sessions.snapshot_job import Job, Outcome, SharedSource
from linda_bot.sessions.store import DeviceBrokenError, Identity, StoreDamagedError, opened, read_identity
from linda_bot.sessions.vault import Vault

LOCK_WAIT_S = 30.0
_BUSY_S = 15.0


class BackupFailedError(LindaError):
    """No backup was made; what was there before still is."""

    exit_code = ExitCode.UNWELL


def make_backup(job: Job) -> Outcome:
    """Copy, check, describe, and only then give it its name; raises BackupFailedError."""
    paths = SessionPaths(Path(job.data_dir), job.account)
    make_private_dir(paths.cache)
    if paths.directory.is_symlink():
        raise BackupFailedError(f"no backup was made: {paths.directory} is a link")
    try:
        with locked(paths.backup_lock, wait_s=LOCK_WAIT_S):
            return _make(job, paths)
    except BlockingIOError:
        raise BackupFailedError("another backup of this session has been running for too long") from None
    except (OSError, sqlite3.Error, UnicodeDecodeError, StoreDamagedError, DeviceBrokenError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BackupFailedError(f"no backup was made: {reason}") from error


def _make(job: Job, paths: SessionPaths) -> Outcome:
    with taking_shape(paths) as draft:
        manifest = _fill(draft, job, paths)
        name = name_of(draft)
    return Outcome(name=name, manifest=manifest, removed=tuple(clean_up(paths, keep=job.keep, good=name)))


def _fill(draft: Path, job: Job, paths: SessionPaths) -> Manifest:
    copy = draft / COPY
    if job.shared is None:
        _copy(paths.store, copy)
    else:
        _copy_shared(job.shared, job.account, copy)
    made_at = datetime.now(UTC)
    keeping = None if job.keys else _Keeping(copy)
    identity = _look_over(copy, paths)
    generation = read_generation(copy)
    if job.keys:
        vault = Vault(job.keys)
        sealed = draft / SEALED_COPY
        write_atomic(sealed, vault.seal(copy.read_bytes()))
        copy.unlink()
        copy = sealed
    sha256 = (keeping or _Keeping(copy)).sha256()
    manifest = Manifest(
        account=job.account,
        linked_number=identity.number,
        device=identity.device,
        registration_id=identity.registration_id,
        fingerprint=identity.fingerprint,
        created_at=timestamp(made_at),
        reason=job.reason,
        sha256=sha256,
        size=copy.stat().st_size,
        neonize_version=_neonize_version(),
        sandbox=paths.sandbox_mark.exists(),
        sealed_with=vault.fingerprints[0] if job.keys else "",
        generation=generation,
    )
    save_manifest(draft / MANIFEST, manifest)
    return manifest


def _copy(store: Path, copy: Path) -> None:
    """Copy a store as of one moment, in a single step: with a write-ahead log that holds nobody up.

    In several steps it would begin anew whenever the engine writes in between (sqlite.org/backup.html).
    """
    copy.touch(mode=0o600)
    with opened(store, busy_s=_BUSY_S) as source, opened(copy, "rw") as target:
        # Nothing reads it before it is checked and brought to the disk as a whole.
        target.execute("PRAGMA journal_mode=OFF")
        target.execute("PRAGMA synchronous=OFF")
        source.backup(target)
    with opened(copy, "rw") as target:
        target.execute("PRAGMA synchronous=OFF")
        target.execute("PRAGMA journal_mode=DELETE").fetchone()  # one file, without a log beside it


def _copy_shared(source: SharedSource, account: str, copy: Path) -> None:
    from linda_bot.database.connecting import Database
    from linda_bot.sessions.shared.access import SharedStore
    from linda_bot.sessions.shared.copying import copy_to_file
    from linda_bot.sessions.shared.making import Maker

    store = SharedStore(Database(source.address), account, source.fence)
    try:
        copy_to_file(store, copy, Maker(source.maker))
    except LindaError as error:
        raise BackupFailedError(f"no backup was made: {error}") from error


def _look_over(copy: Path, paths: SessionPaths) -> Identity:
    identity = read_identity(copy, thorough=True)
    if identity is None:
        raise DeviceBrokenError("the session holds no linked device")
    if paths.number is not None and identity.number != paths.number:
        raise DeviceBrokenError("the session is linked to another account")
    return identity


class _Keeping:
    """Has a file survive a power loss, and sums it up, while others read it: the one waits, the other calculates."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._trouble: OSError | None = None
        self._syncing = threading.Thread(target=self._sync, daemon=True)
        self._summing = threading.Thread(target=self._sum_up, daemon=True)
        self._sha256 = ""
        self._syncing.start()
        self._summing.start()

    def sha256(self) -> str:
        """Return the sum when the file is on the disk; raises OSError."""
        self._syncing.join()
        self._summing.join()
        if self._trouble is not None:
            raise self._trouble
        assert self._sha256
        return self._sha256

    def _sync(self) -> None:
        try:
            with self._file.open("rb") as opened_file:
                os.fsync(opened_file.fileno())
        except OSError as error:
            self._trouble = error

    def _sum_up(self) -> None:
        try:
            with self._file.open("rb") as opened_file:
                self._sha256 = hashlib.file_digest(opened_file, "sha256").hexdigest()
        except OSError as error:
            self._trouble = error


def _neonize_version() -> str:
    """Return what is installed; importlib.metadata knows it too, but takes as long to import as all the rest."""
    found = (entry for place in sys.path for entry in Path(place).glob("neonize-*.dist-info"))
    return next((entry.name.removeprefix("neonize-").removesuffix(".dist-info") for entry in found), "")


def main() -> int:
    """Carry out the job on stdin."""
    os.umask(0o077)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    try:
        outcome = make_backup(job)
    except LindaError as error:
        outcome = Outcome(error=str(error))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main())
