"""A client that is nothing but the engine's `Library`, on the sandbox, in a process of its own; and the handle on it.

Run as a module it is the process: a line of JSON is an order, a line of JSON is what happened.
"""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from linda_bot.sandbox.engine import prepare
from linda_bot.whatsapp.content import AnyContent

T = TypeVar("T", bound=msgspec.Struct)
MESSAGE, CONNECTED = 17, 3


class Order(msgspec.Struct, tag=True):
    """Something to do."""


class Send(Order, tag=True):
    """Send something."""

    chat: str
    content: AnyContent


class MarkRead(Order, tag=True):
    """Mark messages as read."""

    chat: str
    sender: str
    ids: list[str]


class Download(Order, tag=True):
    """Write a message's file."""

    raw: bytes
    path: str


class Report(msgspec.Struct, tag=True):
    """Something that happened."""


class Code(Report, tag=True):
    """A QR code."""

    code: str


class Online(Report, tag=True):
    """The link is up."""


class Arrived(Report, tag=True):
    """A message: the library's event."""

    raw: bytes


class Answer(Report, tag=True):
    """What became of an order."""

    result: str = ""
    error: str = ""
    kind: str = ""
    """The class of the error."""


class Ended(Report, tag=True):
    """The connect call returned."""

    error: str


_orders = msgspec.json.Decoder(Send | MarkRead | Download)
_reports = msgspec.json.Decoder(Code | Online | Arrived | Answer | Ended)


class Peer:
    """A client under a test's hands."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._code: asyncio.Queue[Code] = asyncio.Queue()
        self._online: asyncio.Queue[Online] = asyncio.Queue()
        self._arrived: asyncio.Queue[Arrived] = asyncio.Queue()
        self._answers: asyncio.Queue[Answer] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read(), name="what a peer reports")

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    async def link(self, scan: Callable[[str], Awaitable[None]]) -> None:
        """Have the phone scan the code."""
        await scan((await self._within(self._code)).code)
        await self._within(self._online)

    async def send(self, chat: str, content: AnyContent) -> str:
        """Send something and return its id; raises RuntimeError with the error's class and text."""
        return await self.ask(Send(chat=chat, content=content))

    async def ask(self, order: Order) -> str:
        """Have an order carried out."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        answer = await self._within(self._answers)
        if answer.error:
            raise RuntimeError(f"{answer.kind}: {answer.error}")
        return answer.result

    async def next_message(self) -> bytes:
        """Return the next message that arrives."""
        return (await self._within(self._arrived)).raw

    async def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    @staticmethod
    async def _within(queue: asyncio.Queue[T], seconds: float = 20) -> T:
        async with asyncio.timeout(seconds):
            return await queue.get()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            match _reports.decode(line):
                case Code() as code:
                    self._code.put_nowait(code)
                case Online() as online:
                    self._online.put_nowait(online)
                case Arrived() as arrived:
                    self._arrived.put_nowait(arrived)
                case Answer() as answer:
                    self._answers.put_nowait(answer)
                case _:
                    pass


@asynccontextmanager
async def peer(environment: Mapping[str, str], store: Path, *more: str) -> AsyncIterator[Peer]:
    """Yield a client that connects."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.library_peer", str(store), *more),
        env={**os.environ, **environment, "NEONIZE_BOT_TAG": "off"},
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**27,
    )
    running = Peer(process)
    try:
        yield running
    finally:
        await running.close()


class _Hooks:
    def __init__(self, tell: Callable[[Report], None]) -> None:
        self._tell = tell

    def on_qr(self, code: str) -> None:
        self._tell(Code(code=code))

    def on_login_status(self, status: str) -> None:
        pass

    def on_event(self, code: int, payload: bytes) -> None:
        if code == CONNECTED:
            self._tell(Online())
        elif code == MESSAGE:
            self._tell(Arrived(raw=payload))

    def on_log(self, payload: bytes) -> None:
        sys.stderr.write(repr(payload) + "\n")


def main(store: str, *patches: str) -> None:
    """Be the process."""
    descriptor = os.dup(1)
    os.dup2(2, 1)  # the library prints
    lock = threading.Lock()

    def tell(report: Report) -> None:
        with lock, os.fdopen(os.dup(descriptor), "wb") as out:
            out.write(msgspec.json.encode(report) + b"\n")

    prepare(os.environ)
    from linda_bot.whatsapp.engine.late_imports import no_shells, put_off

    put_off()
    with no_shells():
        from linda_bot.whatsapp.engine import library
    for patch in patches:
        name, _, value = patch.partition("=")
        setattr(library, name, float(value))
    client = library.Library(Path(store), "Peer", "warning")
    threading.Thread(target=lambda: tell(Ended(error=client.connect(_Hooks(tell)))), daemon=True).start()
    for line in sys.stdin.buffer:
        tell(_carry_out(client, _orders.decode(line)))
    os._exit(0)


def _carry_out(client: Any, order: Order) -> Answer:
    try:
        match order:
            case Send(chat=chat, content=content):
                return Answer(result=client.send(chat, content).id)
            case MarkRead(chat=chat, sender=sender, ids=ids):
                client.mark_read(chat, sender, ids)
            case Download(raw=raw, path=path):
                client.download(raw, path)
    except Exception as error:  # noqa: BLE001 (the test decides what it means)
        return Answer(error=str(error), kind=type(error).__name__)
    return Answer()


if __name__ == "__main__":
    main(*sys.argv[1:])
