"""A simulated person whose messages go through a real client."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from linda_bot.kernel.errors import LindaError
from linda_bot.kernel.files import make_private_dir
from linda_bot.kernel.tasks import spawn_task
from linda_bot.whatsapp.adapter import EngineClient
from linda_bot.whatsapp.events import Connected, ConnectEnded, EngineExited, EnginePrinted, IncomingMessage, QrIssued
from linda_bot.whatsapp.port import LinkRequest, SentMessage

_LINK_WITHIN_S = 30
_OLD_COUNTER = "old counter"
"""In the line that the library logs when it drops a message whose counter was used before."""


class ContactError(LindaError):
    """A contact's own client did not come up."""


class Contact:
    """Writes and reads; everything that arrives is kept until it is asked for."""

    def __init__(self, number: str, directory: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.number = number
        self.dropped_old_counter = 0
        """How many messages its library dropped because their counter was used before."""
        self._directory = directory
        self._client = EngineClient(command, environment)
        self._inbox: asyncio.Queue[IncomingMessage] = asyncio.Queue()
        self._online = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble = ""

    async def open(self, scan: Callable[[str], Awaitable[None]]) -> None:
        """Connect, linking first if need be; raises ContactError."""
        make_private_dir(self._directory)
        self._tasks = [
            spawn_task(self._follow(scan), name=f"contact {self.number}"),
            spawn_task(self._receive(), name=f"inbox of {self.number}"),
        ]
        await self._client.start(
            LinkRequest(store=self._directory / "contact.db", device_name="Contact", log_level="warning")
        )
        try:
            async with asyncio.timeout(_LINK_WITHIN_S):
                await self._online.wait()
        except TimeoutError:
            await self.close()
            message = f"the contact {self.number} did not come up: {self._trouble or 'no answer'}"
            raise ContactError(message) from None

    async def close(self) -> None:
        """Disconnect and end."""
        await self._client.stop()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def send(self, number: str, text: str) -> SentMessage:
        """Write to a phone number."""
        return await self._client.send_text(f"{number}@s.whatsapp.net", text)

    async def next_message(self, *, within_s: float = 10) -> IncomingMessage:
        """Return the next message that arrives, or that has arrived; raises TimeoutError."""
        async with asyncio.timeout(within_s):
            return await self._inbox.get()

    async def ask(self, number: str, text: str, *, within_s: float = 10) -> IncomingMessage:
        """Write and return the next message that comes back."""
        await self.send(number, text)
        return await self.next_message(within_s=within_s)

    def received(self) -> list[IncomingMessage]:
        """Return what has arrived and was not asked for yet."""
        return [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]

    async def _receive(self) -> None:
        async for event in self._client.messages():
            if not event.message.from_me:
                self._inbox.put_nowait(event.message)

    async def _follow(self, scan: Callable[[str], Awaitable[None]]) -> None:
        async for event in self._client.events():
            match event:
                case QrIssued(number=1, code=code):
                    await scan(code)
                case Connected():
                    self._online.set()
                case EnginePrinted(line=line):
                    self.dropped_old_counter += _OLD_COUNTER in line.lower()
                case ConnectEnded(error=error):
                    self._trouble = error
                case EngineExited():
                    return
                case _:
                    pass
