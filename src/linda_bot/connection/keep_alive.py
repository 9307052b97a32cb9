"""Finding a silent link: a round trip to the server when nothing else was heard for a while."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from linda_bot.connection.events import PingAnswered, PingMissed
from linda_bot.kernel.events import Event
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError, WhatsAppClient

MISSES = 2
"""So many round trips in a row without an answer make a link silent."""


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
        self._up = asyncio.Event()
        self._asked = asyncio.Event()

    def heard(self) -> None:
        """Note that something came from the server."""
        self._heard_at = asyncio.get_running_loop().time()

    def link_up(self) -> None:
        """Begin to ping."""
        self.heard()
        self._up.set()

    def link_down(self) -> None:
        """Stop pinging: there is no link to test."""
        self._up.clear()

    def test_now(self) -> None:
        """Ping at once: the link may have died unnoticed."""
        self._asked.set()

    async def run(self) -> int:
        """Ping; return the number of misses when there were too many in a row."""
        loop = asyncio.get_running_loop()
        misses = 0
        while misses < MISSES:
            await self._up.wait()
            # The second try follows the first: a person waits for answers meanwhile.
            wait_s = self._within_s if misses else self._every_s - (loop.time() - self._heard_at)
            if wait_s > 0 and not self._asked.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._asked.wait()
                if not misses and not self._asked.is_set():
                    continue  # something may have been heard meanwhile
            self._asked.clear()
            if self._up.is_set():
                misses = await self._ping(misses)
        return misses

    async def _ping(self, misses: int) -> int:
        """Return how many misses in a row there are after this ping."""
        error = ""
        took_s = 0.0
        try:
            took_s = await self._client.ping(within_s=self._within_s)
        except (NoAnswerError, NotSentError) as missed:
            error = str(missed)
        except ClientError:
            pass  # an error from the server is an answer
        if not self._up.is_set():
            return 0  # the line was lost meanwhile, and that was noticed
        if error:
            self._tell(PingMissed(misses=misses + 1, error=error))
            return misses + 1
        self.heard()
        self._tell(PingAnswered(took_ms=round(took_s * 1000)))
        return 0
