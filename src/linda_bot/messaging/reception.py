"""One message while it is handled: what its handler says is kept until it ends, then written down with its mark."""

import asyncio
import shutil
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import make_private_dir
from linda_bot.kernel.tasks import spawn_task
from linda_bot.messaging.outbox import Outbox
from linda_bot.messaging.scene import State
from linda_bot.messaging.store import Draft, Parcel, Store, Waiting
from linda_bot.whatsapp.content import AnyContent, File
from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.mailbox import Inbound
from linda_bot.whatsapp.port import NotSentError, WhatsAppClient

_SAY_AFTER_S = 0.1
"""An answer is sent with the end of its handler, or after this time where the handler goes on."""
_LINK_WITHIN_S = 30.0
_SWEPT_AFTER_S = 3600.0
_DOWNLOAD_WITHIN_S = 120.0
_SLOWEST_DOWNLOAD = 100_000
"""In bytes a second."""


class Desk(NamedTuple):
    """What the handling of every message shares."""

    store: Store
    outbox: Outbox
    client: Callable[[], Awaitable[WhatsAppClient]]
    attachments: Path
    owners: frozenset[str] = frozenset()

    async def link(self) -> WhatsAppClient:
        """Return the client of a link that is up; raises NotSentError when it does not come up."""
        try:
            async with asyncio.timeout(_LINK_WITHIN_S):
                return await self.client()
        except TimeoutError:
            message = "the link is down"
            raise NotSentError(message) from None

    async def attach(self, content: AnyContent, file: Path | bytes | None) -> AnyContent:
        """Keep a copy of the file that is to be sent: the author's may be gone by then."""
        if file is None or not isinstance(content, File):
            return content
        return msgspec.structs.replace(content, path=str(await asyncio.to_thread(self._keep, file)))

    async def sweep(self) -> None:
        """Delete the files that no message needs any more: it was sent, dropped, or never said."""
        needed = await self.store.files()
        await asyncio.to_thread(self._sweep, {path.name for path in needed})

    def _sweep(self, needed: set[str]) -> None:
        young = time.time() - _SWEPT_AFTER_S  # its message may be just about to be kept
        for path in self.attachments.glob("*"):
            with suppress(FileNotFoundError):
                if path.name not in needed and path.stat().st_mtime < young:
                    path.unlink()

    def _keep(self, file: Path | bytes) -> Path:
        make_private_dir(self.attachments)
        name = self.attachments / f"{uuid.uuid4().hex}{file.suffix if isinstance(file, Path) else ''}"
        try:
            if isinstance(file, bytes):
                name.write_bytes(file)
            else:
                shutil.copyfile(file, name)
            name.chmod(0o600)
        except OSError as error:
            name.unlink(missing_ok=True)
            message = f"the file to be sent cannot be read or kept: {error.strerror}: {error.filename}"
            raise UsageError(message) from error
        return name


class Ticket:
    """A message on its way; see `Outgoing`."""

    def __init__(self, outbox: Outbox, flush: Callable[[], Awaitable[None]] | None = None, key: int = 0) -> None:
        self._outbox = outbox
        self._flush = flush
        self.key = key

    async def confirmed(self) -> str:
        """Wait until WhatsApp has it; see `Outgoing`."""
        if not self.key and self._flush is not None:
            await self._flush()
        return await self._outbox.confirmed(self.key)


