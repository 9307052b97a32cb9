"""The client behind a bot under test: it takes everything that is sent, and writes it down as the engine does."""

# ruff: noqa: ARG002 (the methods have the port's shape)

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from linda_bot.testing.answers import Sent
from linda_bot.testing.clock import now
from linda_bot.testing.raw import data_in
from linda_bot.whatsapp.content import AnyContent, File
from linda_bot.whatsapp.events import ClientEvent, EngineExited
from linda_bot.whatsapp.mailbox import Dispatch, Outbound
from linda_bot.whatsapp.port import ClientError, LinkRequest, NotSentError, SentMessage

_numbers = itertools.count(1)


class Line:
    """A link that is up until it is taken down; one mailbox, one thread."""

    def __init__(
        self,
        mailbox: Path,
        told: Callable[[Sent], None],
        names: Callable[[str], frozenset[str]],
        read: list[str],
        refusals: list[str],
    ) -> None:
        """Take who is told of what is sent; the names of conversations; where to note ids that were read; refusals."""
        self._read = read
        self._refusals = refusals
        self.up = asyncio.Event()
        self.up.set()
        self._told = told
        self._names = names
        self._dispatch = Dispatch(mailbox)
        self._mailbox = sqlite3.connect(f"{mailbox.as_uri()}?mode=ro", uri=True)
        self._gone = asyncio.Event()

    async def client(self) -> "Line":
        """Return the client of a link that is up."""
        await self.up.wait()
        return self

    def close(self) -> None:
        """Let go of the mailbox."""
        self._gone.set()
        self._dispatch.close()
        self._mailbox.close()

    async def start(self, request: LinkRequest) -> None:
        """Be there already; see the port."""

    async def events(self) -> AsyncIterator[ClientEvent]:
        """Tell nothing but the end; see the port."""
        await self._gone.wait()
        yield EngineExited(code=0, asked=True)

    async def send(
        self, chat: str, content: AnyContent, *, rows: Sequence[int] = (), within_s: float = 120
    ) -> SentMessage:
        """Take it; see the port."""
        self._check()
        if rows and not self._dispatch.begin(rows):
            raise ClientError("it is not to be sent any more")
        if self._refusals:
            because = self._refusals.pop(0)
            self._dispatch.end(rows, Outbound.FAILED, error=because)
            raise ClientError(because)
        sent = Sent(
            id=f"3EB0{next(_numbers):016X}",
            chat=chat,
            chat_ids=self._names(chat),
            content=content,
            at=now(),
            file=Path(content.path).read_bytes() if isinstance(content, File) else None,
            joined=max(len(rows), 1),
            causes=self._causes(rows),
        )
        self._dispatch.end(rows, Outbound.SENT, message_id=sent.id)
        self._told(sent)
        return SentMessage(id=sent.id, at=sent.at)

    async def mark_read(self, chat: str, sender: str, ids: Sequence[str], *, within_s: float = 30) -> None:
        """Note it; see the port."""
        self._check()
        self._read += ids

    async def download(self, raw: bytes, path: Path, *, within_s: float = 300) -> None:
        """Write the file that is in a made message; see the port."""
        self._check()
        data = data_in(raw)
        if data is None:
            raise ClientError("WhatsApp does not keep this file any more")
        with path.open("xb") as file:
            file.write(data)

    async def ping(self, *, within_s: float = 20) -> float:
        """Answer at once; see the port."""
        self._check()
        return 0.0

    async def pair_phone(self, number: str, *, within_s: float = 20) -> str:
        """Refuse: it is linked; see the port."""
        raise ClientError("the bot is linked already")

    async def logout(self, *, within_s: float = 20) -> None:
        """Take the link down; see the port."""
        self.up.clear()

    def extend(self, right_s: float) -> None:
        """Nothing ends it: it is a part of the test."""
        del right_s

    async def stop(self, *, within_s: float = 3, drain_s: float = 0) -> None:
        """End; see the port."""
        self._gone.set()

    def _check(self) -> None:
        if not self.up.is_set():
            raise NotSentError("the link is down")

    def _causes(self, rows: Sequence[int]) -> frozenset[int]:
        found = (self._mailbox.execute("SELECT cause FROM outbox WHERE key = ?", (row,)).fetchone() for row in rows)
        return frozenset(row[0] for row in found if row is not None and row[0] is not None)
