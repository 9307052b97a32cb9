"""On which phone a pairing code will be typed: set at the start, or wished for while codes are shown."""

import asyncio
from collections.abc import AsyncIterator


class PairingWish:
    """A number for this round and those that follow."""

    def __init__(self, number: str | None = None) -> None:
        self._number = number
        self._news = asyncio.Event()

    def want(self, number: str) -> None:
        """Have a code made for the phone with this number, now if codes are shown, and in each later round."""
        self._number = number
        self._news.set()

    async def numbers(self) -> AsyncIterator[str]:
        """Yield the number of a round, once it is known, and each that is wished for in it; for ever."""
        if self._number is None:
            await self._news.wait()
        while True:
            self._news.clear()
            assert self._number is not None
            yield self._number
            await self._news.wait()
