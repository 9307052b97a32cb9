"""Putting a backup back into a database: prepared as a file, loaded beside the session, and swapped in at once."""

import sqlite3
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from linda_bot.kernel.files import make_private_dir
from linda_bot.kernel.flock import locked
from linda_bot.sessions.aftercare import begin_aftercare
from linda_bot.sessions.manifest import Backup
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.recovery import LOCK_WAIT_S, BackupUnusableError, Choice, Recovery, prepare_draft, recover
from linda_bot.sessions.rollback import load_run_mark, save_run_mark
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.copying import CopyFailedError, copy_to_schema
from linda_bot.sessions.shared.making import Maker
from linda_bot.sessions.shared.schema import drop, prepare, take_place
from linda_bot.sessions.store import side_files
from linda_bot.sessions.vault import Vault


def recover_shared(
    store: SharedStore, maker: Maker, paths: SessionPaths, vault: Vault | None, choice: Choice, *, because: str
) -> Recovery:
    """Put the newest backup back that may be chosen and verifies, as `sessions.recovery.recover`.

    Only while no engine works on the session. Raises DatabaseTroubleError, FencedOffError, TablesNotMadeError, OSError.
    """
    return recover(paths, vault, choice, because=because, put=partial(put_back, store, maker))


def put_back(
    store: SharedStore, maker: Maker, paths: SessionPaths, backup: Backup, vault: Vault | None, *, because: str
) -> str | None:
    """Put one backup in the session's place and return the schema where that went, if there was one.

    Whatever happens, either the old session is in place, or the whole new one is. Raises BackupUnusableError,
    UsageError for a key that does not fit, DatabaseTroubleError, TablesNotMadeError, OSError.
    """
    make_private_dir(paths.directory)
    draft = paths.next_store.with_name(f"{paths.next_store.name}.draft")
    try:
        with locked(paths.backup_lock, wait_s=LOCK_WAIT_S):  # no copy is taken of a session that is on the move
            try:
                prepare_draft(draft, paths, backup, vault)
                maker.make(str(draft))  # an older version of the library may have made it
                _load(store, maker, draft)
            finally:
                for file in (draft, *side_files(draft)):
                    file.unlink(missing_ok=True)
            begin_aftercare(
                paths.aftercare,
                because=because,
                now=datetime.now(UTC),
                backup=backup.name,
                made_at=backup.manifest.created_at,
            )
            aside = take_place(store, because)
    except BlockingIOError:
        raise BackupUnusableError("a backup of the present session is being made; try again in a moment") from None
    mark = load_run_mark(paths.run_mark)
    if mark.running:  # what happened to the old session says nothing about the new one
        save_run_mark(paths.run_mark, msgspec.structs.replace(mark, running=False))
    return aside


def _load(store: SharedStore, maker: Maker, draft: Path) -> None:
    with store.opened() as connection:
        drop(connection, store.draft)  # what a restore left that was interrupted
    prepare(store, maker, schema=store.draft)
    try:
        copy_to_schema(draft, store, schema=store.draft)
    except (CopyFailedError, sqlite3.Error) as error:
        raise BackupUnusableError(f"its copy cannot be used: {error}") from error
