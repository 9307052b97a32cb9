"""The daemon's hand on the mailbox: what is to be handled, what came of it, what is to be sent."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import NamedTuple, TypeVar

from linda_bot.kernel.errors import UsageError, unwritable
from linda_bot.kernel.files import make_private_dir
from linda_bot.messaging import attachments, inbound, outbound
from linda_bot.messaging.attachments import Packed
from linda_bot.messaging.disk import Disk
from linda_bot.messaging.ground import Ground
from linda_bot.messaging.inbound import Waiting
from linda_bot.messaging.outbound import Draft, Outcome, Parcel, decode_content
from linda_bot.whatsapp.content import File
from linda_bot.whatsapp.mailbox import Inbound, MailboxError, MailConnection

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
    """The mailbox of one account; every method is one transaction.

    None of them fails because of the disk, or because a database is away. All of them raise FencedOffError when the
    account's lease has passed on.
    """

    def __init__(
        self, ground: Path | Ground, trouble: Callable[[str], None] = lambda _: None, *, thread: Executor | None = None
    ) -> None:
        """Take the file or what else it lies on, and who is told of trouble; `thread` is for the file."""
        self._trouble = trouble
        self._directory = ground.parent if isinstance(ground, Path) else None
        self._ground: Ground = Disk(ground, trouble, thread) if isinstance(ground, Path) else ground

    async def open(self) -> None:
        """Open it; raises UsageError when it is a newer version's, or the disk does not allow it.

        Raises DatabaseTroubleError when the database does not.
        """
        try:
            if self._directory is not None:
                await asyncio.to_thread(make_private_dir, self._directory)
            await self._ground.begin()
        except OSError as error:
            raise unwritable(error) from error
        except MailboxError as error:
            raise UsageError(str(error)) from error

    async def close(self) -> None:
        """Let go of it."""
        await self._ground.close()

    async def read(self, work: Callable[[MailConnection], T]) -> T:
        """Read something on the mailbox's thread; it may be done again from its beginning."""
        return await self._ground.read(work)

    async def check(self) -> None:
        """Look whether a file is whole, and set it aside where it is not."""
        await self._ground.check()

    # What arrived.

    async def conversations(self, owner: str) -> list[str]:
        """Return the conversations in which messages wait, the one that has waited longest first."""

        def work(connection: MailConnection) -> list[str]:
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
        packed = await self._packed(drafts)

        def work(connection: MailConnection) -> list[int]:
            keys = _put(connection, owner, packed)
            if memory is not None:
                inbound.remember(connection, owner, *memory)
            inbound.finish(connection, seq, state, error=error)
            if begin_next:
                inbound.begin(connection, begin_next)
            return keys

        return await self._write(work, packed)

    async def fail(self, seq: int, error: str) -> None:
        """Note that a handler failed on a message, which will be tried again."""
        await self._write(lambda connection: inbound.fail(connection, seq, error))

    async def recall(self, owner: str, conversation: str) -> str:
        """Return what is remembered of a conversation: a JSON object."""
        return await self.read(lambda connection: inbound.recall(connection, owner, conversation))

    # What is to be sent.

    async def put(self, owner: str, drafts: Sequence[Draft]) -> list[int]:
        """Put messages into the outbox; return their keys."""
        packed = await self._packed(drafts)
        return await self._write(lambda connection: _put(connection, owner, packed), packed)

    async def chats(self, owner: str) -> list[str]:
        """Return the chats for which something waits, the one that has waited longest first."""

        def work(connection: MailConnection) -> list[str]:
            outbound.adopt(connection, owner)
            return outbound.chats(connection, owner)

        return await self._write(work)

    async def parcels(self, owner: str, chat: str, limit: int) -> list[Parcel]:
        """Return the oldest of what waits for a chat; files that were put in on another host are laid down here."""
        found = await self._write(lambda connection: outbound.parcels(connection, owner, chat, limit))
        shelf = self._ground.shelf
        return found if shelf is None else [await self._unpacked(parcel, shelf) for parcel in found]

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
        return await self.read(lambda connection: outbound.outcome(connection, key))

    async def outcomes(self, keys: Collection[int]) -> dict[int, Outcome]:
        """Return what became of messages."""
        return await self.read(lambda connection: {key: outbound.outcome(connection, key) for key in keys})

    async def files(self) -> frozenset[Path]:
        """Return the files of messages that may still be sent, or sent again."""
        return await self.read(lambda connection: frozenset(outbound.files(connection)))

    # The whole.

    async def counts(self) -> Counts:
        """Count what there is."""
        return await self.read(count)

    async def clean_up(self, *, keep_s: float, keep_aside_s: float) -> None:
        """Forget what was done long ago, and tidy up."""
        now = time.time()

        def work(connection: MailConnection) -> None:
            inbound.clean_up(connection, before=now - keep_s, aside_before=now - keep_aside_s)
            outbound.clean_up(connection, before=now - keep_s)
            if self._ground.shelf is not None:
                attachments.clean_up(connection)
                connection.execute("DELETE FROM last_writes WHERE at < now() - interval '7 days'")

        await self._write(work)
        await self._ground.tidy()

    async def _write(self, work: Callable[[MailConnection], T], packed: Sequence[Packed] = ()) -> T:
        return await self._ground.write(work, size=sum(len(each.data) for each in packed))

    async def _packed(self, drafts: Sequence[Draft]) -> list[Packed]:
        shelf = self._ground.shelf
        if shelf is None or not any(isinstance(draft.content, File) for draft in drafts):
            return [Packed(draft) for draft in drafts]
        return await asyncio.to_thread(lambda: [attachments.pack(draft, shelf) for draft in drafts])

    async def _unpacked(self, parcel: Parcel, shelf: Path) -> Parcel:
        content = attachments.unpack(parcel.content, shelf)
        if isinstance(content, File) and content != parcel.content:
            path = Path(content.path)
            if not await asyncio.to_thread(path.exists):
                size = await self.read(lambda connection: attachments.size(connection, path.name))
                data = await self._ground.read(lambda connection: attachments.find(connection, path.name), size=size)
                if data is not None:
                    await asyncio.to_thread(attachments.lay_down, path, data)
        return parcel._replace(content=content)


def _put(connection: MailConnection, owner: str, packed: Sequence[Packed]) -> list[int]:
    keys = []
    for each in packed:
        key, is_put_in = outbound.put(connection, owner, each.draft)
        if is_put_in:
            attachments.keep(connection, each)
        keys.append(key)
    return keys


def count(connection: MailConnection) -> Counts:
    """Count what there is in an open mailbox."""
    inbox = dict(
        connection.execute("SELECT state, count(*) FROM inbox WHERE state IN (0, 3) GROUP BY state").fetchall()
    )
    outbox = dict(connection.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall())
    return Counts(inbox.get(0, 0), inbox.get(3, 0), *(outbox.get(state, 0) for state in (0, 1, 3, 4)))
