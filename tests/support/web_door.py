"""A web page's door on a port of this machine's, with little behind it, and somebody who says odd things to it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.events import Event
from linda_bot.settings.values import HttpAddress
from linda_bot.web.access import Access
from linda_bot.web.application import application
from linda_bot.web.connections import USUAL, Limits
from linda_bot.web.gates import TcpGate
from linda_bot.web.hosts import public_of
from linda_bot.web.pages.access_pages import access_routes
from linda_bot.web.pages.layout import page
from linda_bot.web.pages.static_files import static_routes
from linda_bot.web.routes import Route
from linda_bot.web.serving import serve_on
from linda_bot.web.visitors import Gate, Right, visitor_of

TOKEN = "a-token-that-nobody-guesses"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def cookie(self) -> str:
        """The cookie that was set, as a browser sends it back."""
        return self.headers["set-cookie"].partition(";")[0]


class Door:
    """A door that listens."""

    def __init__(self, port: int, access: Access, events: list[Event]) -> None:
        self.port = port
        self.access = access
        self.events = events
        self.clock = Clock()
        self.changes: list[str] = []
        """What was done, and by whom: one must have the right for it."""

    def routes(self) -> list[Route]:
        """Return a route of each kind."""
        return [
            Route("GET", "/", self._page, is_page=True),
            Route("GET", "/link", self._page, Right.NONE, is_page=True),
            Route("POST", "/link-code", self._change, Right.LINK, is_page=True),
            Route("GET", "/link-live", self._stream, Right.LINK, is_stream=True),
            Route("GET", "/healthz", self._text, Right.NONE),
            Route("GET", "/fails", self._fail, Right.NONE),
            Route("GET", "/fails-as-page", self._fail, Right.NONE, is_page=True),
            Route("GET", "/wrong", self._refuse, Right.NONE, is_page=True),
            Route("GET", "/api/v1/status", self._text),
            Route("GET", "/api/v1/events", self._stream, is_stream=True),
            Route("POST", "/api/v1/pause", self._change, Right.OWN),
        ]

    async def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        host: str = "",
        cookie: str = "",
    ) -> Answer:
        """Ask as a browser does, for what is given."""
        body = urlencode(form or {})
        known = {"Host": host or f"127.0.0.1:{self.port}", "Connection": "close"}
        if form is not None:
            known |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
        if cookie:
            known["Cookie"] = cookie
        lines = "".join(f"{name}: {value}\r\n" for name, value in (known | dict(headers or {})).items())
        return await self.say(f"{method} {path} HTTP/1.1\r\n{lines}\r\n{body}".encode("utf-8", "surrogateescape"))

    async def say(self, words: bytes) -> Answer:
        """Send bytes, and return what comes until the end."""
        return answer_in(await self.raw(words))

    async def raw(self, words: bytes, *, within_s: float = 10) -> bytes:
        """Send bytes, and return what comes until the end; nothing where the door is shut in one's face."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(words)
        try:
            async with asyncio.timeout(within_s):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def log_in(self) -> str:
        """Return the cookie of one who has the token."""
        answer = await self.ask("/login", "POST", form={"token": TOKEN})
        assert answer.status == 303
        return answer.cookie

    async def come_by_link(self) -> str:
        """Return the cookie of one who came by a one-shot link."""
        url, _ = self.access.invite()
        answer = await self.ask("/link", "POST", form={"once": url.partition("once=")[2]})
        assert answer.status == 303
        return answer.cookie

    def csrf_of(self, cookie: str) -> str:
        """Return what the forms of a browser send back."""
        visitor = self.access.visitor_with(cookie.partition("=")[2])
        assert visitor is not None
        return visitor.csrf

    async def _page(self, request: web.Request) -> web.Response:
        return page(request, "base.html")

    async def _text(self, request: web.Request) -> web.Response:
        return web.Response(text=f"asked by {visitor_of(request).proof.name}")

    async def _change(self, request: web.Request) -> web.Response:
        self.changes.append(visitor_of(request).proof.name)
        return web.Response(text="done")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b":\n\n")
        await answer.write_eof()
        return answer

    async def _fail(self, request: web.Request) -> web.Response:
        raise ValueError("<script>alert(1)</script>")

    async def _refuse(self, request: web.Request) -> web.Response:
        raise UsageError(f"there is no {request.query['name']}")


@contextlib.asynccontextmanager
async def open_door(
    home: Path,
    *,
    token: str | None = TOKEN,
    url: str | None = None,
    limits: Limits = USUAL,
    gate: Gate | None = None,
) -> AsyncIterator[Door]:
    """Open a door, by TCP; with another gate than the usual one if that is given."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
    listener.setblocking(False)  # noqa: FBT003
    events: list[Event] = []
    bound = HttpAddress("127.0.0.1", listener.getsockname()[1])
    public = None if url is None else public_of(url)
    clock, wall = Clock(), Clock()
    access = Access(
        token=token,
        key_file=home / "sessions" / ".web-key",
        bound=bound,
        public=public,
        tell=events.append,
        clock=clock,
        wall_clock=wall,
    )
    door = Door(bound.port, access, events)
    door.clock = clock
    tcp = TcpGate(access)
    routes = [*door.routes(), *access_routes(access, tcp), *static_routes()]
    built = application(routes, gate or tcp, prefix="" if public is None else public.prefix)
    serving = asyncio.create_task(serve_on(listener, built, limits))
    try:
        yield door
    finally:
        serving.cancel()
        await asyncio.wait({serving})
        listener.close()


def answer_in(said: bytes) -> Answer:
    """Return what an answer says."""
    head, _, body = said.partition(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split(" ")[1]), headers, body.decode("utf-8", "replace"))
