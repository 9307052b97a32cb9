"""The way in: HTTP CONNECT as a proxy would take it, then TLS, then a WebSocket or files; on 127.0.0.1 only."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.library import HOST, MEDIA_HOST

LOOPBACK = "127.0.0.1"
_PATH = "/ws/chat"
_TARGETS = (f"{HOST}:443", f"{MEDIA_HOST}:443")
_LONGEST_HEAD = 8192
_LONGEST_MESSAGE = 64 * 1024 * 1024
_TLS_WITHIN_S = 10

Serve = Callable[[web.WebSocketResponse], Awaitable[None]]
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def _nothing_here(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=404)


class Front:
    """Listens, hands every WebSocket to `serve` and has what concerns files answered; can be told to misbehave."""

    def __init__(self, context: ssl.SSLContext, serve: Serve, answer_media: Answer = _nothing_here) -> None:
        self._serve = serve
        self._answer_media = answer_media
        self._server: asyncio.Server | None = None
        self._web = web.Server(self._on_request, access_log=None)
        self._tunnels: set[_Tunnel] = set()
        self.port: int = 0
        self.black_hole = False
        """Accept connections and never answer."""
        self.refuse = False
        """Answer every CONNECT with 502."""
        self.pick_context: Callable[[], ssl.SSLContext] = lambda: context
        """Says which certificate a new connection is shown."""

    async def open(self, port: int = 0) -> None:
        """Listen on a port; any free one for 0, or when the wanted one is taken. Harmless when it listens already."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Tunnel(self), LOOPBACK, port)
        except OSError:
            self._server = await loop.create_server(lambda: _Tunnel(self), LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        upgrades = [tunnel.upgrade for tunnel in self._tunnels if tunnel.upgrade is not None]
        for tunnel in tuple(self._tunnels):
            tunnel.drop()
        self._tunnels.clear()
        await asyncio.gather(*upgrades, return_exceptions=True)
        await self._web.shutdown(1)
        await server.wait_closed()
        self._web = web.Server(self._on_request, access_log=None)

    def admit(self, tunnel: "_Tunnel") -> None:
        """Keep a new connection, so that it can be dropped; those that have ended are let go."""
        # Once TLS has taken over, a tunnel is not told of its end, so it is looked for here.
        self._tunnels = {known for known in self._tunnels if not known.ended}
        self._tunnels.add(tunnel)

    def new_handler(self) -> asyncio.Protocol:
        """Return what speaks HTTP on a connection from here on."""
        return self._web()

    async def _on_request(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.host == MEDIA_HOST:
            return await self._answer_media(request)
        if request.path != _PATH:
            return web.Response(status=404)
        socket = web.WebSocketResponse(compress=False, max_msg_size=_LONGEST_MESSAGE)
        await socket.prepare(request)
        await self._serve(socket)
        return socket


class _Tunnel(asyncio.Protocol):
    """One connection: reads the CONNECT, then hands its transport over to TLS and the web server."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self.upgrade: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether the connection is over."""
        return self._transport is None or self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._front.admit(self)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if self._front.black_hole or self.upgrade is not None:
            return
        self._head += data
        if len(self._head) > _LONGEST_HEAD:
            self._transport.abort()
            return
        if b"\r\n\r\n" not in self._head:
            return
        method, target, *_ = [*self._head.split(b"\r\n", 1)[0].decode("latin-1").split(" "), "", ""]
        if self._front.refuse or method != "CONNECT" or target not in _TARGETS:
            status = b"502 Bad Gateway" if self._front.refuse else b"403 Forbidden"
            self._transport.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self._transport.close()
            return
        self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.upgrade = spawn_task(self._start_tls(self._transport), name="tls handshake")

    async def _start_tls(self, transport: asyncio.Transport) -> None:
        handler = self._front.new_handler()
        try:
            tls = await asyncio.get_running_loop().start_tls(
                transport, handler, self._front.pick_context(), server_side=True, ssl_handshake_timeout=_TLS_WITHIN_S
            )
        except OSError:  # ssl.SSLError is one: the client does not trust us, or has gone
            transport.abort()
            return
        if tls is not None:
            handler.connection_made(tls)

    def drop(self) -> None:
        """Cut the line without a word."""
        if self._transport is not None:
            self._transport.abort()
