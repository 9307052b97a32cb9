"""The same bytes for many readers, each at their own pace; no reader holds anything up, and the bot's work goes first.

What is told is kept once for all of them. It is written in rounds: what has come together since the last one, to a few
readers at a time, with the event loop free in between.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus

from aiohttp import web
from aiohttp.http import StreamWriter

from linda_bot.kernel.tasks import spawn_task
from linda_bot.web.problems import problem
from linda_bot.web.readers import Connection, Piece, Reader

_log = logging.getLogger("linda_bot.web")

BACKLOG = 256 * 1024
"""So many bytes are kept for readers who are behind; older messages are lost for them."""

EVERY_S = 0.25
"""How far apart rounds begin, unless much has come."""

GATHER_S = 0.1
"""How long the first of several messages waits for the others."""

AT_ONCE = 8
"""So many readers are written to before the event loop goes on with something else ..."""

PAUSE_S = 0.005
"""... for so long at least."""

_MUCH = 32 * 1024
"""So many bytes are written in one piece, and wait for no others."""


class Broadcast:
    """Bytes for many readers, each at their own pace.

    Who falls behind by more than `BACKLOG` loses the oldest whole messages and is told how many; who takes nothing for
    `readers.TAKES_NOTHING_S` is cut off.
    """

    def __init__(self, *, readers_at_most: int) -> None:
        self._at_most = readers_at_most
        self._readers: set[Reader] = set()
        self._coming = 0
        self._told = 0
        """The number of the last message."""
        self._fresh: list[bytes] = []
        self._fresh_bytes = 0
        self._fresh_at = 0.0
        self._pieces: deque[Piece] = deque()
        self._kept_bytes = 0
        self._news, self._much = asyncio.Event(), asyncio.Event()
        self._rounds: asyncio.Task[None] | None = None

    @property
    def readers(self) -> int:
        """How many there are, with those who are just coming."""
        return len(self._readers) + self._coming

    def tell(self, data: bytes) -> None:
        """Have a message written to everybody who reads now, soon."""
        if not self.readers:
            return
        if not self._fresh:
            self._fresh_at = asyncio.get_running_loop().time()
        self._told += 1
        self._fresh.append(data)
        self._fresh_bytes += len(data)
        self._news.set()
        if self._fresh_bytes >= _MUCH:
            self._put_together()
            self._much.set()

    async def stream(
        self,
        request: web.Request,
        *,
        headers: Mapping[str, str],
        first: bytes,
        sign: bytes,
        lost: Callable[[int], bytes],
    ) -> web.StreamResponse:
        """Answer with `first`, then with all that is told after this call, until the reader goes or `close()`.

        `sign` is what a sign of life looks like, every 15 s of silence, and `lost` makes the message that says how
        many others are missing. Where too many read already the answer is a problem, status 503.
        """
        if not self._has_room():
            detail = f"{self._at_most} views are open already; close one"
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind="too-many-views", title="Too many views")
        response = web.StreamResponse(headers=headers)
        transport = request.transport
        if transport is None:  # they are gone already
            return response
        self._put_together()
        position = self._told  # before anything is awaited: nothing is missing between `first` and the rest
        self._coming += 1
        try:
            writer = await response.prepare(request)
        except ConnectionError:
            return response
        finally:
            self._coming -= 1
        assert isinstance(writer, StreamWriter)
        await self.follow(Reader(Connection(writer, transport), position, sign=sign, lost=lost), first)
        return response

    async def follow(self, reader: Reader, first: bytes) -> None:
        """Tell a reader `first`, then what there is to tell, until they are gone or cut off, or `close()`."""
        self._readers.add(reader)
        try:
            await reader.write(first)
            if self._rounds is None:
                self._rounds = spawn_task(self._go_round(), name="broadcast")
            self._news.set()  # a round: they may not have taken all of that
            await reader.gone.wait()
        finally:
            self._readers.discard(reader)
            await self._rest_if_alone()

    async def close(self) -> None:
        """End all streams, after what was told so far; nobody is waited for."""
        self._put_together()
        for reader in tuple(self._readers):
            await self._give(reader)
            if reader.is_slow:
                reader.cut_off()
            reader.gone.set()

    def _has_room(self) -> bool:
        for reader in self._readers:
            reader.look()
        return self._coming + sum(not reader.gone.is_set() for reader in self._readers) < self._at_most

    async def _rest_if_alone(self) -> None:
        if self._readers or self._rounds is None:
            return
        rounds, self._rounds = self._rounds, None
        if not self._coming:
            self._fresh.clear()
            self._pieces.clear()
            self._fresh_bytes = self._kept_bytes = 0
        rounds.cancel()
        await asyncio.wait({rounds})

    async def _go_round(self) -> None:
        while True:
            await self._until_due()
            began_at = asyncio.get_running_loop().time()
            self._news.clear()
            self._much.clear()
            self._put_together()
            for number, reader in enumerate(self._due(), start=1):
                await self._give(reader)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(PAUSE_S)
            await self._nap_until(began_at + EVERY_S)

    async def _until_due(self) -> None:
        """Wait until there is something to write, or somebody to look after."""
        if not self._fresh and any(self._is_behind(reader) for reader in self._readers):
            return
        # Who is slow by then gets no sign, and is looked after in the next round all the same.
        sign_at = min((reader.sign_at for reader in self._readers), default=None)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(sign_at):
                await self._news.wait()
        if self._fresh:
            await self._nap_until(self._fresh_at + GATHER_S)

    def _due(self) -> list[Reader]:
        now = asyncio.get_running_loop().time()
        return [reader for reader in self._readers if self._is_behind(reader) or reader.sign_at <= now]

    def _is_behind(self, reader: Reader) -> bool:
        return reader.is_slow or reader.position < self._told

    async def _nap_until(self, moment: float) -> None:
        """Wait until then, or until much has come."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(moment):
                await self._much.wait()

    async def _give(self, reader: Reader) -> None:
        try:
            await reader.give(tuple(self._pieces))
        except Exception:  # noqa: BLE001 (one reader's trouble is not that of the others)
            _log.exception("a reader of a stream is cut off")
            reader.cut_off()

    def _put_together(self) -> None:
        if not self._fresh:
            return
        piece = Piece(b"".join(self._fresh), self._told - len(self._fresh) + 1, self._told)
        self._fresh.clear()
        self._fresh_bytes = 0
        self._pieces.append(piece)
        self._kept_bytes += len(piece.data)
        while self._kept_bytes > BACKLOG and len(self._pieces) > 1:
            self._kept_bytes -= len(self._pieces.popleft().data)
