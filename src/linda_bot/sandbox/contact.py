"""A simulated person whose messages go through a real client."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from linda_bot.kernel.errors import LindaError
from linda_bot.kernel.files import make_private_dir
from linda_bot.kernel.tasks import spawn_task
from linda_bot.whatsapp.adapter import EngineClient
from linda_bot.whatsapp.content import AnyContent, Text
from linda_bot.whatsapp.events import (
    Connected,
    ConnectEnded,
    EngineExited,
    EnginePrinted,
    IncomingMessage,
    MessageReceived,
    QrIssued,
)
from linda_bot.whatsapp.port import ClientError, LinkRequest, SentMessage

_LINK_WITHIN_S = 30
_DROPPED, _OLD_COUNTER = "Ignoring message", "old counter"
"""In the line that whatsmeow logs when it drops a message whose counter was used before; libsignal logs one as well."""


class ContactError(LindaError):
    """A contact's own client did not come up."""


class Contact:
    """Writes and reads; everything that arrives is kept until it is asked for."""

    def __init__(self, number: str, directory: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.number = number
        self.dropped_old_counter: int = 0
        """How many messages its library dropped because their counter was used before."""
        self.online: bool = False
        """Whether it has connected; its library reconnects by itself."""
        self._directory = directory
        self._client = EngineClient(command, environment)
        self._inbox: asyncio.Queue[IncomingMessage] = asyncio.Queue()
        self._settled = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble = ""

    async def open(self, scan: Callable[[str], Awaitable[None]]) -> None:
        """Connect, linking first if need be; raises ContactError."""
        make_private_dir(self._directory)
        self._tasks = [
            spawn_task(self._follow(scan), name=f"contact {self.number}"),
        ]
        try:
            await self._client.start(
                LinkRequest(store=self._directory / "contact.db", device_name="Contact", log_level="warning")
            )
            async with asyncio.timeout(_LINK_WITHIN_S):
                await self._settled.wait()
        except (ClientError, TimeoutError) as error:
            self._trouble = self._trouble or str(error) or "it did not connect in time"
        except BaseException:
            await self.close()
            raise
        if not self.online:
            await self.close()
            message = f"the contact {self.number} did not come up: {self._trouble}"
            raise ContactError(message)

    async def close(self) -> None:
        """Disconnect and end."""
        await self._client.stop()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    def kill(self) -> None:
        """End its engine at once, as a crash would."""
        self._client.kill()

    async def send(self, number: str, what: str | AnyContent) -> SentMessage:
        """Write to a phone number."""
        content = Text(text=what) if isinstance(what, str) else what
        return await self._client.send(f"{number}@s.whatsapp.net", content)

    async def download(self, message: IncomingMessage, to: Path) -> None:
        """Write the file of a message that it got; raises ClientError."""
        await self._client.download(message.raw, to)

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

    async def _follow(self, scan: Callable[[str], Awaitable[None]]) -> None:
        async for event in self._client.events():
            match event:
                case QrIssued(number=1, code=code):
                    await self._link(scan, code)
                case MessageReceived(message=message) if not message.from_me:
                    self._inbox.put_nowait(message)
                case Connected():
                    self.online = True
                    self._settled.set()
                case EnginePrinted(line=line):
                    self.dropped_old_counter += _DROPPED in line and _OLD_COUNTER in line
                case ConnectEnded(error=error):
                    self._end(error or "its library ended the connection")
                case EngineExited(code=code, last_lines=lines):
                    self._end(f"its engine ended with {code}; {' '.join(lines[-1:])}")
                case _:
                    pass

    async def _link(self, scan: Callable[[str], Awaitable[None]], code: str) -> None:
        try:
            await scan(code)
        except LindaError as error:
            self._end(str(error))

    def _end(self, trouble: str) -> None:
        self.online = False
        self._trouble = self._trouble or trouble
        self._settled.set()
