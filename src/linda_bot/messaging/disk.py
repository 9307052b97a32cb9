"""The mailbox's file, in use on a thread of its own, so that a slow disk never holds up the event loop."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from linda_bot.kernel.errors import SessionInaccessibleError
from linda_bot.messaging.salvage import salvage
from linda_bot.whatsapp.mailbox_file import MailboxFile, open_new, opening, writing
from linda_bot.whatsapp.mailbox_ground import MailConnection

T = TypeVar("T")

_TRY_AGAIN_S = 1.0
_NO_SPACE = 64 * 1024
"""With so few bytes left SQLite cannot make the files that it needs beside the mailbox."""
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_EXTENDED = 0xFF
"""SQLite's extended result codes keep the plain one in their lowest byte."""


class _DamagedError(Exception):
    """The file was damaged, and was set aside."""


class Disk:
    """Does work with the file, one piece after the other.

    None fails because of the disk: while that is full or busy it is waited and tried again, and what can be read of a
    file that is damaged is brought into a new one. `trouble` is told of it.
    """

    shelf = None

    def __init__(self, path: Path, trouble: Callable[[str], None], thread: Executor | None = None) -> None:
        self._path = path
        self._trouble = trouble
        self._thread = thread or ThreadPoolExecutor(1, thread_name_prefix="mailbox")
        self._file = MailboxFile(path)
        self._told = ""

    async def begin(self) -> None:
        """Open the file; raises SessionInaccessibleError when the disk does not allow it, for somebody to see to it."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self.do, _nothing)
        except _DamagedError as error:
            self._tell(str(error))
        except (OSError, sqlite3.Error) as error:
            if isinstance(error, sqlite3.Error) and _code(error) not in _PASSING:
                raise
            raise SessionInaccessibleError(
                f"the mailbox {self._path} cannot be written ({self._reason(error)}); nothing of it was deleted: "
                "see to it that the disk has room and is writable, then start again"
            ) from error

    async def read(self, work: Callable[[MailConnection], T], *, size: int = 0) -> T:  # noqa: ARG002 (see `Ground`)
        """Read something; see `Ground`."""
        return await self._until_done(work)

    async def write(self, work: Callable[[MailConnection], T], *, size: int = 0) -> T:  # noqa: ARG002 (see `Ground`)
        """Do several writes or none; see `Ground`."""

        def all_or_nothing(connection: sqlite3.Connection) -> T:
            with writing(connection):
                return work(connection)

        return await self._until_done(all_or_nothing)

    async def check(self) -> None:
        """Look whether the file is whole, and set it aside where it is not."""
        await self._until_done(_check)

    async def tidy(self) -> None:
        """Bring what was written from the log into the file."""
        await self._until_done(lambda connection: connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())

    async def _until_done(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        was_damaged = False
        while True:
            try:
                result = await loop.run_in_executor(self._thread, self.do, work)
            except _DamagedError as error:
                self._tell(str(error))
                if not was_damaged:
                    was_damaged = True
                    continue  # the new file is there
            except OSError as error:
                self._tell(f"the mailbox cannot be used: {self._reason(error)}")
            except sqlite3.Error as error:
                if _code(error) not in _PASSING:
                    raise
                self._tell(f"the mailbox cannot be used: {self._reason(error)}")
            else:
                self._told = ""
                return result
            await asyncio.sleep(_TRY_AGAIN_S)

    async def close(self) -> None:
        """Let go of the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.let_go)
        self._thread.shutdown(wait=False)

    def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something with the connection on the thread that this is called on; an error comes out."""
        try:
            return work(self._file.connection())
        except sqlite3.Error as error:
            self._file.close()  # what is wrong with the connection may be mended by another one
            if _code(error) not in _DAMAGE:
                raise
            # At once: what comes next on this thread must find the new file, or that would be set aside, too.
            moved, saved = self._set_aside()
            message = f"the mailbox was damaged ({error}) and set aside as {moved}; {saved} of its records were saved"
            raise _DamagedError(message) from error

    def let_go(self) -> None:
        """Close the file; it is opened again when it is needed."""
        self._file.close()

    def _reason(self, error: Exception) -> str:
        """Return what is wrong; SQLite calls many a full disk an I/O error."""
        with suppress(OSError):
            if shutil.disk_usage(self._path.parent).free < _NO_SPACE:
                return "no space left on device"
        return str(error)

    def _tell(self, trouble: str) -> None:
        if trouble != self._told:
            self._told = trouble
            self._trouble(trouble)

    def _set_aside(self) -> tuple[Path, int]:
        """Put a new file in the place of a damaged one; the engine notices when it writes the next time."""
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        moved = self._path.with_name(f"{self._path.stem}.damaged-{stamp}{self._path.suffix}")
        with opening(self._path):
            for ending in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    self._path.with_name(self._path.name + ending).rename(moved.with_name(moved.name + ending))
            connection = open_new(self._path)
            try:
                saved = salvage(moved, connection)
            finally:
                connection.close()
        return moved, saved


def _nothing(_: sqlite3.Connection) -> None:
    """Only open the file."""


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _EXTENDED


def _check(connection: sqlite3.Connection) -> None:
    """Look whether the file is whole; raises sqlite3.DatabaseError like a statement that meets the damage."""
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        error = sqlite3.DatabaseError(str(verdict).replace("\n", " "))
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
