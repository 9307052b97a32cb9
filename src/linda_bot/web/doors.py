"""The ways into a running bot: its control socket, always, and its web page, where one is wanted.

What serves them brings aiohttp along, which takes some 200 ms and 15 MB: it is loaded on a thread, for the first one
who comes by the socket, or for the page.
"""

import asyncio
import importlib
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from linda_bot.kernel.tasks import spawn_task
from linda_bot.web.unix_socket import control_socket

if TYPE_CHECKING:
    from linda_bot.app.front import Front
    from linda_bot.web.api import Invite
    from linda_bot.web.site import Site

_log = logging.getLogger("linda_bot.web")


@asynccontextmanager
async def doors(
    front: "Front", listener: socket.socket | None = None, invite: "Invite | None" = None
) -> AsyncIterator[None]:
    """Let a bot be asked until the end of the block; `listener` is the socket of its web page, if it has one.

    `invite` makes links to its pairing page where the web page is another door's.
    """
    house = _House(front, listener, invite)
    async with AsyncExitStack() as closing:
        await closing.enter_async_context(control_socket(front.job.paths, house.serve_socket))
        if listener is not None:
            await closing.enter_async_context(_web_page(house))
        yield


@asynccontextmanager
async def _web_page(house: "_House") -> AsyncIterator[None]:
    serving = spawn_task(house.serve_page(), name="web page")
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.wait({serving})


class _House:
    """Makes what is served once, whoever comes first and by whichever door."""

    def __init__(self, front: "Front", listener: socket.socket | None, invite: "Invite | None") -> None:
        self._front = front
        self._invite = invite
        self._listener = listener
        self._making = asyncio.Lock()
        self._site: Site | None = None

    async def serve_socket(self, listener: socket.socket) -> None:
        """Answer on the control socket until cancelled."""
        await (await self._made()).serve_socket(listener)

    async def serve_page(self) -> None:
        """Answer on the web page's socket until cancelled."""
        assert self._listener is not None
        try:
            await (await self._made()).serve_page(self._listener)
        except Exception:  # noqa: BLE001 (the bot lives on without)
            _log.exception("the web page is closed: its server failed")
            self._listener.close()

    async def _made(self) -> "Site":
        async with self._making:
            if self._site is None:
                module = await asyncio.to_thread(importlib.import_module, "linda_bot.web.site")
                self._site = module.Site(self._front, self._listener, self._invite)
            return self._site
