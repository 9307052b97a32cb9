"""A client with behaviour but without a process: the same port, the same contract tests as the real one."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from linda_bot.whatsapp.content import AnyContent, Text
from linda_bot.whatsapp.events import (
    ClientEvent,
    Connected,
    ConnectEnded,
    Disconnected,
    EngineExited,
    EngineStarted,
    IncomingMessage,
    LoggedOut,
    MessageReceived,
    MessageRepeated,
    PairSucceeded,
    QrIssued,
    QrRoundEnded,
)
from linda_bot.whatsapp.mailbox import Intake
from linda_bot.whatsapp.port import ClientError, LinkRequest, NoAnswerError, NotSentError, SentMessage
from tests.support.fake_sending import FakeSending

NUMBER = "971505760056"


class FakeWhatsApp:
    """The other side: knows which stores are linked, and can be told to misbehave."""

    def __init__(self) -> None:
        self.linked: dict[Path, str] = {}
        self.reachable = True
        self.answers = True
        self.login_answer: ClientEvent | None = None
        """What a login is answered with instead of success."""
        self.waiting: list[IncomingMessage] = []
        self.heard: list[tuple[str, str]] = []
        """The texts that were sent, each with its chat."""
        self.sent: list[tuple[str, AnyContent]] = []
        """Everything that was sent."""
        self.read: list[str] = []
        """The ids of the messages that were marked as read."""
        self.send_refusal: ClientError | None = None
        """What the next message is answered with instead of success."""
        self.pair_refusal = ""
        """What a request for a pairing code is refused with."""
        self.pair_requests: list[str] = []
        """For which numbers a pairing code was asked."""
        self.logout_refusal = ""
        """What a request to unlink is refused with."""
        self.start_refusal = ""
        """Why engines cannot be started."""
        self.start_takes_s = 0.0
        self.stop_takes_s = 0.0
        """How long an engine takes to end that is asked to; it is killed at the deadline."""
        self.send_takes_s = 0.0
        self.most_at_once = 0
        """The most engines that were alive at the same time."""
        self.pairings = 0
        self.clients: list[FakeClient] = []
        self.on_step: Callable[[FakeClient, str], None] = lambda _client, _step: None
        """Called by an engine between the steps of sending (asked, begun, sent, noted) and of taking in (written)."""
        self._ids = itertools.count(1)

    def make_client(self) -> "FakeClient":
        """Return a client for the next attempt."""
        client = FakeClient(self)
        self.clients.append(client)
        return client

    @property
    def running(self) -> "list[FakeClient]":
        """The clients that have begun and not ended."""
        return [client for client in self.clients if client.alive]

    def say(self, text: str, sender: str = "4915112345678@s.whatsapp.net", message_id: str = "") -> IncomingMessage:
        """Have a contact write; delivered at once or when the bot is back."""
        message = IncomingMessage(
            id=message_id or f"M{next(self._ids)}",
            chat=sender,
            sender=sender,
            text=text,
            kind="text",
            sent_at=datetime.now(UTC),
        )
        self.waiting.append(message)
        for client in self.running:
            client.deliver()
        return message


class FakeClient:
    """Behaves as the port says."""

    def __init__(self, whatsapp: FakeWhatsApp) -> None:
        self._whatsapp = whatsapp
        self._events: asyncio.Queue[ClientEvent] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._request: LinkRequest | None = None
        self._online = False
        self._code = ""
        self._pinging = False
        self._ending: asyncio.TimerHandle | None = None
        self._intake: Intake | None = None
        self._sending = FakeSending(self._exchange, lambda step: whatsapp.on_step(self, step))
        self.mute = False
        """Whether the line is dead without a word: nothing is answered, and nothing is delivered."""

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._request is not None and not self._gone.is_set()

    async def start(self, request: LinkRequest) -> None:
        """Begin; see the port."""
        if self._gone.is_set():
            message = "the engine is not running"
            raise ClientError(message)
        if self._whatsapp.start_refusal:
            raise ClientError(self._whatsapp.start_refusal)
        self._request = request
        self._sending.begin(request.mailbox)
        if request.right_s is not None:
            self.extend(request.right_s)
        self._whatsapp.most_at_once = max(self._whatsapp.most_at_once, len(self._whatsapp.running))
        await asyncio.sleep(self._whatsapp.start_takes_s)
        if self._gone.is_set():
            message = "the engine ended before it answered"
            raise NoAnswerError(message)
        self.tell(EngineStarted(pid=1, library_version="fake", import_ms=0))
        if not self._whatsapp.reachable:
            self.tell(ConnectEnded(error="dial tcp: connection refused"))
        elif request.store in self._whatsapp.linked:
            self._log_in()
        elif self._whatsapp.answers:
            self.show(1, valid_s=60)

    async def events(self) -> AsyncIterator[ClientEvent]:
        """Yield events; see the port."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, EngineExited):
                return

    async def send(
        self, chat: str, content: AnyContent, *, rows: Sequence[int] = (), within_s: float = 120
    ) -> SentMessage:
        """Send; see the port."""
        if self._gone.is_set() or self._request is None:
            message = "the engine is not running"
            raise NotSentError(message)
        return await self._sending.send(chat, content, rows, within_s=within_s)

    async def mark_read(self, chat: str, sender: str, ids: Sequence[str], *, within_s: float = 30) -> None:
        """Mark as read; see the port."""
        await self._answer(within_s)
        self._whatsapp.read += ids

    async def download(self, raw: bytes, path: Path, *, within_s: float = 300) -> None:
        """Write what the message's raw form is; see the port."""
        await self._answer(within_s)
        path.write_bytes(raw)

    async def ping(self, *, within_s: float = 20) -> float:
        """Ping; see the port."""
        if self._pinging and not self._answers:
            message = "an earlier ping is still unanswered"
            raise NotSentError(message)
        self._pinging = True
        await self._answer(within_s)
        self._pinging = False
        return 0.001

    async def pair_phone(self, number: str, *, within_s: float = 20) -> str:
        """Hand out a pairing code; see the port."""
        self._whatsapp.pair_requests.append(number)
        if not self._code:
            message = "client is nil: ensure client is connected"
            raise ClientError(message)
        if self._whatsapp.pair_refusal:
            raise ClientError(self._whatsapp.pair_refusal)
        return "ABCD-EFGH"

    async def logout(self, *, within_s: float = 20) -> None:
        """Unlink; see the port."""
        await self._answer(within_s)
        if self._whatsapp.logout_refusal:
            raise ClientError(self._whatsapp.logout_refusal)
        assert self._request is not None
        self._whatsapp.linked.pop(self._request.store, None)
        self._online = False

    def extend(self, right_s: float) -> None:
        """Live on; see the port."""
        if self._ending is not None:
            self._ending.cancel()
        self._ending = asyncio.get_running_loop().call_later(right_s, self.kill, 0)

    async def stop(self, *, within_s: float = 3, drain_s: float = 0) -> None:
        """End; see the port."""
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                while self._sending.under_way and not self._gone.is_set():
                    await asyncio.sleep(0.01)
        if self.alive:
            await asyncio.sleep(min(self._whatsapp.stop_takes_s, within_s))
        self._end(0, asked=True)

    def kill(self, code: int = -9) -> None:
        """Die without being asked."""
        self._end(code, asked=False)

    def scan(self, code: str, number: str = NUMBER) -> None:
        """Be the phone that scans the shown code."""
        assert code == self._code
        assert self._request is not None
        self._code = ""
        self._whatsapp.pairings += 1
        self._whatsapp.linked[self._request.store] = number
        self.tell(QrRoundEnded(outcome="success"))
        self.tell(PairSucceeded(number=number, platform="android"))
        self._log_in()

    def tell(self, event: ClientEvent) -> None:
        """Let something happen."""
        if isinstance(event, LoggedOut) and self._request is not None:
            self._whatsapp.linked.pop(self._request.store, None)
        self._events.put_nowait(event)

    @property
    def _answers(self) -> bool:
        return self._whatsapp.answers and not self.mute

    @property
    def code(self) -> str:
        """The code that it shows; empty for none."""
        return self._code

    def show(self, number: int, *, valid_s: float = 20) -> None:
        """Show the next code of the round."""
        self._code = f"2@code-{id(self)}-{number}"
        self.tell(QrIssued(code=self._code, number=number, valid_s=valid_s))

    def lose_line(self) -> None:
        """Lose the socket; what is written to the account waits at the server."""
        self._online = False
        self.tell(Disconnected())

    def find_line(self) -> None:
        """Get the socket back."""
        self._log_in()

    def deliver(self) -> None:
        """Hand over what waits."""
        while self._online and not self.mute and self._whatsapp.waiting:
            event = self._written_down(self._whatsapp.waiting.pop(0))
            if self._gone.is_set():  # it was killed just now
                return
            self.tell(event)

    def _written_down(self, message: IncomingMessage) -> ClientEvent:
        assert self._request is not None
        if self._request.mailbox is None:
            return MessageReceived(message=message)
        if self._intake is None:
            self._intake = Intake(self._request.mailbox, most_waiting=self._request.most_waiting)
        owner = self._whatsapp.linked.get(self._request.store, "")
        seq, conversation = self._intake.take_in(owner, message)
        self._whatsapp.on_step(self, "written")
        if not seq:
            return MessageRepeated(id=message.id, chat=message.chat)
        told = msgspec.structs.replace(message, raw=b"")
        return MessageReceived(message=told, seq=seq, conversation=conversation)

    async def _exchange(self, chat: str, content: AnyContent) -> str:
        """Be the client library."""
        if not self._online:
            message = "websocket not connected"
            raise NotSentError(message)
        if not self._answers:
            await self._gone.wait()
        await asyncio.sleep(self._whatsapp.send_takes_s)
        refusal, self._whatsapp.send_refusal = self._whatsapp.send_refusal, None
        if refusal is not None:
            raise refusal
        self._whatsapp.sent.append((chat, content))
        if isinstance(content, Text):
            self._whatsapp.heard.append((chat, content.text))
        return f"S{len(self._whatsapp.sent)}"

    def _log_in(self) -> None:
        assert self._request is not None
        if not self._whatsapp.answers or self._gone.is_set():
            return
        if self._whatsapp.login_answer is not None:
            self.tell(self._whatsapp.login_answer)
            return
        number = self._whatsapp.linked.get(self._request.store)
        if number is None:  # unlinked while the line was lost
            self.tell(LoggedOut(code=401, on_connect=True))
            return
        self._online = True
        self.tell(Connected(number=number))
        self.deliver()

    async def _answer(self, within_s: float) -> None:
        if self._gone.is_set() or not self._online:
            message = "websocket not connected"
            raise NotSentError(message)
        if not self._answers:
            try:
                async with asyncio.timeout(within_s):
                    await self._gone.wait()
            except TimeoutError:
                pass
            message = "no answer"
            raise NoAnswerError(message)

    def _end(self, code: int, *, asked: bool) -> None:
        if self._gone.is_set():
            return
        self._gone.set()
        self._online = False
        self._sending.end()
        if self._intake is not None:
            self._intake.close()
        self._events.put_nowait(EngineExited(code=code, asked=asked))
