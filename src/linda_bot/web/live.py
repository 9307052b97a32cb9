"""What happens, as a stream that lasts for as long as somebody reads it: JSON lines, or server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

import msgspec
from aiohttp import web

from linda_bot.app.front import Front
from linda_bot.kernel.tasks import spawn_task
from linda_bot.web.problems import problem

_VIEWERS_AT_MOST = 8
_SIGN_EVERY_S = 15.0
"""A line without a word: so a viewer who is gone is noticed, and one who is there sees that the bot is."""

_WRITTEN_WITHIN_S = 30.0
_SSE, _LINES = "text/event-stream", "application/x-ndjson"


class Live:
    """The streams that there are; none of them holds anything up."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._closing = asyncio.Event()
        self._viewers = 0

    async def close(self, _application: web.Application) -> None:
        """End all streams."""
        self._closing.set()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Tell what happens from now on, until the viewer goes or the bot ends; see `Front.events`."""
        if self._viewers >= _VIEWERS_AT_MOST:
            detail = f"{_VIEWERS_AT_MOST} views are open already; close one"
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind="too-many-views", title="Too many views")
        as_sse = _SSE in request.headers.get("Accept", "")
        response = web.StreamResponse(headers={"Content-Type": _SSE if as_sse else _LINES, "Cache-Control": "no-store"})
        self._viewers += 1
        try:
            await self._tell(request, response, as_sse=as_sse)
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._viewers -= 1
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse, *, as_sse: bool) -> None:
        events = self._front.events()
        coming = spawn_task(_next(events), name="live view")
        ending = spawn_task(self._closing.wait(), name="end of live view")
        data = _sign(as_sse=as_sse)  # at once: from here on nothing is missed
        try:
            await response.prepare(request)
            while not ending.done():
                async with asyncio.timeout(_WRITTEN_WITHIN_S):
                    await response.write(data)
                await asyncio.wait({coming, ending}, timeout=_SIGN_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    data = _framed(coming.result(), as_sse=as_sse)
                    coming = spawn_task(_next(events), name="live view")
                else:
                    data = _sign(as_sse=as_sse)
            await response.write_eof()
        finally:
            for task in (coming, ending):
                task.cancel()
            await asyncio.wait({coming, ending})
            await events.aclose()


async def _next(events: AsyncIterator[dict[str, object]]) -> dict[str, object]:
    return await anext(events)


def _sign(*, as_sse: bool) -> bytes:
    return b":\n\n" if as_sse else b"\n"


def _framed(line: dict[str, object], *, as_sse: bool) -> bytes:
    said = msgspec.json.encode(line)
    return b"data: " + said + b"\n\n" if as_sse else said + b"\n"
