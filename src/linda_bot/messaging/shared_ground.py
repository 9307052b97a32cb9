"""The mailbox in a database, in use on a thread of its own; what is slow or frozen never holds up the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from linda_bot.database.connecting import DatabaseTroubleError, FencedOffError
from linda_bot.whatsapp.mailbox import MailConnection, MailPlace
from linda_bot.whatsapp.mailbox_database import ANSWER_WITHIN_S, SLOWEST, MailboxDatabase

T = TypeVar("T")

_TRY_AGAIN_S = 1.0
_CLOSE_WITHIN_S = 2.0


class SharedGround:
    """Does work with the tables of an account, one piece after the other.

    While the database is away or frozen it is waited and tried again; `trouble` is told of it, once. When the lease has
    passed on nothing is tried again: whoever waits gets a FencedOffError, and `on_fenced` is called.
    """

    def __init__(
        self,
        place: MailPlace,
        shelf: Path,
        trouble: Callable[[str], None],
        *,
        on_fenced: Callable[[], None] = lambda: None,
        thread: Executor | None = None,
    ) -> None:
        """Take where the mailbox is, and where this host keeps files that are to be sent."""
        self.shelf = shelf
        self._trouble = trouble
        self._on_fenced = on_fenced
        self._thread = thread or ThreadPoolExecutor(1, thread_name_prefix="mailbox")
        self._mailbox = MailboxDatabase(place)
        self._told = ""

    async def begin(self) -> None:
        """See whether it can be used, once; its tables are there already. Raises DatabaseTroubleError, MailboxError."""
        await self._do(lambda: self._mailbox.read(_look))

    async def read(self, work: Callable[[MailConnection], T], *, size: int = 0) -> T:
        """Read something; see `Ground`."""
        within_s = ANSWER_WITHIN_S + size / SLOWEST
        return await self._until_done(lambda: self._mailbox.read(work, within_s=within_s))

    async def write(self, work: Callable[[MailConnection], T], *, size: int = 0) -> T:
        """Do several writes or none; see `Ground`."""
        within_s = ANSWER_WITHIN_S + size / SLOWEST
        return await self._until_done(lambda: self._mailbox.write(work, within_s=within_s))

    async def check(self) -> None:
        """Leave that to the database."""

    async def tidy(self) -> None:
        """Leave that to the database."""

    async def close(self) -> None:
        """Let go of the connection, also of one that is frozen."""
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._mailbox.close)
        _, frozen = await asyncio.wait({closing}, timeout=_CLOSE_WITHIN_S)
        if frozen:
            self._mailbox.cut()
            await closing
        self._thread.shutdown(wait=False)

    def let_go(self) -> None:
        """Close the connection; another one is made when it is needed."""
        self._mailbox.close()

    async def _until_done(self, work: Callable[[], T]) -> T:
        while True:
            try:
                result = await self._do(work)
            except DatabaseTroubleError as error:
                self._tell(f"the mailbox cannot be used: {error}")
            except FencedOffError:
                self._on_fenced()
                raise
            else:
                self._told = ""
                return result
            await asyncio.sleep(_TRY_AGAIN_S)

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _tell(self, trouble: str) -> None:
        if trouble != self._told:
            self._told = trouble
            self._trouble(trouble)


def _look(mail: MailConnection) -> None:
    mail.execute("SELECT 1 FROM inbox LIMIT 0")
