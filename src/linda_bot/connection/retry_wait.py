"""Waiting for the next attempt, which a hint may cut short."""

import asyncio
from contextlib import suppress

from linda_bot.connection.lifecycle import LinkState

_HASTENED_EVERY_S = 10.0
"""Hints of the machine's own hasten no more than one attempt in so many seconds: a network that comes and goes."""

_FOR_A_PERSON_ONLY = frozenset({LinkState.REPLACED, LinkState.OUTDATED})
_FOR_NOBODY = frozenset({LinkState.BANNED})


def may_hasten(state: LinkState, *, insist: bool, out_of_manners: bool = False) -> bool:
    """Return whether a hint cuts the wait in this state short.

    The machine's own hints (the network is back) do so where the network was at fault, and not where the bot waits
    out of manners because it has logged in too often; a person's wherever trying does no harm. A login during a ban
    may prolong it.
    """
    return state not in _FOR_NOBODY and (insist or not (out_of_manners or state in _FOR_A_PERSON_ONLY))


class RetryWait:
    """The wait of a link; at most one at a time."""

    def __init__(self) -> None:
        self._cut = asyncio.Event()
        self._because = ""
        self._insisted = False
        self._hastened_at: float | None = None
        self.ends_at: float | None = None
        """When the wait under way ends, on the loop's clock; None for none."""
        self.out_of_manners = False
        """Whether it keeps the bot from logging in too often, which no news of the network changes."""

    def cut(self, because: str, *, insist: bool) -> None:
        """End the wait under way now, or soon if nobody insists and one was cut just before."""
        self._because = because
        self._insisted = self._insisted or insist
        self._cut.set()

    async def wait(self, seconds: float, *, out_of_manners: bool = False) -> str:
        """Wait; return why it ended early, or nothing."""
        loop = asyncio.get_running_loop()
        self._cut.clear()
        self._because, self._insisted = "", False
        self.out_of_manners = out_of_manners
        self.ends_at = loop.time() + seconds
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self.ends_at):
                    await self._cut.wait()
                    await self._keep_apart()
        finally:
            self.ends_at = None
        if self._because:
            self._hastened_at = loop.time()
        return self._because

    async def _keep_apart(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._insisted and self._hastened_at is not None:
            left_s = self._hastened_at + _HASTENED_EVERY_S - loop.time()
            if left_s <= 0:
                return
            self._cut.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._cut.wait()
