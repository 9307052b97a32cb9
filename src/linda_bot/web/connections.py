"""Connections to strangers: how many there may be, how long they may take, how much they may say before they ask."""

import asyncio
import logging
from contextlib import suppress
from typing import NamedTuple, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from linda_bot.web.headers import FIXED

_GRACE_S = 5.0
_LONGEST_LINE, _LONGEST_FIELD, _FIELDS_AT_MOST = 8190, 8190, 64
_END_OF_HEAD = b"\r\n\r\n"
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

_log = logging.getLogger("linda_bot.web")


class Limits(NamedTuple):
    """What is borne from those who have not asked anything yet."""

    connections: int = 512
    head_within_s: float = 10.0
    """How long a request's head may take, from the connection's beginning or from its own first byte."""
    idle_s: float = 75.0
    """How long a connection may stay without another request."""
    longest_head: int = 16 * 1024


USUAL = Limits()


class Connections:
    """Makes what handles one connection, for each that comes; for `loop.create_server`."""

    def __init__(self, server: web.Server, limits: Limits) -> None:
        self.lines: set[Line] = set()
        """Those that are open."""
        self.limits = limits
        self._all_closed = asyncio.Event()
        self._server = server
        self._answer = server.request_handler
        server.request_handler = self._handle

    def __call__(self) -> "Line":
        """Return what handles one more connection."""
        return Line(self, self._server)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        line = request.protocol
        assert isinstance(line, Line)
        line.begin()
        try:
            return await self._answer(request)
        finally:
            line.end(is_read=request.content.is_eof())

    def add(self, line: "Line") -> bool:
        """Take one more; return whether there was room."""
        if len(self.lines) >= self.limits.connections:
            return False
        self.lines.add(line)
        self._all_closed.clear()
        return True

    def remove(self, line: "Line") -> None:
        """Let go of one that is closed."""
        self.lines.discard(line)
        if not self.lines:
            self._all_closed.set()

    async def end(self, *, within_s: float) -> None:
        """Wait until all that are being closed are, and cut off the others."""
        if self.lines:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._all_closed.wait()
        for line in tuple(self.lines):
            line.cut_off()


class Line(web.RequestHandler):
    """One connection, with aiohttp's way of handling it."""

    def __init__(self, connections: Connections, server: web.Server) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=connections.limits.idle_s,
            access_log=None,  # type: ignore[arg-type]
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_FIELD,
            max_headers=_FIELDS_AT_MOST,
            auto_decompress=False,  # a small body must stay a small one
        )
        self._connections = connections
        self._limits = connections.limits
        self._wire: asyncio.Transport | None = None
        self._head = 0
        """How many bytes of a head have come; -1 once it is whole, until the answer's end."""
        self._end_of_head = b""
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, unless there are too many."""
        wire = cast("asyncio.Transport", transport)
        if not self._connections.add(self):
            wire.abort()
            return
        self._wire = wire
        super().connection_made(transport)
        self._must_come_within(self._limits.head_within_s)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of a connection."""
        if self._wire is None:
            return
        self._wire = None
        self._connections.remove(self)
        self._need_not_come()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come, unless it is a head without an end."""
        if self._wire is not None and self._is_decent(data):
            super().data_received(data)

    def begin(self) -> None:
        """Note that a request is being answered."""
        self._head = -1
        self._need_not_come()

    def end(self, *, is_read: bool) -> None:
        """Note that it is answered; what was not read of its body may still come, and aiohttp throws that away."""
        if is_read:
            self._head, self._end_of_head = 0, b""
        # aiohttp closes it in good order then; this is for a peer who does not even take the end.
        self._must_come_within(self._limits.idle_s + _GRACE_S)

    def cut_off(self) -> None:
        """Close a connection whatever is still to be sent."""
        if self._wire is not None:
            self._wire.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP in plain words; what strangers send is no error of ours, and not worth a line."""
        if isinstance(exc, ConnectionError):  # nobody is there any more: aiohttp ends the connection without a word
            raise exc
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        _log.debug("a request that is no HTTP")
        answer = web.Response(status=400, text="400: this is no HTTP request\n", headers=FIXED)
        answer.force_close()
        return answer

    def _is_decent(self, data: bytes) -> bool:
        if self._head < 0:  # what comes now is a body; aiohttp lets no more than some requests wait behind it
            return True
        if self._head == 0:
            self._must_come_within(self._limits.head_within_s)
        seen = self._end_of_head + data
        end = seen.find(_END_OF_HEAD)
        length = self._head + (len(data) if end < 0 else end - len(self._end_of_head))
        if length > self._limits.longest_head:
            self._refuse()
            return False
        self._head, self._end_of_head = (length, seen[-3:]) if end < 0 else (-1, b"")
        return True

    def _refuse(self) -> None:
        assert self._wire is not None
        self._wire.write(_TOO_LONG)
        self.force_close()

    def _must_come_within(self, seconds: float) -> None:
        self._need_not_come()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.cut_off)

    def _need_not_come(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