class Reception:
    """The scene of one message, from the beginning of its handling to the end."""

    def __init__(self, waiting: Waiting, conversation: str, owner: str, desk: Desk, *, is_backlog: bool) -> None:
        self.is_backlog = is_backlog
        self.said = 0
        self._waiting = waiting
        self._conversation = conversation
        self._owner = owner
        self._desk = desk
        self._held: list[tuple[Draft, Ticket]] = []
        self._writing = asyncio.Lock()
        self._recalling = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._ended = False
        self._state: State | None = None
        self._state_before = ""

    @property
    def seq(self) -> int:
        """The message's number in the inbox."""
        return self._waiting.seq

    @property
    def owners(self) -> frozenset[str]:
        """The phone numbers of the bot's owners."""
        return self._desk.owners

    async def say(
        self, chat: str, content: AnyContent, *, file: Path | bytes | None = None, joinable: bool = False
    ) -> Ticket:
        """Have something sent; see `Scene`."""
        content = await self._desk.attach(content, file)
        draft = Draft(chat, content, joinable, cause=self._waiting.seq, nth=self.said)
        ticket = Ticket(self._desk.outbox, self._flush)
        self.said += 1
        self._held.append((draft, ticket))
        if self._ended:  # a task that the handler has left behind
            await self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SAY_AFTER_S, self._say_now)
        return ticket

    async def mark_read(self, message: IncomingMessage) -> None:
        """Tell the sender that the message was read; see `Scene`."""
        client = await self._desk.link()
        await client.mark_read(message.chat, message.sender, (message.id,))

    async def download(self, message: IncomingMessage, to: Path) -> None:
        """Write the message's file; see `Scene`."""
        client = await self._desk.link()
        size = message.media.size if message.media else 0
        await client.download(message.raw, to, within_s=_DOWNLOAD_WITHIN_S + max(size, 0) / _SLOWEST_DOWNLOAD)

    async def state(self) -> State:
        """Return what is remembered of the chat; see `Scene`."""
        async with self._recalling:
            if self._state is None:
                self._state_before = await self._desk.store.recall(self._owner, self._conversation)
                self._state = State(msgspec.json.decode(self._state_before))
        return self._state

    async def end(self, state: Inbound, *, error: str = "", begin_next: int = 0) -> None:
        """Write down what became of the message, together with what was said and is not on its way yet."""
        await self._quiet()
        async with self._writing:
            held = tuple(self._held)
            keys = await self._desk.store.finish(
                self._owner,
                self._waiting.seq,
                state,
                [draft for draft, _ in held],
                memory=self._changes(),
                error=error,
                begin_next=begin_next,
            )
            self._ended = True
            self._hand_over(held, keys)
        await self._flush()  # what a task that the handler has left behind said meanwhile

    async def withdraw(self) -> None:
        """Forget what was said and is not on its way yet: the handler has failed."""
        await self._quiet()
        self._held.clear()
        self._ended = True

    def abandon(self) -> None:
        """Do nothing more: the bot is ending, and the message is handled again at the next start."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        if self._flushing is not None:
            self._flushing.cancel()

    def _changes(self) -> tuple[str, str] | None:
        if self._state is None:
            return None
        now = msgspec.json.encode(dict(self._state), order="sorted").decode()
        before = msgspec.json.encode(msgspec.json.decode(self._state_before), order="sorted").decode()
        return None if now == before else (self._conversation, now)

    def _say_now(self) -> None:
        self._flushing = spawn_task(self._flush(), name="early answer")

    async def _quiet(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if self._flushing is not None:
            await asyncio.wait({self._flushing})

    async def _flush(self) -> None:
        """Put what was said so far into the outbox; should the message be handled again, it is not said again."""
        async with self._writing:
            self._timer = None
            held = tuple(self._held)
            if held:
                keys = await self._desk.store.put(self._owner, [draft for draft, _ in held])
                self._hand_over(held, keys)

    def _hand_over(self, held: Sequence[tuple[Draft, Ticket]], keys: list[int]) -> None:
        del self._held[: len(held)]  # more may have been said meanwhile
        for (_, ticket), key in zip(held, keys, strict=True):
            ticket.key = key
        if self._waiting.begun or self._waiting.failures:  # some of it may have been put in, and sent, before
            self._desk.outbox.wake(draft.chat for draft, _ in held)
        elif held:
            now = time.time()
            parcels = [
                Parcel(key, draft.chat, draft.content, draft.joinable, now)
                for (draft, _), key in zip(held, keys, strict=True)
            ]
            self._desk.outbox.offer(self._owner, parcels)
