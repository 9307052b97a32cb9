"""What happens, as a stream that lasts for as long as somebody reads it: JSON lines, or server-sent events."""

import asyncio
import logging
from contextlib import aclosing

import msgspec
from aiohttp import web

from linda_bot.app.front import Front
from linda_bot.app.live_lines import dropped_line
from linda_bot.kernel.tasks import spawn_task
from linda_bot.web.broadcast import Broadcast
from linda_bot.web.operations import LINES, SSE

READERS_AT_MOST = 256
"""Of either kind."""

_AT_ONCE = 20
"""So many lines are made before the event loop goes on with something else."""

_log = logging.getLogger("linda_bot.web")


class Live:
    """The streams of events that there are: each line is made once for all of them, and none while nobody reads."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._sse = Broadcast(readers_at_most=READERS_AT_MOST)
        self._lines = Broadcast(readers_at_most=READERS_AT_MOST)
        self._open = 0
        self._telling: asyncio.Task[None] | None = None
        self._account = ""

    async def close(self) -> None:
        """End all streams."""
        await self._sse.close()
        await self._lines.close()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Tell what happens from now on, until the reader goes or the bot ends; see `Front.events`."""
        as_sse = SSE in request.headers.get("Accept", "")
        head = {
            "Content-Type": SSE if as_sse else LINES,
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # nginx would wait for more
        }
        self._open += 1
        if self._telling is None:
            self._telling = spawn_task(self._tell(), name="live events")
        sign = b":\n\n" if as_sse else b"\n"
        try:
            # Whoever has the first sign misses nothing from then on: the task begins before anybody can answer to it.
            if as_sse:
                return await self._sse.stream(request, headers=head, first=sign, sign=sign, lost=self._sse_dropped)
            return await self._lines.stream(request, headers=head, first=sign, sign=sign, lost=self._line_dropped)
        finally:
            self._open -= 1
            await self._rest_if_alone()

    async def _tell(self) -> None:
        number = 0
        try:
            async with aclosing(self._front.events()) as events:
                async for line in events:
                    self._account = str(line.get("account", ""))
                    said = msgspec.json.encode(line)
                    if self._sse.readers:
                        self._sse.tell(_as_sse(said))
                    if self._lines.readers:
                        self._lines.tell(_as_line(said))
                    number += 1
                    if number % _AT_ONCE == 0:
                        await asyncio.sleep(0)
        except Exception:  # noqa: BLE001 (a bug of ours: the readers may come again)
            _log.exception("the live events end")
            await self.close()

    async def _rest_if_alone(self) -> None:
        if self._open or self._telling is None:
            return
        telling, self._telling = self._telling, None
        telling.cancel()
        await asyncio.wait({telling})

    def _sse_dropped(self, count: int) -> bytes:
        return _as_sse(msgspec.json.encode(dropped_line(self._account, count)))

    def _line_dropped(self, count: int) -> bytes:
        return _as_line(msgspec.json.encode(dropped_line(self._account, count)))


def _as_sse(said: bytes) -> bytes:
    return b"data: " + said + b"\n\n"


def _as_line(said: bytes) -> bytes:
    return said + b"\n"
