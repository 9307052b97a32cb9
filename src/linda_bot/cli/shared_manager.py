"""The session manager of an account in a shared database, for a person's commands.

What changes anything is done by a lease of the account's, so that no host begins it meanwhile; its small files are
brought here for it, and back when it is done. A command that dies leaves the lease to run out.
"""

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from linda_bot.cli.shared_places import WITHIN_S, SharedAccount
from linda_bot.database.connecting import DatabaseTroubleError
from linda_bot.database.migrating import bring_account_up_to_date
from linda_bot.fleet.ledger import Host, Why
from linda_bot.fleet.postgres_ledger import PostgresLedger
from linda_bot.kernel.errors import SessionHeldError
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.information import SessionInfo
from linda_bot.sessions.manager import KEEP, NoBackupError, SessionManager
from linda_bot.sessions.manifest import Backup
from linda_bot.sessions.mirror.pulling import pull
from linda_bot.sessions.mirror.pushing import push_once
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.recovery import Choice, Recovery
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.making import Maker, TablesNotMadeError
from linda_bot.sessions.shared.recovery import put_back, recover_shared
from linda_bot.sessions.shared.schema import set_aside
from linda_bot.sessions.snapshot_job import Job, SharedSource
from linda_bot.sessions.validation import Validation
from linda_bot.sessions.vault import Vault
from linda_bot.whatsapp.preparing import PREPARE_COMMAND

_LEASE_S = 120.0
"""Not renewed: what takes longer is refused by the tables, and nothing is changed."""


class SharedManager(SessionManager):
    """A session in a database; beside its own errors everything raises DatabaseTroubleError."""

    def __init__(
        self, shared: SharedAccount, paths: SessionPaths, *, vault: Vault | None = None, keep: int = KEEP
    ) -> None:
        """Take the account, and where its small files are."""
        super().__init__(paths.data_dir, paths.account, vault=vault, keep=keep)
        self.shared = shared
        self._maker = Maker(PREPARE_COMMAND)
        self._fence: int | None = None
        """Of the lease by which something is done just now."""

    def validate_session(self) -> Validation:
        """Check the five points, whoever has the account."""
        return self.shared.validation(self.paths)

    def require_free(self) -> None:
        """Raise SessionHeldError while a host has the account."""
        self.shared.require_free()

    def get_session_info(self) -> SessionInfo:
        """Return what is known of the session, whoever has the account."""
        found = super().get_session_info()
        aside = [Path(name) for name in self.shared.set_aside_before()]
        running = found.running
        if running is not None and self.shared.is_here and self.shared.host:
            running = running._replace(host=self.shared.host)
        return msgspec.structs.replace(found, store_bytes=self.shared.store_bytes(), quarantines=aside, running=running)

    def backup_session(self, reason: str = "manual", *, keep: int | None = None) -> Backup:
        """Make a verified backup that follows the account; raises NoBackupError."""
        if self._fence is not None:
            return super().backup_session(reason, keep=keep)

        async def work() -> Backup:
            async with self.held():
                return await asyncio.to_thread(self.backup_session, reason, keep=keep)

        return asyncio.run(work())

    @asynccontextmanager
    async def held(self) -> AsyncIterator[SessionBook]:
        """Hold the account's lease; yields its book. What changed is in the database when the block is left."""
        self.require_free()
        async with self._leased() as fence:
            database = self.shared.database
            await asyncio.to_thread(bring_account_up_to_date, database, self.paths.account)
            await asyncio.to_thread(pull, database, self.paths, fence)
            try:
                async with super().held() as book:
                    yield book
            except TablesNotMadeError as error:
                raise NoBackupError(f"{error}; nothing was changed") from error
            await asyncio.to_thread(push_once, database, self.paths, fence)

    @asynccontextmanager
    async def _leased(self) -> AsyncIterator[int]:
        account = self.paths.account
        name = f"a command on {socket.gethostname()} (pid {os.getpid()})"
        me = Host(name=name, place=uuid.uuid4().hex, incarnation=uuid.uuid4().hex, capacity=0)
        ledger = PostgresLedger(self.shared.database, me, within_s=WITHIN_S)
        try:
            grant = await ledger.hold(account, _LEASE_S)
            if grant is None:
                raise SessionHeldError("a host has just taken this account; see linda-bot fleet")
            self._fence = grant.fence
            try:
                yield grant.fence
            finally:
                self._fence = None
                with suppress(DatabaseTroubleError):  # it runs out by itself
                    await ledger.release(account, grant.fence, Why.RELEASED)
        finally:
            await ledger.close()

    @property
    def _store(self) -> SharedStore:
        return self.shared.store._replace(fence=self._fence)

    def _has_store(self) -> bool:
        return self.shared.has_session()

    def _look(self) -> Validation:
        return self.validate_session()

    def _backup_job(self, reason: str, keep: int) -> Job:
        source = SharedSource(self.shared.database.address, PREPARE_COMMAND, self._fence)
        return msgspec.structs.replace(super()._backup_job(reason, keep), shared=source)

    def _recover(self, choice: Choice, *, because: str) -> Recovery:
        return recover_shared(self._store, self._maker, self.paths, self.vault, choice, because=because)

    def _put_back(self, backup: Backup, *, because: str) -> str | None:
        return put_back(self._store, self._maker, self.paths, backup, self.vault, because=because)

    def _set_aside(self, because: str) -> Path | None:
        """Rename the session's schema; return how it is called then."""
        name = set_aside(self._store, because)
        self.paths.aftercare.unlink(missing_ok=True)  # it tells of what was set aside
        return None if name is None else Path(name)
