"""The ways into a running house: its control socket, and the web page of all its accounts, where one is wanted.

What serves them is loaded for the first one who comes; see `doors`.
"""

import asyncio
import importlib
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from linda_bot.app.front import NotNowError
from linda_bot.app.job import Job
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sessions.paths import HousePaths
from linda_bot.web.doors import doors
from linda_bot.web.unix_socket import control_socket

if TYPE_CHECKING:
    from linda_bot.app.front import Front
    from linda_bot.app.house import House
    from linda_bot.web.house_site import HouseSite

_log = logging.getLogger("linda_bot.web")


class HouseDoors:
    """Opens the doors of a house and those of each of its accounts."""

    def __init__(self, job: Job, listener: socket.socket | None) -> None:
        """Take the job of the process, and the socket of its web page, if it has one."""
        self._job = job
        self._listener = listener
        self._making = asyncio.Lock()
        self._site: HouseSite | None = None

    @asynccontextmanager
    async def open(self, front: "Front") -> AsyncIterator[None]:
        """Let an account be asked on its own control socket until the end of the block."""

        def invite() -> tuple[str, float]:
            if self._listener is None or self._site is None:
                raise NotNowError("there is no web page: start the bot with --http")
            return self._site.invite(front)

        async with doors(front, invite=invite):
            try:
                yield
            finally:
                if self._site is not None:
                    await self._site.leave(front)

    @asynccontextmanager
    async def open_house(self, house: "House") -> AsyncIterator[None]:
        """Let a house be asked until the end of the block."""

        async def serve_socket(listener: socket.socket) -> None:
            await (await self._made(house)).serve_socket(listener)

        async with AsyncExitStack() as closing:
            paths = HousePaths(self._job.paths.data_dir)
            await closing.enter_async_context(control_socket(paths, serve_socket))
            if self._listener is not None:
                await closing.enter_async_context(self._web_page(house, self._listener))
            yield

    @asynccontextmanager
    async def _web_page(self, house: "House", listener: socket.socket) -> AsyncIterator[None]:
        serving = spawn_task(self._serve_page(house, listener), name="web page")
        try:
            yield
        finally:
            serving.cancel()
            await asyncio.wait({serving})

    async def _serve_page(self, house: "House", listener: socket.socket) -> None:
        try:
            await (await self._made(house)).serve_page(listener)
        except Exception:  # noqa: BLE001 (the bots live on without)
            _log.exception("the web page is closed: its server failed")
            listener.close()

    async def _made(self, house: "House") -> "HouseSite":
        async with self._making:
            if self._site is None:
                module = await asyncio.to_thread(importlib.import_module, "linda_bot.web.house_site")
                self._site = module.HouseSite(house, self._job, self._listener)
            return self._site
