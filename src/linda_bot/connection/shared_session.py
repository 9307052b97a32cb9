"""The link's view of a session in a shared database."""

import asyncio
import functools
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from linda_bot.connection.session import PutBack, SessionLook
from linda_bot.connection.session_files import MARK_EVERY_S, look_of, retire_backups, to_the_end
from linda_bot.database.connecting import Database, DatabaseTroubleError, FencedOffError
from linda_bot.kernel.errors import SessionUnreachableError, unwritable
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.device_status import ENDED_BY_A_PERSON
from linda_bot.sessions.guard import Guard
from linda_bot.sessions.logins import NO_MANNERS, Manners, note_login
from linda_bot.sessions.opening import Opening
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.recovery import Choice
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.fencing import set_fences
from linda_bot.sessions.shared.guard import look_at_guard, set_guard
from linda_bot.sessions.shared.making import Maker, TablesNotMadeError
from linda_bot.sessions.shared.opening import ENGINE, close_session, keep_up, open_session
from linda_bot.sessions.shared.recovery import recover_shared
from linda_bot.sessions.shared.schema import set_aside
from linda_bot.sessions.shared.store import has_device
from linda_bot.sessions.snapshot_job import Job as BackupJob
from linda_bot.sessions.snapshot_job import SharedSource
from linda_bot.sessions.vault import Vault
from linda_bot.whatsapp.preparing import PREPARE_COMMAND

_UNREACHABLE = "the session is out of reach, nothing of it is lost"
T = TypeVar("T")


