"""The sandbox for tests: a WhatsApp of their own, people with real clients, and bots that run as people run them.

What can be awaited here can be awaited in any event loop.
"""

import os
import signal
import tempfile
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from linda_bot.kernel.errors import UsageError
from linda_bot.sandbox import faults
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact as Client
from linda_bot.sandbox.server import Sandbox
from linda_bot.testing.background import Background
from linda_bot.testing.people import ANN, ME
from linda_bot.whatsapp.content import AnyContent
from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.port import SentMessage

_ANSWER_WITHIN_S = 10.0
_FIRST_NUMBER = int(ME.number)
_CLOSE_WITHIN_S = 10.0


class WhatsApp:
    """A WhatsApp server on 127.0.0.1, with everybody who is on it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.background: Background = Background()
        """Where the server runs; `background.do(...)` runs a coroutine beside it."""
        self.sandbox: Sandbox = Sandbox(directory)
        """The server itself, to be used in `background` only."""
        self._closing = AsyncExitStack()
        self._people: dict[str, Person] = {}
        self._bots = 0
        try:
            self.background.do(self._closing.enter_async_context(self.sandbox))
        except BaseException:
            self.background.close()
            raise

    def person(self, number: str, name: str = "") -> "Person":
        """Return somebody with a client of their own, who is linked on first use and stays for the session."""
        if number not in self._people:
            client = self.background.do(self._closing.enter_async_context(self.sandbox.contact(number, name)))
            self._people[number] = Person(self, client, name)
        return self._people[number]

    def bot(self, handlers: Path | str, settings: Mapping[str, str], *, importable: Path) -> "LinkedBot":
        """Return a new bot that is linked to a number of its own and listens; modules lie in `importable`."""
        number = str(_FIRST_NUMBER + self._bots)
        self._bots += 1
        bot = LinkedBot(self, number, handlers, settings, importable)
        try:
            bot.begin(is_new=True)
        except BaseException:
            bot.close()
            raise
        return bot

    def fault(self, name: str, **parameters: str) -> Awaitable[str]:
        """Have a fault of linda_bot.sandbox.faults, such as `drop` or `bad-gateway`; return what was done, in words."""
        return self.background.ask(faults.inject(self.sandbox, name, parameters))

    def clear(self) -> None:
        """End all faults."""
        self.background.do(faults.clear(self.sandbox))

    def forget_messages(self) -> None:
        """Have nobody asked about what came to them before."""
        for person in self._people.values():
            person.received()

    def close(self) -> None:
        """End everything."""
        try:
            self.background.do(self._closing.aclose())
        finally:
            self.background.close()


class Person:
    """Somebody who writes to bots with a real client."""

    def __init__(self, whatsapp: WhatsApp, client: Client, name: str) -> None:
        self.number: str = client.number
        self.name = name
        self.client = client
        """Their client, to be used in the sandbox's loop only."""
        self._background = whatsapp.background

    async def send(self, to: "LinkedBot | str", what: str | AnyContent) -> SentMessage:
        """Write to a bot, or to a number."""
        return await self._background.ask(self.client.send(_number(to), what))

    async def ask(self, whom: "LinkedBot | str", text: str, *, within_s: float = _ANSWER_WITHIN_S) -> IncomingMessage:
        """Write, and return the next message that comes; raises TimeoutError."""
        await self.send(whom, text)
        return await self.next_message(within_s=within_s)

    async def next_message(self, *, within_s: float = _ANSWER_WITHIN_S) -> IncomingMessage:
        """Return the next message that comes, or has come; raises TimeoutError."""
        try:
            return await self._background.ask(self.client.next_message(within_s=within_s))
        except TimeoutError:
            raise TimeoutError(f"no message came to {self.name or self.number} within {within_s:g} s") from None

    async def download(self, message: IncomingMessage, to: Path) -> None:
        """Write the file of a message that came to a new file."""
        await self._background.ask(self.client.download(message, to))

    def received(self) -> list[IncomingMessage]:
        """Return what has come and was not asked for."""
        return self._background.do(self._received())

    async def _received(self) -> list[IncomingMessage]:
        return self.client.received()


class LinkedBot:
    """`linda-bot run` as a child process, linked, with a data directory of its own."""

    def __init__(
        self, whatsapp: WhatsApp, number: str, handlers: Path | str, settings: Mapping[str, str], importable: Path
    ) -> None:
        self.number = number
        self.directory: Path = Path(tempfile.mkdtemp(prefix="bot-", dir=whatsapp.directory))
        """Its data directory, in which it runs."""
        self._whatsapp = whatsapp
        self._arguments = ("run", "--sandbox", str(whatsapp.directory), "--data-dir", str(self.directory))
        paths = os.pathsep.join(filter(None, (str(importable), os.environ.get("PYTHONPATH", ""))))
        self._environment = {"PYTHONPATH": paths, "LINDA_HANDLERS": str(handlers), **settings}
        self._processes: list[BotProcess] = []

    @property
    def screen(self) -> str:
        """Everything that it has printed since its last start."""
        return self._processes[-1].screen if self._processes else ""

    async def ask(self, text: str, *, within_s: float = _ANSWER_WITHIN_S) -> IncomingMessage:
        """Have ANN write to it, and return the next message that comes to her."""
        return await self._ann().ask(self, text, within_s=within_s)

    async def send(self, what: str | AnyContent) -> SentMessage:
        """Have ANN write to it."""
        return await self._ann().send(self, what)

    async def next_message(self, *, within_s: float = _ANSWER_WITHIN_S) -> IncomingMessage:
        """Return the next message that comes to ANN."""
        return await self._ann().next_message(within_s=within_s)

    async def says(self, sign: str, *, within_s: float = 15) -> None:
        """Wait until it has printed a line with this sign; an error shows all that it has printed."""
        await self._whatsapp.background.ask(self._processes[-1].wait_for(sign, within_s=within_s))

    async def kill(self) -> None:
        """End it as `kill -9` does; what is written to it waits until it is started again."""
        await self._whatsapp.background.ask(self._processes[-1].stop(signal.SIGKILL))

    async def stop(self) -> int:
        """End it as Ctrl+C does, and return the exit code."""
        return await self._whatsapp.background.ask(self._processes[-1].stop(signal.SIGINT))

    async def start(self) -> None:
        """Start it again, and return when it listens."""
        await self._whatsapp.background.ask(self._begin(is_new=False))

    async def restart(self) -> None:
        """Stop it, unless it has ended, and start it again."""
        await self.stop()
        await self.start()

    def begin(self, *, is_new: bool) -> None:
        """Start it, and link it if it is new."""
        self._whatsapp.background.do(self._begin(is_new=is_new))

    def close(self) -> None:
        """End it whatever it does."""
        for process in self._processes:
            self._whatsapp.background.do(process.close())

    async def _begin(self, *, is_new: bool) -> None:
        process = await BotProcess.start(*self._arguments, environment=self._environment, cwd=self.directory)
        self._processes.append(process)
        if is_new:
            await self._whatsapp.sandbox.phone(self.number).scan(await process.qr_text())
        await process.ready()

    def _ann(self) -> Person:
        return self._whatsapp.person(ANN.number, ANN.name)


def _number(of: LinkedBot | str) -> str:
    if isinstance(of, str) and not of.isdecimal():
        raise UsageError(f"{of!r} is no phone number; write it with digits only")
    return of if isinstance(of, str) else of.number
