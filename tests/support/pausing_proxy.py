"""A line between a host and its database that can be silent: nothing is refused, nothing goes through."""

import asyncio
from contextlib import suppress
from typing import Self


class PausingProxy:
    """Hands on what comes, unless it is paused; on this machine."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._goes = asyncio.Event()
        self._goes.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lines: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._lines:
            line.transport.abort()
        await asyncio.sleep(0)

    def pause(self) -> None:
        """Hand nothing on any more, neither way."""
        self._goes.clear()

    def resume(self) -> None:
        """Hand on again, also what has come meanwhile."""
        self._goes.set()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        there, back = await asyncio.open_connection("127.0.0.1", self._to_port)
        self._lines.add(back)
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._hand_on(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _hand_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                await self._goes.wait()
                target.write(data)
                await target.drain()
        await self._goes.wait()
        target.close()