class SharedSession:
    """The session in a database, with its small files beside it on disk, as the link asks for them.

    While the database cannot be reached the link waits, as it does for a network that is down; whatever its lease is.
    """

    def __init__(
        self,
        database: Database,
        paths: SessionPaths,
        book: SessionBook,
        vault: Vault | None = None,
        *,
        fence: Callable[[], int | None] = lambda: None,
        on_fenced: Callable[[], object] = lambda: None,
        in_sandbox: bool = False,
        manners: Manners = NO_MANNERS,
    ) -> None:
        """Take where the session is.

        `fence` tells the number of the lease that counts now, None for no lease; `on_fenced` is called, on the event
        loop, whenever the database says that the lease has passed on.
        """
        self._database = database
        self._paths = paths
        self._book = book
        self._vault = vault
        self._fence = fence
        self._on_fenced = on_fenced
        self._in_sandbox = in_sandbox
        self._manners = manners
        self._maker = Maker(PREPARE_COMMAND)
        self._tried: set[str] = set()
        self._fingerprint = ""
        self._moving = asyncio.Lock()

    @property
    def store(self) -> Path:
        """Where the store were if it was a file: beside it are the engine's lock and the other files."""
        return self._paths.store

    @property
    def source(self) -> str:
        """What the client library opens: a secret."""
        return self._store.source(ENGINE)

    async def look(self) -> SessionLook:
        """Validate the session and make it ready; raises UsageError when it is another account's."""
        async with self._moving:
            opening, login_in_s = await self._in_reach(self._open)
        if opening.validation.identity is not None:
            self._fingerprint = opening.validation.identity.fingerprint
        return look_of(opening, self._book, login_in_s)

    async def still_linked(self) -> bool:
        """Look for the device row only; a database that does not answer says nothing against it."""
        try:
            return await self._at_database(self._has_device)
        except DatabaseTroubleError:
            return True

    async def set_aside(self, because: str) -> str | None:
        """Rename the session's schema; its status and history stay."""
        self._fingerprint = ""
        async with self._moving:
            return await self._in_reach(lambda: self._set_aside(because))

    async def recover(self, because: str) -> PutBack:
        """Put a backup back, unless the phone has removed the device or a person has cleared the session."""
        if self._book.status.restore_status in ENDED_BY_A_PERSON:
            return PutBack()
        choice = Choice(
            sandbox=self._in_sandbox,
            number=self._book.status.number,
            passed_over=dict.fromkeys(self._tried, "it was tried before, in vain"),
        )
        put = functools.partial(recover_shared, self._store, self._maker, self._paths, self._vault, choice)
        async with self._moving:
            found = await self._in_reach(lambda: put(because=because))
        if found.backup is None:
            return PutBack(passed_over=found.passed_over)
        self._tried.add(found.backup.name)
        return PutBack(found.backup.name, found.backup.manifest.created, found.quarantined, found.passed_over)

    async def retire(self, because: str) -> None:
        """Mark the backups of the linking that has ended; without that each would be refused once more."""
        await self._in_reach(lambda: retire_backups(self._paths, self._fingerprint, because))

    def proved(self) -> None:
        """Forget which backups were tried."""
        self._tried.clear()

    async def set_guard(self) -> Guard:
        """Set the guard, and the fences anew, for an engine that is connected; raises DatabaseTroubleError.

        Another version of the client library may have made tables when it opened the store.
        """
        async with self._moving:
            return await self._at_database(self._set_guard)

    async def look_at_guard(self) -> Guard:
        """Look whether the guard is still there; raises DatabaseTroubleError."""
        return await self._at_database(self._look_at_guard)

    async def keep_marking(self) -> None:
        """Mark the store every minute in which it was used, until cancelled, so that one that goes back is noticed."""
        seen = 0
        while True:
            await asyncio.sleep(MARK_EVERY_S)
            with suppress(DatabaseTroubleError):
                async with self._moving:
                    seen = await self._at_database(functools.partial(keep_up, self._store, self._paths, seen))

    async def close(self) -> None:
        """Note that the end was an orderly one; only after the engine is gone."""
        async with self._moving:
            await to_the_end(lambda: close_session(self._paths))

    def backup_job(self, reason: str, *, keep: int) -> BackupJob:
        """Return what the process that makes a backup is told."""
        return BackupJob(
            str(self._paths.data_dir),
            self._paths.account,
            reason,
            keep=keep,
            keys=tuple(self._vault.keys) if self._vault else (),
            shared=SharedSource(self._database.address, PREPARE_COMMAND, self._fence()),
        )

    @property
    def _store(self) -> SharedStore:
        return SharedStore(self._database, self._paths.account, self._fence())

    def _open(self) -> tuple[Opening, float]:
        opening = open_session(self._store, self._paths, self._maker)
        return opening, note_login(self._paths.logins, time.time(), self._manners)

    def _has_device(self) -> bool:
        with self._store.opened() as connection:
            return has_device(connection)

    def _set_aside(self, because: str) -> str | None:
        aside = set_aside(self._store, because)
        for file in (self._paths.run_mark, self._paths.aftercare):  # they tell of what was set aside
            file.unlink(missing_ok=True)
        return aside

    def _set_guard(self) -> Guard:
        store = self._store
        with store.opened() as connection:
            set_fences(connection, store.schema, store.account)
            return set_guard(connection, store.schema)

    def _look_at_guard(self) -> Guard:
        store = self._store
        with store.opened() as connection:
            return look_at_guard(connection, store.schema)

    async def _at_database(self, work: Callable[[], T]) -> T:
        """Work on a thread; raises DatabaseTroubleError, also when the lease has passed on: that is told, too."""
        try:
            return await to_the_end(work)
        except FencedOffError as error:
            self._on_fenced()
            raise DatabaseTroubleError(str(error)) from error

    async def _in_reach(self, work: Callable[[], T]) -> T:
        """Work on a thread; a database out of reach, like a disk that is full, is said in one line."""
        try:
            return await self._at_database(work)
        except (DatabaseTroubleError, TablesNotMadeError) as error:
            raise SessionUnreachableError(f"{_UNREACHABLE}: {error}") from error
        except OSError as error:
            raise unwritable(error) from error
