"""The link's view of a session's files."""

import asyncio
import functools
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from linda_bot.connection.session import PutBack, SessionLook
from linda_bot.kernel.errors import UsageError, unwritable
from linda_bot.kernel.flock import locked
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.catalogue import all_backups, retire
from linda_bot.sessions.device_status import ENDED_BY_A_PERSON
from linda_bot.sessions.guard import Guard, look_at_guard, set_guard
from linda_bot.sessions.logins import NO_MANNERS, Manners, note_login
from linda_bot.sessions.opening import Opening, close_session, keep_up, open_session
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.quarantine import set_aside
from linda_bot.sessions.recovery import Choice, recover
from linda_bot.sessions.store import has_device
from linda_bot.sessions.validation import Verdict
from linda_bot.sessions.vault import Vault

MARK_EVERY_S = 60.0
_BACKUP_WAIT_S = 5.0
T = TypeVar("T")


class StoredSession:
    """The session's files as the link asks for them."""

    def __init__(
        self,
        paths: SessionPaths,
        book: SessionBook,
        vault: Vault | None = None,
        *,
        in_sandbox: bool = False,
        manners: Manners = NO_MANNERS,
    ) -> None:
        self._paths = paths
        self._book = book
        self._vault = vault
        self._in_sandbox = in_sandbox
        self._manners = manners
        self._tried: set[str] = set()
        self._fingerprint = ""
        self._moving = asyncio.Lock()

    @property
    def store(self) -> Path:
        """Where the client library keeps its store."""
        return self._paths.store

    async def look(self) -> SessionLook:
        """Validate the session and make it ready; raises UsageError when it is another account's."""
        async with self._moving:
            opening, login_in_s = await self._on_disk(self._open)
        if opening.validation.identity is not None:
            self._fingerprint = opening.validation.identity.fingerprint
        return look_of(opening, self._book, login_in_s)

    async def still_linked(self) -> bool:
        """Look for the device row only."""
        return await asyncio.to_thread(has_device, self._paths.store)

    async def set_aside(self, because: str) -> Path | None:
        """Move the session to quarantine; its status goes with it, and is written anew as it was. Its history stays."""
        self._fingerprint = ""
        async with self._book.paused(), self._moving:
            await self._on_disk(self._book.remember)
            return await self._on_disk(lambda: set_aside(self._paths, because))

    async def recover(self, because: str) -> PutBack:
        """Put a backup back, unless the phone has removed the device or a person has cleared the session."""
        if self._book.status.restore_status in ENDED_BY_A_PERSON:
            return PutBack()
        choice = Choice(
            sandbox=self._in_sandbox,
            number=self._book.status.number,
            passed_over=dict.fromkeys(self._tried, "it was tried before, in vain"),
        )
        async with self._moving:
            found = await self._on_disk(lambda: recover(self._paths, self._vault, choice, because=because))
        if found.backup is None:
            return PutBack(passed_over=found.passed_over)
        self._tried.add(found.backup.name)
        return PutBack(found.backup.name, found.backup.manifest.created, found.quarantined, found.passed_over)

    async def retire(self, because: str) -> None:
        """Mark the backups of the linking that has ended; without that each would be refused once more."""
        await self._on_disk(lambda: retire_backups(self._paths, self._fingerprint, because))

    def proved(self) -> None:
        """Forget which backups were tried."""
        self._tried.clear()

    async def set_guard(self) -> Guard:
        """Set the guard in the store of an engine that is connected; raises sqlite3.Error."""
        async with self._moving:
            return await to_the_end(lambda: set_guard(self._paths.store))

    async def look_at_guard(self) -> Guard:
        """Look whether the guard is still there; raises sqlite3.Error."""
        return await asyncio.to_thread(look_at_guard, self._paths.store)

    async def keep_marking(self) -> None:
        """Mark the store every minute in which it was used, until cancelled, so that one that goes back is noticed."""
        seen = (0, 0)
        while True:
            await asyncio.sleep(MARK_EVERY_S)
            async with self._moving:
                seen = await to_the_end(functools.partial(keep_up, self._paths, seen))

    async def close(self) -> None:
        """Have everything survive a power loss from here on; only after the engine is gone."""
        async with self._moving:
            await to_the_end(lambda: close_session(self._paths))

    def _open(self) -> tuple[Opening, float]:
        return open_session(self._paths), note_login(self._paths.logins, time.time(), self._manners)

    @staticmethod
    async def _on_disk(work: Callable[[], T]) -> T:
        """Work on the files, on a thread; a disk that is full or read-only is said in one line."""
        try:
            return await to_the_end(work)
        except OSError as error:
            raise unwritable(error) from error


async def to_the_end(work: Callable[[], T]) -> T:
    """Work on a thread; whoever is cancelled meanwhile waits for its end, so that nobody else comes in between."""
    working = spawn_task(asyncio.to_thread(work), name="session files")
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        raise


def look_of(opening: Opening, book: SessionBook, login_in_s: float) -> SessionLook:
    """Return what the link is told of an opening; raises UsageError when the session is another account's."""
    found = opening.validation
    if found.verdict is Verdict.WRONG_ACCOUNT:
        message = f"{found.why}; set LINDA_ACCOUNT (or --account) to the linked number, or move that session away"
        raise UsageError(message)
    return SessionLook(
        linked=found.verdict is Verdict.RESTORABLE,
        damaged=found.verdict is Verdict.DAMAGED,
        why=found.why,
        previous_status=book.status.restore_status,
        last_activity=book.last_activity,
        verdict=found.verdict,
        points=tuple(
            f"{point.number} {point.name}: {'' if point.ok else 'not well, '}{point.reason}" for point in found.points
        ),
        went_back=opening.went_back,
        login_in_s=login_in_s,
    )


def retire_backups(paths: SessionPaths, fingerprint: str, because: str) -> None:
    """Mark the backups of a linking that the phone has ended; without a fingerprint, that of the newest."""
    with suppress(OSError), locked(paths.backup_lock, wait_s=_BACKUP_WAIT_S):
        pass  # one that is just being made is of the same linking
    newest = [backup.manifest.fingerprint for backup in all_backups(paths)[:1]]
    retire(paths, fingerprint or next(iter(newest), ""), "logged_out", because)
