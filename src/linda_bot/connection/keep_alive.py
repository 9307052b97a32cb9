"""Finding a silent link: a round trip to the server when nothing else was heard for a while."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from linda_bot.connection.events import PingAnswered, PingMissed
from linda_bot.kernel.events import Event
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError, WhatsAppClient

MISSES = 2
"""So many round trips in a row without an answer make a link silent."""

_AS_GOOD_AS_NOW_S = 0.001
"""Timers may fire that much too early."""


class KeepAlive:
    """Pings one client while its link is up; one ping in flight."""

    def __init__(
        self, client: WhatsAppClient, tell: Callable[[Event], None], *, every_s: float, within_s: float
    ) -> None:
        """Ping when nothing was heard for `every_s` seconds, and wait `within_s` for the answer."""
        self._client = client
        self._tell = tell
        self._every_s = every_s
        self._within_s = within_s
        self._heard_at = 0.0
        self._asked_at = 0.0
        self._heard_since = False
        self._misses = 0
        self._missed_at = 0.0
        self._up = asyncio.Event()
        self._wanted = asyncio.Event()

    def heard(self, *, age_s: float = 0.0) -> None:
        """Note that something came from the server, so many seconds ago."""
        at = asyncio.get_running_loop().time() - max(age_s, 0.0)
        self._heard_at = max(self._heard_at, at)
        if at >= self._asked_at:
            self._heard_since = True
            self._misses = 0

    def link_up(self) -> None:
        """Begin to ping."""
        self.heard()
        self._up.set()

    def link_down(self) -> None:
        """Stop pinging: there is no link to test."""
        self._misses = 0
        self._up.clear()

    def test_now(self) -> None:
        """Ping at once: the link may have died unnoticed."""
        self._wanted.set()

    async def run(self) -> int:
        """Ping; return the number of misses when there were too many in a row."""
        while self._misses < MISSES:
            await self._up.wait()
            wait_s = self._due_in_s()
            if wait_s > _AS_GOOD_AS_NOW_S and (self._misses or not self._wanted.is_set()):
                await self._pause(wait_s)
                continue  # something may have been heard meanwhile, or the line lost
            self._wanted.clear()
            await self._ping()
        return self._misses

    async def _pause(self, seconds: float) -> None:
        if self._misses:  # a hint is no reason to count a second miss before the first ping had a chance
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()

    def _due_in_s(self) -> float:
        # The second try follows the first: a person waits for answers meanwhile.
        due_at = self._missed_at + self._within_s if self._misses else self._heard_at + self._every_s
        return due_at - asyncio.get_running_loop().time()

    async def _ping(self) -> None:
        loop = asyncio.get_running_loop()
        self._asked_at, self._heard_since = loop.time(), False
        error = ""
        took_s = 0.0
        try:
            took_s = await self._client.ping(within_s=self._within_s)
        except (NoAnswerError, NotSentError) as missed:
            error = str(missed)
        except ClientError:
            pass  # an error from the server is an answer
        if not self._up.is_set():
            return  # the line was lost meanwhile, and that was noticed
        if not error:
            self.heard()
            self._tell(PingAnswered(took_ms=round(took_s * 1000)))
        elif not self._heard_since:
            self._misses, self._missed_at = self._misses + 1, loop.time()
            self._tell(PingMissed(misses=self._misses, error=error))
