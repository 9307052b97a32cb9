"""The session manager: everything that can be asked of, or done to, a session on disk."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from linda_bot.kernel.errors import ExitCode, LindaError, SessionHeldError, UsageError, unwritable
from linda_bot.kernel.files import clear_drafts, make_private_dir
from linda_bot.kernel.flock import is_held, locked
from linda_bot.sessions.backup_process import BackupProcess
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.catalogue import all_backups, clean_up, reinstate, retire
from linda_bot.sessions.device_status import ENDED_BY_A_PERSON, timestamp
from linda_bot.sessions.information import SessionInfo, gather
from linda_bot.sessions.lock import acquire_lock, held_by, holder_of
from linda_bot.sessions.manifest import Backup, load_retirement
from linda_bot.sessions.obstacles import clear_the_way
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths
from linda_bot.sessions.quarantine import set_aside
from linda_bot.sessions.recovery import BackupUnusableError, Choice, Recovery, finish_interrupted, put_back, recover
from linda_bot.sessions.snapshot_job import Job
from linda_bot.sessions.validation import Validation, Verdict, validate
from linda_bot.sessions.vault import Vault

KEEP = 5
_LOCK_WAIT_S = 10.0


class NoBackupError(LindaError):
    """A backup could not be made, or there is none that can be used; nothing was changed."""

    exit_code = ExitCode.UNWELL


class Restored(NamedTuple):
    """What came of putting a session in order, or a backup back."""

    validation: Validation
    """The five points as they are now."""
    backup: Backup | None = None
    """Which one was put back; None when the session was whole."""
    quarantined: Path | str | None = None
    """Where the store is that was there before."""
    passed_over: tuple[str, ...] = ()
    """Backups that could not be used, each with the reason."""
    kept: Backup | None = None
    """The backup that was made of the store that was there before."""


class SessionManager:
    """One account's session under a data directory.

    The methods block, and those that change files take the session's lock: they raise SessionHeldError, which names
    the holder, while a bot runs. From asynchronous code call them with `asyncio.to_thread`.
    """

    def __init__(
        self, data_dir: Path, account: str = DEFAULT_ACCOUNT, *, vault: Vault | None = None, keep: int = KEEP
    ) -> None:
        """Take where the session is, the vault that seals its backups (none: in the clear), how many are kept."""
        self.paths: SessionPaths = SessionPaths(Path(data_dir).absolute(), account)
        self.vault = vault
        self.keep = keep

    def validate_session(self) -> Validation:
        """Check the five points, also while a bot runs; raises SessionInaccessibleError."""
        return validate(self.paths, live=is_held(self.paths.engine_lock))

    def require_free(self) -> None:
        """Raise SessionHeldError, which names the holder, when a bot runs on the session."""
        holder = holder_of(self.paths)
        if holder is not None:
            raise SessionHeldError(held_by(holder.pid, holder.host))

    def can_restore_session(self) -> bool:
        """Return whether the session would come back without a QR code, as its files are."""
        return self.validate_session().verdict is Verdict.RESTORABLE

    def restore_session(self) -> Restored:
        """Put the session in order without connecting: a damaged or missing store gives way to the newest good backup.

        A whole session is left as it is, and so is one that the phone has logged out or a person has cleared.
        """

        async def work() -> Restored:
            async with self.held() as book:
                found = self._look()
                wanted = found.verdict in (Verdict.DAMAGED, Verdict.MISSING, Verdict.NOT_LINKED)
                if not wanted or book.status.restore_status in ENDED_BY_A_PERSON:
                    return Restored(found)
                choice = Choice(sandbox=self.sandbox, number=book.status.number)
                recovery = self._recover(choice, because=found.why)
                return self.restored(book, recovery, because=found.why)

        return asyncio.run(work())

    def backup_session(self, reason: str = "manual", *, keep: int | None = None) -> Backup:
        """Make a verified backup, also while a bot runs; raises NoBackupError."""
        if not self._has_store():
            raise NoBackupError(f"there is no session {self.paths.account} to back up in {self.paths.data_dir}")
        outcome = BackupProcess(self._backup_job(reason, self.keep if keep is None else keep)).outcome()
        if outcome.manifest is None:
            raise NoBackupError(outcome.error)
        self.save_session_state()
        directory = self.paths.cache / outcome.name
        return Backup(directory, outcome.manifest, load_retirement(directory))

    def backups(self) -> list[Backup]:
        """Return the backups there are, newest first."""
        return all_backups(self.paths)

    def restore_from_backup(self, name: str | None = None, *, force: bool = False) -> Restored:
        """Put a backup back, by its name or number, else the newest that verifies.

        A store that is whole is backed up first, and set aside in any case. Refuses a backup of another account, and
        without `force` one of a device that the phone has removed or of another number; raises UsageError then,
        NoBackupError when none can be used.
        """
        if not self.backups():
            raise NoBackupError(f"there is no backup of the session {self.paths.account} in {self.paths.cache}")

        async def work() -> Restored:
            async with self.held() as book:
                chosen = self._chosen(name, book, force=force)
                kept = await self.keep_present("before_restore")
                because = "a person asked for it"
                if chosen is None:
                    found = self._recover(self._choice(book, kept, force=force), because=because)
                    if found.backup is not None:
                        reinstate(self.paths, found.backup.manifest.fingerprint)
                    return self.restored(book, found, kept, because=because)
                try:
                    quarantined = self._put_back(chosen, because=because)
                except BackupUnusableError as error:
                    raise NoBackupError(f"{chosen.name} cannot be used: {error}; nothing was changed") from error
                reinstate(self.paths, chosen.manifest.fingerprint)
                return self.restored(book, Recovery(chosen, quarantined), kept, because=because)

        return asyncio.run(work())

    def clear_session(self, because: str = "a person asked for it") -> Path | None:
        """Force a new linking: back the session up, then set it aside; return where it is, None if there was none.

        Its backups stay; none of them is put back unless somebody asks for it.
        """

        async def work() -> Path | None:
            async with self.held() as book:
                found = self._look()
                await self.keep_present("before_clear")
                if found.identity is not None:
                    retire(self.paths, found.identity.fingerprint, "cleared", "the session was cleared by a person")
                book.remember()
                place = self._set_aside(because)
                book.note("session_cleared", because=because)
                book.change(device_linked=False, is_active=False, linked_at=None, restore_status="cleared")
                return place

        return asyncio.run(work())

    def save_session_state(self) -> None:
        """Bring session-state.json up to date with what is on the disk."""

        async def work() -> None:
            book = SessionBook(self.paths)
            book.backups_changed()
            await book.close()

        if self.paths.directory.is_dir():
            asyncio.run(work())

    def get_session_info(self) -> SessionInfo:
        """Return what is known of the session, also while a bot runs; raises SessionInaccessibleError."""
        return gather(self.paths, self.validate_session())

    def cleanup_old_backups(self, keep: int | None = None) -> list[str]:
        """Delete the backups beyond the newest `keep`, never the newest good one; return their names."""
        if not self.paths.cache.is_dir():
            return []
        try:
            with locked(self.paths.backup_lock, wait_s=_LOCK_WAIT_S):
                return clean_up(self.paths, keep=self.keep if keep is None else keep)
        except BlockingIOError:
            raise NoBackupError("a backup is being made; try again in a moment") from None

    @property
    def sandbox(self) -> bool:
        """Whether the session is a sandbox's."""
        return self.paths.sandbox_mark.exists()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[SessionBook]:
        """Hold the session's lock; yields its book, which is on the disk when the block is left."""
        make_private_dir(self.paths.directory)
        lock = await acquire_lock(self.paths)
        try:
            clear_drafts(self.paths.directory)
            clear_the_way(self.paths)
            finish_interrupted(self.paths)
            book = SessionBook(self.paths)
            yield book
            await book.close()
        except OSError as error:
            raise unwritable(error) from error
        finally:
            lock.release()

    def _chosen(self, name: str | None, book: SessionBook, *, force: bool) -> Backup | None:
        """Return the backup that is meant, None for whichever is good; raises UsageError for one that is not fit."""
        found = self.backups()
        if name is None:
            return None
        number = f"backup-{self.paths.account}-{int(name):03}" if name.isdecimal() else name
        backup = next((backup for backup in found if backup.name == number), None)
        if backup is None:
            there = ", ".join(backup.name for backup in found) or "none"
            raise UsageError(f"there is no backup {name}; there are: {there}")
        manifest = backup.manifest
        if self.paths.number is not None and manifest.linked_number != self.paths.number:
            raise UsageError(f"{backup.name} is linked to another account than {self.paths.account}")
        if self._has_store() and manifest.sandbox is not self.sandbox:
            raise UsageError(f"{backup.name} and the present session do not both belong to WhatsApp or to a sandbox")
        if force:
            return backup
        if backup.retired is not None and backup.retired.kind != "cleared":
            why = f"WhatsApp will refuse it ({backup.retired.because})"
            raise UsageError(f"{backup.name}: {why}; link anew with `linda-bot run`, or insist with --force")
        if book.status.number not in ("", manifest.linked_number):
            raise UsageError(f"{backup.name} is linked to another number than this session; insist with --force")
        return backup

    def _choice(self, book: SessionBook, kept: Backup | None, *, force: bool) -> Choice:
        """Return which backups a person means who names none: the newest from before."""
        return Choice(
            sandbox=self.sandbox,
            number="" if force else book.status.number,
            passed_over={kept.name: "it is the session that was there just now"} if kept else {},
            also_cleared=True,
        )

    async def keep_present(self, reason: str) -> Backup | None:
        """Back a whole store up before it goes; raises UsageError for one of another account."""
        found = self._look()
        if found.verdict is Verdict.WRONG_ACCOUNT:
            raise UsageError(f"{found.why}; nothing was changed")
        if found.verdict is not Verdict.RESTORABLE:
            return None
        # One more than usual: the oldest may be the one that is to be put back.
        return await asyncio.to_thread(self.backup_session, reason, keep=self.keep + 1)

    def restored(
        self, book: SessionBook, recovery: Recovery, kept: Backup | None = None, *, because: str, imported: bool = False
    ) -> Restored:
        """Write into the book which backup was put back, and return what came of it."""
        backup = recovery.backup
        if backup is not None:
            made_at = timestamp(backup.manifest.created)
            book.change(device_linked=True, number=backup.manifest.linked_number, restore_status="from_backup")
            passed_over: dict[str, Any] = {"passedOver": list(recovery.passed_over)} if recovery.passed_over else {}
            facts: dict[str, Any] = {"because": because, "by": "person", "backup": backup.name, "madeAt": made_at}
            book.note("session_imported" if imported else "session_restored", **facts, **passed_over)
        return Restored(self._look(), backup, recovery.quarantined, recovery.passed_over, kept)

    # What is done to the store itself: of one that is in no file, in another way.

    def _has_store(self) -> bool:
        return self.paths.store.exists()

    def _look(self) -> Validation:
        """Check the five points of a session that nobody runs."""
        return validate(self.paths)

    def _backup_job(self, reason: str, keep: int) -> Job:
        keys = self.vault.keys if self.vault else ()
        return Job(str(self.paths.data_dir), self.paths.account, reason, keep=keep, keys=keys)

    def _recover(self, choice: Choice, *, because: str) -> Recovery:
        return recover(self.paths, self.vault, choice, because=because)

    def _put_back(self, backup: Backup, *, because: str) -> Path | str | None:
        return put_back(self.paths, backup, self.vault, because=because)

    def _set_aside(self, because: str) -> Path | None:
        return set_aside(self.paths, because)
