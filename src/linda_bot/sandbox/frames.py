"""Frames on a WebSocket: three bytes of length, then the body; what comes and what goes can be delayed."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import WSMsgType, web

from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.noise import PROLOGUE

_READ_AHEAD = 256


class HangUpError(Exception):
    """The client said something that no client says; the line is cut."""


class _Due(NamedTuple):
    """Something that arrives at a moment of the loop's clock; None is the end of the line."""

    at: float
    data: bytes | str | None


class Frames:
    """The frames of one connection, between `open` and `close`."""

    def __init__(self, socket: web.WebSocketResponse, delay_s: Callable[[], float]) -> None:
        self._socket = socket
        self._delay_s = delay_s
        self._buffer = b""
        self._begun = False
        self._inbox: asyncio.Queue[_Due] = asyncio.Queue(_READ_AHEAD)
        self._outbox: asyncio.Queue[_Due] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self.muted = False
        """Whether nothing is sent any more, not even what was to be sent before."""

    def open(self) -> None:
        """Begin to listen and to send."""
        self._tasks = [
            spawn_task(self._listen(), name="frames that come"),
            spawn_task(self._speak(), name="frames that go"),
        ]

    async def close(self) -> None:
        """End both ways."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def next(self) -> bytes | None:
        """Return the next frame's body; None when the line has ended. Raises HangUpError."""
        while True:
            frame = self._cut()
            if frame is not None:
                return frame
            due = await self._inbox.get()
            if not isinstance(due.data, bytes):
                return None
            await _wait_until(due.at)
            self._buffer += due.data

    def send(self, body: bytes) -> None:
        """Send a frame, after those before it; nothing happens when the line has ended."""
        self.send_raw(len(body).to_bytes(3) + body)

    def send_raw(self, message: bytes | str) -> None:
        """Send a message that need be no frame: a binary one for bytes, a text message for a text."""
        self._outbox.put_nowait(_Due(self._due(), message))

    async def sent(self) -> None:
        """Wait until everything is on its way."""
        await self._outbox.join()

    def _due(self) -> float:
        return asyncio.get_running_loop().time() + self._delay_s()

    async def _listen(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type is not WSMsgType.BINARY:
                await self._inbox.put(_Due(0, None))
                return
            await self._inbox.put(_Due(self._due(), message.data))

    async def _speak(self) -> None:
        while True:
            due = await self._outbox.get()
            await _wait_until(due.at)
            if not self.muted and due.data is not None:
                with contextlib.suppress(ConnectionError, RuntimeError):
                    if isinstance(due.data, str):
                        await self._socket.send_str(due.data)
                    else:
                        await self._socket.send_bytes(due.data)
            self._outbox.task_done()

    def _cut(self) -> bytes | None:
        if not self._begun:
            if len(self._buffer) < len(PROLOGUE):
                return None
            if not self._buffer.startswith(PROLOGUE):
                message = "the client does not begin as WhatsApp clients do"
                raise HangUpError(message)
            self._buffer = self._buffer[len(PROLOGUE) :]
            self._begun = True
        length = int.from_bytes(self._buffer[:3])
        if len(self._buffer) < 3 + length:
            return None
        frame, self._buffer = self._buffer[3 : 3 + length], self._buffer[3 + length :]
        return frame


async def _wait_until(at: float) -> None:
    wait_s = at - asyncio.get_running_loop().time()
    if wait_s > 0:
        await asyncio.sleep(wait_s)
