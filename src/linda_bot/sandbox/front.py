"""The way in: HTTP CONNECT as a proxy would take it, then TLS, then a WebSocket; on 127.0.0.1 only."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.certificates import HOST

LOOPBACK = "127.0.0.1"
_PATH = "/ws/chat"
_TARGET = f"{HOST}:443"
_LONGEST_HEAD = 8192

Serve = Callable[[web.WebSocketResponse], Awaitable[None]]


class Front:
    """Listens, and hands every WebSocket to `serve`; can be told to misbehave."""

    def __init__(self, context: ssl.SSLContext, serve: Serve) -> None:
        self.context = context
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._web = web.Server(self._on_request)
        self.tunnels: set[_Tunnel] = set()
        self.port = 0
        self.black_hole = False
        """Accept connections and never answer."""
        self.refuse = False
        """Answer every CONNECT with 502."""

    async def open(self, port: int = 0) -> None:
        """Listen on a port; any free one for 0, or when the wanted one is taken."""
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
        self._server.close()
        for tunnel in tuple(self.tunnels):
            tunnel.drop()
        await self._web.shutdown(1)
        await self._server.wait_closed()
        await asyncio.gather(*(tunnel.upgrading for tunnel in self.tunnels if tunnel.upgrading), return_exceptions=True)
        self._server = None
        self._web = web.Server(self._on_request)

    def new_handler(self) -> asyncio.Protocol:
        """Return what speaks HTTP on a connection from here on."""
        return self._web()

    async def _on_request(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != _PATH:
            return web.Response(status=404)
        socket = web.WebSocketResponse(compress=False, max_msg_size=0)
        await socket.prepare(request)
        await self._serve(socket)
        return socket


class _Tunnel(asyncio.Protocol):
    """One connection: reads the CONNECT, then hands its transport over to TLS and the web server."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self._tls: asyncio.Transport | None = None
        self.upgrading: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._front.tunnels.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._front.tunnels.discard(self)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._head += data
        if self._front.black_hole:
            return
        if len(self._head) > _LONGEST_HEAD:
            self._transport.abort()
        if b"\r\n\r\n" not in self._head or self.upgrading is not None:
            return
        method, target, *_ = [*self._head.split(b"\r\n", 1)[0].decode("latin-1").split(" "), "", ""]
        if self._front.refuse or (method, target) != ("CONNECT", _TARGET):
            status = b"502 Bad Gateway" if self._front.refuse else b"403 Forbidden"
            self._transport.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self._transport.close()
            return
        self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.upgrading = spawn_task(self._upgrade(), name="tls handshake")

    async def _upgrade(self) -> None:
        assert self._transport is not None
        handler = self._front.new_handler()
        try:
            tls = await asyncio.get_running_loop().start_tls(
                self._transport,
                handler,
                self._front.context,
                server_side=True,
            )
        except (OSError, ssl.SSLError):
            self._front.tunnels.discard(self)
            return
        if tls is None:
            return
        self._tls = tls
        handler.connection_made(tls)

    def drop(self) -> None:
        """Cut the line without a word."""
        self._front.tunnels.discard(self)
        if self._transport is not None:
            self._transport.abort()
