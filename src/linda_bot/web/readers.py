"""One who reads what is told to many: what they have got, and whether they take it."""

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from aiohttp.http import StreamWriter

SIGN_EVERY_S = 15.0
"""A sign of life: so a reader who is gone is noticed, and one who is there sees that the bot is."""

TAKES_NOTHING_S = 30.0
"""How long a reader may leave what was written, and take none of it."""


class Wire(Protocol):
    """Where a reader listens."""

    def is_closed(self) -> bool:
        """Return whether nobody is there any more."""

    def unsent(self) -> int:
        """Return how many bytes of what was written are not taken yet."""

    async def write(self, data: bytes) -> None:
        """Write without waiting for the reader; raises ConnectionError."""

    def abort(self) -> None:
        """Drop the connection."""


class Piece(NamedTuple):
    """Some messages in one; messages are counted from 1."""

    data: bytes
    first: int
    """The number of its first message."""
    last: int


class Reader:
    """One who reads, at their own pace."""

    def __init__(self, wire: Wire, position: int, *, sign: bytes, lost: Callable[[int], bytes]) -> None:
        """Take where they listen, and the number of the last message that is not for them.

        `sign` is what a sign of life looks like, and `lost` makes the message that says how many others are missing.
        """
        now = asyncio.get_running_loop().time()
        self.gone = asyncio.Event()
        self.position = position
        self._wire = wire
        self._sign = sign
        self._lost = lost
        self._unsent = 0
        self._written_at = now
        self._took_at = now

    @property
    def is_slow(self) -> bool:
        """Whether something was written and is not taken."""
        return self._unsent > 0

    @property
    def sign_at(self) -> float:
        """When a sign of life is due, as the event loop counts time."""
        return self._written_at + SIGN_EVERY_S

    def look(self) -> bool:
        """Return whether everything is taken; who is gone, or takes nothing for long, is let go."""
        now = asyncio.get_running_loop().time()
        if self._wire.is_closed():
            self.gone.set()
            return False
        unsent = self._wire.unsent()
        if unsent == 0 or unsent < self._unsent:
            self._took_at = now
        self._unsent = unsent
        if now - self._took_at >= TAKES_NOTHING_S:
            self.cut_off()
        return not unsent

    async def give(self, pieces: Iterable[Piece]) -> None:
        """Write what they have not got yet, for as long as it is taken; a sign of life when that is due."""
        if not self.look():
            return
        for piece in pieces:
            if piece.last <= self.position:
                continue
            missing = piece.first - 1 - self.position
            await self.write(self._lost(missing) + piece.data if missing > 0 else piece.data)
            self.position = piece.last
            if self.is_slow:
                return
        if asyncio.get_running_loop().time() >= self.sign_at:
            await self.write(self._sign)

    async def write(self, data: bytes) -> None:
        """Write, whether it is taken or not."""
        self._written_at = asyncio.get_running_loop().time()
        try:
            await self._wire.write(data)
        except ConnectionError:
            self.gone.set()
        else:
            self._unsent = self._wire.unsent()

    def cut_off(self) -> None:
        """Drop them."""
        self._wire.abort()
        self.gone.set()


class Connection:
    """A wire to somebody who asked by HTTP."""

    def __init__(self, writer: StreamWriter, transport: asyncio.Transport) -> None:
        self._writer = writer
        self._transport = transport

    def is_closed(self) -> bool:
        """Return whether nobody is there any more."""
        return self._transport.is_closing()

    def unsent(self) -> int:
        """Return how many bytes wait for room in the system's own buffer."""
        return self._transport.get_write_buffer_size()

    async def write(self, data: bytes) -> None:
        """Write without waiting; raises ConnectionError."""
        await self._writer.write(data, drain=False)

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()
