"""Where an account's session and messages are, for as long as the account lives in this process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from linda_bot.app.job import Job
from linda_bot.connection.session import SessionFiles
from linda_bot.connection.session_files import StoredSession
from linda_bot.messaging.store import Store
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.guard import Guard
from linda_bot.sessions.snapshot_job import Job as BackupJob
from linda_bot.sessions.vault import Vault
from linda_bot.whatsapp.port import LinkRequest


class KeptSession(SessionFiles, Protocol):
    """A session as an account has it: what the link asks for, and the care around it."""

    async def set_guard(self) -> Guard:
        """Set the guard in the store of an engine that is connected."""

    async def look_at_guard(self) -> Guard:
        """Look whether the guard is still there."""

    async def keep_marking(self) -> None:
        """Mark the store now and then, until cancelled, so that one that goes back is noticed."""

    async def close(self) -> None:
        """Have everything survive a power loss from here on; only after the engine is gone."""


class Storage(Protocol):
    """Makes what an account keeps, of one kind throughout."""

    is_backed_up_at_the_end: bool
    """Whether a backup is made at an orderly end; no account that only changes hands has to wait for one."""

    @property
    def has_session(self) -> bool:
        """Whether an account is linked, as far as can be told at a glance; once it is opened."""

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Have at hand what follows the account until the end of the block; before anything of it is read."""

    def session(self, book: SessionBook, vault: Vault | None) -> KeptSession:
        """Return the session."""

    def mailbox(self, trouble: Callable[[str], None]) -> Store:
        """Return the messages; `trouble` is told what keeps them from being written."""

    def backup_job(self, reason: str, keys: tuple[str, ...]) -> BackupJob:
        """Return what a process is to do that makes a backup."""

    def complete(self, request: LinkRequest) -> LinkRequest:
        """Add to a request what an engine needs to know of where everything is."""


class FileStorage:
    """Everything in files under the data directory."""

    is_backed_up_at_the_end = True

    def __init__(self, job: Job) -> None:
        self._job = job

    @property
    def has_session(self) -> bool:
        """Whether there is a store, whatever is in it."""
        return self._job.paths.store.exists()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """It is there already, unless it was moved into a database; raises LivesElsewhereError."""
        if self._job.paths.moved_to.exists():
            from linda_bot.app.migrating.records import refuse_if_elsewhere  # hardly anybody pays for it

            await asyncio.to_thread(refuse_if_elsewhere, self._job.paths, None)
        yield

    def session(self, book: SessionBook, vault: Vault | None) -> KeptSession:
        """Return the session's files."""
        job = self._job
        return StoredSession(job.paths, book, vault, in_sandbox=job.in_sandbox, manners=job.manners)

    def mailbox(self, trouble: Callable[[str], None]) -> Store:
        """Return the mailbox's file."""
        return Store(self._job.paths.mailbox, trouble)

    def backup_job(self, reason: str, keys: tuple[str, ...]) -> BackupJob:
        """Have the store's file copied."""
        paths, keep = self._job.paths, self._job.settings.backup.keep
        return BackupJob(str(paths.data_dir), paths.account, reason, keep=keep, keys=keys)

    def complete(self, request: LinkRequest) -> LinkRequest:
        """Nothing is missing: the engine has the paths."""
        return request
