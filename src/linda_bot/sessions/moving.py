"""A session leaves for another machine, or arrives from one."""

import asyncio
import shutil
from pathlib import Path

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import write_atomic
from linda_bot.sessions.archive import HISTORY, STATUS, pack, unpack
from linda_bot.sessions.manager import NoBackupError, Restored, SessionManager
from linda_bot.sessions.manifest import Backup
from linda_bot.sessions.recovery import BackupUnusableError, Recovery, put_back
from linda_bot.sessions.validation import Verdict, validate


def export_session(manager: SessionManager, file: Path) -> Backup:
    """Write the session into a new archive, also while a bot runs; raises NoBackupError, UsageError."""
    backup = manager.backup_session("export")
    pack(manager.paths, backup, file)
    return backup


def import_session(manager: SessionManager, file: Path, *, force: bool = False) -> Restored:
    """Take a session out of an archive and put it in place, with new Signal sessions.

    With `force` also over a session that is whole, which is backed up and set aside first. Raises SessionHeldError
    while a bot runs, UsageError, NoBackupError; nothing is changed then.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}")

    async def work() -> Restored:
        async with manager.held() as book:
            paths = manager.paths
            found = validate(paths)
            if found.verdict is Verdict.WRONG_ACCOUNT:
                raise UsageError(f"{found.why}; nothing was changed")
            if found.verdict is Verdict.RESTORABLE and not force:
                raise UsageError("there is a session already, and it is whole; to replace it, insist with --force")
            unpacked = unpack(paths, file)
            kept = await manager.keep_present("before_import")
            if not paths.store.exists() and unpacked.backup.manifest.sandbox:
                paths.sandbox_mark.touch(mode=0o600)
            try:
                quarantined = put_back(paths, unpacked.backup, manager.vault, because="a session was imported")
            except (BackupUnusableError, UsageError) as error:
                shutil.rmtree(unpacked.backup.directory, ignore_errors=True)  # the file has it still
                if isinstance(error, UsageError):
                    raise
                raise NoBackupError(f"{file} cannot be used: {error}; the session here is as it was") from error
            _bring_states(unpacked.states, manager)
            book.reload()
            recovery = Recovery(unpacked.backup, quarantined)
            return manager.restored(book, recovery, kept, because="a session was imported", imported=True)

    return asyncio.run(work())


def _bring_states(states: dict[str, bytes], manager: SessionManager) -> None:
    """Put the state files that came along where there are none."""
    for name, path in ((STATUS, manager.paths.device_status), (HISTORY, manager.paths.history)):
        if name in states and not path.exists():
            write_atomic(path, states[name])
