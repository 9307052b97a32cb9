"""An account's session and messages in a database that several hosts share."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Protocol

import msgspec

from linda_bot.app.companions import beside
from linda_bot.app.job import Job
from linda_bot.app.migrating.records import refuse_if_elsewhere
from linda_bot.app.storage import KeptSession
from linda_bot.connection.session_files import to_the_end
from linda_bot.connection.shared_session import SharedSession
from linda_bot.database.connecting import Database
from linda_bot.database.migrating import bring_account_up_to_date
from linda_bot.database.places import account_place
from linda_bot.kernel.errors import LindaError
from linda_bot.messaging.shared_ground import SharedGround
from linda_bot.messaging.store import Store
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.device_status import load_status
from linda_bot.sessions.mirror.pulling import pull
from linda_bot.sessions.mirror.pushing import Mirror
from linda_bot.sessions.snapshot_job import Job as BackupJob
from linda_bot.sessions.vault import Vault
from linda_bot.whatsapp.mailbox_database import MailPlace
from linda_bot.whatsapp.port import LinkRequest

_FLUSHED_WITHIN_S = 4.0

_log = logging.getLogger("linda_bot.app")


class LeaseEndedError(LindaError):
    """The account is not this host's any more."""


class Lease(Protocol):
    """The right by which an account is run here."""

    def fence(self, account: str) -> int | None:
        """Return its number; None where there is none any more."""

    def right_s(self, account: str) -> float:
        """Return for how long an engine may live that is begun now; 0 where none may be begun."""

    def lost(self, account: str, because: str) -> None:
        """Take word that the lease has passed on."""


class SharedStorage:
    """Everything in a database, but for small files, which follow the account."""

    is_backed_up_at_the_end = False

    def __init__(self, job: Job, database: Database, lease: Lease) -> None:
        """Take what is to be run, and by what right; raises LeaseEndedError where there is none."""
        self._job = job
        self._database = database
        self._lease = lease
        self._session: SharedSession | None = None
        found = lease.fence(job.settings.account)
        if found is None:
            raise LeaseEndedError("another host has the account by now")
        self._fence = found
        """Of the lease by which it began: a later one is another life's."""

    @property
    def has_session(self) -> bool:
        """Whether an account is linked, as far as is known without the session."""
        path = self._job.paths.device_status
        return path.exists() and load_status(path)[0].device_linked

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Bring the account's small files here, and what changes of them back, until the end of the block.

        Raises DatabaseTroubleError, FencedOffError, UsageError.
        """
        job = self._job
        # To the end: a file that was laid down after the lock is given up would be in another life's place.
        await to_the_end(partial(refuse_if_elsewhere, job.paths, self._database))
        await to_the_end(partial(bring_account_up_to_date, self._database, job.paths.account))
        await to_the_end(partial(pull, self._database, job.paths, self._fence))
        mirror = Mirror(
            self._database,
            job.paths,
            self._fence,
            on_fenced=self._passed_on,
            trouble=lambda because: _log.warning("the account's small files stay behind: %s", because),
            recovered=lambda: _log.info("the account's small files are brought to the database again"),
        )
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self._flush, mirror)
            await closing.enter_async_context(beside("mirror", mirror.run()))
            yield

    def session(self, book: SessionBook, vault: Vault | None) -> KeptSession:
        """Return the session."""
        job = self._job
        self._session = SharedSession(
            self._database,
            job.paths,
            book,
            vault,
            fence=lambda: self._fence,
            on_fenced=self._passed_on,
            in_sandbox=job.in_sandbox,
            manners=job.manners,
        )
        return self._session

    def mailbox(self, trouble: Callable[[str], None]) -> Store:
        """Return the messages."""
        ground = SharedGround(self._mail("daemon"), self._job.paths.attachments, trouble, on_fenced=self._passed_on)
        return Store(ground, trouble)

    def backup_job(self, reason: str, keys: tuple[str, ...]) -> BackupJob:
        """Have the session's tables copied."""
        assert self._session is not None
        return msgspec.structs.replace(self._session.backup_job(reason, keep=self._job.settings.backup.keep), keys=keys)

    def complete(self, request: LinkRequest) -> LinkRequest:
        """Say where everything is, and for how long the engine may be there; raises LeaseEndedError."""
        assert self._session is not None
        account = self._job.settings.account
        right_s = self._lease.right_s(account)
        if right_s <= 0 or self._lease.fence(account) != self._fence:
            raise LeaseEndedError("another host may have the account by now")
        return msgspec.structs.replace(
            request, source=self._session.source, mail=self._mail("engine").encode(), right_s=right_s
        )

    def _mail(self, what: str) -> MailPlace:
        return MailPlace.of(self._database, account_place(self._job.settings.account, what, self._fence))

    def _passed_on(self) -> None:
        if self._lease.fence(self._job.settings.account) == self._fence:
            self._lease.lost(self._job.settings.account, "the database says that another host has it")

    async def _flush(self, mirror: Mirror) -> None:
        is_ours = self._lease.fence(self._job.settings.account) == self._fence
        if not await mirror.flush(within_s=_FLUSHED_WITHIN_S if is_ours else 0.0) and is_ours:
            _log.warning("the account's small files could not all be brought to the database; they are on this host")
