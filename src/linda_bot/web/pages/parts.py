"""The parts of a page that change while somebody looks: rendered once for all who do, and not at all for nobody.

A browser gets all parts when it comes and those that have changed from then on, as server-sent events; `static/live.js`
puts them where they belong.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from math import inf
from types import MappingProxyType

import msgspec
from aiohttp import web

from linda_bot.kernel.tasks import spawn_task
from linda_bot.web.broadcast import Broadcast

Render = Callable[[], Awaitable[dict[str, str]]]
"""Returns the HTML of each part by its name; they are always the same names."""

BOOT = secrets.token_hex(8)
"""A word for this process: a page of another one's is loaded anew when it comes back."""

RENDERED_WITHIN_S = 10.0
RETRY_MS = 1000
"""How long a browser waits before it comes again."""

HEAD = MappingProxyType({
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would wait for more
})  # fmt: skip
"""Of every stream of server-sent events."""

_NO_PARTS, _NO_NEWS = "a page's parts cannot be shown now", "a page has no news"
_log = logging.getLogger("linda_bot.web")


class LiveParts:
    """The stream of one page's parts."""

    def __init__(
        self,
        render: Render,
        wait_for_news: Callable[[], Awaitable[None]],
        *,
        readers_at_most: int,
        every_s: float = 1.0,
        at_least_every_s: float = 30.0,
        while_watched: Callable[[], AbstractContextManager[None]] = nullcontext,
        boot: str = BOOT,
    ) -> None:
        """Take what renders the parts, and what waits for a reason to render them again.

        `wait_for_news` returns once there is any since it returned last: at once where nobody was waiting then. Parts
        are rendered every `every_s` at most, and every `at_least_every_s` without any news. `while_watched` is a block
        that lasts for as long as somebody looks. A page that says another `boot` than this is loaded anew.
        """
        self._render = render
        self._wait_for_news = wait_for_news
        self._every_s = every_s
        self._at_least_every_s = at_least_every_s
        self._while_watched = while_watched
        self._boot = boot
        self._told = Broadcast(readers_at_most=readers_at_most)
        self._parts: dict[str, str] = {}
        self._open = 0
        self._tried = asyncio.Event()
        """Whether the parts were rendered, or that has failed, since somebody looks."""
        self._looking = asyncio.Lock()
        self._looked_at = -inf
        self._failing: set[str] = set()
        """What has failed since it last did not."""
        self._telling: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """End all streams."""
        await self._told.close()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Answer with the parts, and how they change, until the reader goes or the bot ends."""
        self._open += 1
        if self._telling is None:
            self._telling = spawn_task(self._tell(), name="live parts")
        try:
            await self._tried.wait()
            await self._freshen()
            first = f"retry: {RETRY_MS}\n".encode() + message("hello", {"boot": self._boot})
            if self._parts:
                first += message("parts", self._parts)
            # The sign is an event and no comment, of which a script learns nothing.
            sign = message("alive", {})
            return await self._told.stream(request, headers=HEAD, first=first, sign=sign, lost=_reload)
        finally:
            self._open -= 1
            await self._rest_if_alone()

    async def _tell(self) -> None:
        with self._while_watched():
            while True:
                began_at = asyncio.get_running_loop().time()
                await self._look()
                self._tried.set()
                await _sleep_until(began_at + self._every_s)
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(began_at + self._at_least_every_s):
                        await self._news()

    async def _freshen(self) -> None:
        """Look again if it is a while ago: a page that was just loaded shall not be set back."""
        async with self._looking:
            if asyncio.get_running_loop().time() - self._looked_at >= self._every_s:
                await self._render_parts()

    async def _look(self) -> None:
        async with self._looking:
            await self._render_parts()

    async def _render_parts(self) -> None:
        """Render the parts and tell those that have changed; where that fails they stay as they are."""
        self._looked_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(RENDERED_WITHIN_S):
                parts = await self._render()
            changed = {name: html for name, html in parts.items() if self._parts.get(name) != html}
            if changed:
                self._told.tell(message("parts", changed))
        except Exception:  # noqa: BLE001 (whatever it is, it may pass, and the readers stay)
            self._take_failure(_NO_PARTS)
        else:
            self._parts = parts
            self._failing.discard(_NO_PARTS)

    async def _news(self) -> None:
        try:
            await self._wait_for_news()
        except Exception:  # noqa: BLE001 (the parts are rendered now and then all the same)
            self._take_failure(_NO_NEWS)
            await asyncio.sleep(self._at_least_every_s)
        else:
            self._failing.discard(_NO_NEWS)

    def _take_failure(self, what: str) -> None:
        if what not in self._failing:
            _log.exception(what)
        self._failing.add(what)

    async def _rest_if_alone(self) -> None:
        if self._open or self._telling is None:
            return
        telling, self._telling = self._telling, None
        self._parts = {}  # there may be codes among them
        self._failing.clear()
        self._tried.clear()
        telling.cancel()
        await asyncio.wait({telling})


def message(event: str, data: Mapping[str, str]) -> bytes:
    """Return a server-sent event."""
    said = {name: text.encode(errors="replace").decode() for name, text in data.items()}  # no half surrogate pairs
    return b"event: " + event.encode() + b"\ndata: " + msgspec.json.encode(said) + b"\n\n"


def _reload(_count: int) -> bytes:
    """Return what is told to a reader who has missed something: the parts that they have may be any."""
    return message("reload", {})


async def _sleep_until(moment: float) -> None:
    await asyncio.sleep(max(moment - asyncio.get_running_loop().time(), 0.0))
