"""The daemon's hand on the mailbox: what is to be handled, what came of it, what is to be sent."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import NamedTuple, TypeVar

from linda_bot.kernel.errors import UsageError, unwritable
from linda_bot.kernel.files import make_private_dir
from linda_bot.messaging import inbound, outbound
from linda_bot.messaging.disk import Disk, check
from linda_bot.messaging.inbound import Waiting
from linda_bot.messaging.outbound import Draft, Outcome, Parcel, decode_content
from linda_bot.whatsapp.mailbox import Inbound, MailboxError, writing

__all__ = ["Counts", "Draft", "Outcome", "Parcel", "Store", "Waiting", "count", "decode_content"]

T = TypeVar("T")


class Counts(NamedTuple):
    """How much there is in the mailbox."""

    waiting: int
    set_aside: int
    pending: int
    sending: int
    unknown: int
    failed: int


class Store:
    """The mailbox of one account; every method is one transaction. None of them fails because of the disk."""

    def __init__(
        self, path: Path, trouble: Callable[[str], None] = lambda _: None, *, thread: Executor | None = None
    ) -> None:
        self._path = path
        self._trouble = trouble
        self._disk = Disk(path, trouble, thread)

    async def open(self) -> None:
        """Open the file; raises UsageError when it is a newer version's, or the disk does not allow it."""
        try:
            await asyncio.to_thread(make_private_dir, self._path.parent)
            await self._disk.begin()
        except OSError as error:
            raise unwritable(error) from error
        except MailboxError as error:
            raise UsageError(str(error)) from error

    async def close(self) -> None:
        """Let go of the file."""
        await self._disk.close()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something with the connection on its thread; it may be done again from its beginning."""
        return await self._disk.run(work)

    async def check(self) -> None:
        """Look whether the file is whole, and set it aside where it is not."""
        await self.run(check)

    # What arrived.

    async def conversations(self, owner: str) -> list[str]:
        """Return the conversations in which messages wait, the one that has waited longest first."""

        def work(connection: sqlite3.Connection) -> list[str]:
            inbound.adopt(connection, owner)
            return inbound.conversations(connection, owner)

        return await self._write(work)

    async def take(self, owner: str, conversation: str, limit: int) -> list[Waiting]:
        """Return the oldest messages that wait in a conversation, and note that the first of them is begun."""
        found, unreadable = await self._write(lambda connection: inbound.take(connection, owner, conversation, limit))
        for trouble in unreadable:
            self._trouble(trouble)
        if unreadable and not found:
            return await self.take(owner, conversation, limit)
        return found

    async def finish(
        self,
        owner: str,
        seq: int,
        state: Inbound,
        drafts: Sequence[Draft] = (),
        *,
        memory: tuple[str, str] | None = None,
        error: str = "",
        begin_next: int = 0,
    ) -> list[int]:
        """Note what became of a message together with what is to be sent because of it; return the outbox keys.

        `memory` is a conversation and what is remembered of it from now on. `begin_next` is the message that is
        handled next.
        """

        def work(connection: sqlite3.Connection) -> list[int]:
            keys = [outbound.put(connection, owner, draft) for draft in drafts]
            if memory is not None:
                inbound.remember(connection, owner, *memory)
            inbound.finish(connection, seq, state, error=error)
            if begin_next:
                inbound.begin(connection, begin_next)
            return keys

        return await self._write(work)

    async def fail(self, seq: int, error: str) -> None:
        """Note that a handler failed on a message, which will be tried again."""
        await self._write(lambda connection: inbound.fail(connection, seq, error))

    async def recall(self, owner: str, conversation: str) -> str:
        """Return what is remembered of a conversation: a JSON object."""
        return await self.run(lambda connection: inbound.recall(connection, owner, conversation))

    # What is to be sent.

    async def put(self, owner: str, drafts: Sequence[Draft]) -> list[int]:
        """Put messages into the outbox; return their keys."""
        return await self._write(lambda connection: [outbound.put(connection, owner, draft) for draft in drafts])

    async def chats(self, owner: str) -> list[str]:
        """Return the chats for which something waits, the one that has waited longest first."""

        def work(connection: sqlite3.Connection) -> list[str]:
            outbound.adopt(connection, owner)
            return outbound.chats(connection, owner)

        return await self._write(work)

    async def parcels(self, owner: str, chat: str, limit: int) -> list[Parcel]:
        """Return the oldest of what waits for a chat."""
        return await self._write(lambda connection: outbound.parcels(connection, owner, chat, limit))

    async def settle(self, *, repeat: bool) -> list[tuple[int, str]]:
        """Decide on what an engine that is gone was just sending; only while no engine is there.

        It counts as unknown, and the keys and chats are returned; with `repeat` it is sent once more, but only once.
        """
        return await self._write(lambda connection: outbound.settle(connection, repeat=repeat))

    async def repeat_once(self, keys: Sequence[int]) -> bool:
        """Have messages sent once more that may have arrived; return False where one of them was already."""
        return await self._write(lambda connection: outbound.repeat_once(connection, keys))

    async def give_up(self, keys: Sequence[int], error: str) -> None:
        """Note that messages are not sent any more."""
        await self._write(lambda connection: outbound.give_up(connection, keys, error))

    async def outcome(self, key: int) -> Outcome:
        """Return what became of a message."""
        return await self.run(lambda connection: outbound.outcome(connection, key))

    async def outcomes(self, keys: Collection[int]) -> dict[int, Outcome]:
        """Return what became of messages."""
        return await self.run(lambda connection: {key: outbound.outcome(connection, key) for key in keys})

    async def files(self) -> frozenset[Path]:
        """Return the files of messages that may still be sent, or sent again."""
        return await self.run(lambda connection: frozenset(outbound.files(connection)))

    # The whole.

    async def counts(self) -> Counts:
        """Count what there is."""
        return await self.run(count)

    async def clean_up(self, *, keep_s: float, keep_aside_s: float) -> None:
        """Forget what was done long ago, and bring what was written from the log into the file."""
        now = time.time()

        def work(connection: sqlite3.Connection) -> None:
            inbound.clean_up(connection, before=now - keep_s, aside_before=now - keep_aside_s)
            outbound.clean_up(connection, before=now - keep_s)

        await self._write(work)
        await self.run(lambda connection: connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def all_or_nothing(connection: sqlite3.Connection) -> T:
            with writing(connection):
                return work(connection)

        return await self.run(all_or_nothing)


def count(connection: sqlite3.Connection) -> Counts:
    """Count what there is in an open mailbox."""
    inbox = dict(
        connection.execute("SELECT state, count(*) FROM inbox WHERE state IN (0, 3) GROUP BY state").fetchall()
    )
    outbox = dict(connection.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall())
    return Counts(inbox.get(0, 0), inbox.get(3, 0), *(outbox.get(state, 0) for state in (0, 1, 3, 4)))
