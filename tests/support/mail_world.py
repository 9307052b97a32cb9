"""Messages from the wire to the handlers and back, in virtual time: engines and daemons that can be killed."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.messaging.bot import Bot
from linda_bot.messaging.disk import Disk
from linda_bot.messaging.inbox import Handling, Inbox
from linda_bot.messaging.outbox import Manners, Outbox
from linda_bot.messaging.reception import Desk
from linda_bot.messaging.router import Router
from linda_bot.messaging.store import Store
from linda_bot.whatsapp.events import ClientEvent, Connected, Disconnected, EngineExited, MessageReceived
from linda_bot.whatsapp.port import LinkRequest, WhatsAppClient
from tests.support.fake_client import NUMBER, FakeClient, FakeWhatsApp

T = TypeVar("T")
SESSION = Path("session.db")


class AtOnce(Executor):
    """Does what it is given within the loop, so that virtual time knows of it; after its end nothing is done."""

    def __init__(self, on_step: Callable[[], None] = lambda: None) -> None:
        self._on_step = on_step
        self.is_dead = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        self._on_step()
        if self.is_dead:
            return future
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 (it is the caller's)
            future.set_exception(error)
        self._on_step()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 (Executor's)
        pass


class Daemon:
    """The daemon's side of the messages, for one life."""

    def __init__(  # noqa: PLR0917 (a world's parts)
        self,
        mailbox: Path,
        client: Callable[[], Awaitable[WhatsAppClient]],
        router: Router,
        bus: EventBus,
        handling: Handling = Handling(),  # noqa: B008 (frozen)
        manners: Manners = Manners(),  # noqa: B008 (frozen)
        *,
        is_guarded: Callable[[], bool] = lambda: True,
        is_paused: Callable[[], bool] = lambda: False,
        chance: Callable[[], float] = lambda: 0.5,
        thread: AtOnce | None = None,
    ) -> None:
        self.thread = thread or AtOnce()
        self.trouble: list[str] = []
        self.store = Store(mailbox, self.trouble.append, thread=self.thread)
        self.outbox = Outbox(
            self.store, client, bus, manners, is_guarded=is_guarded, is_paused=is_paused, chance=chance
        )
        self.desk = Desk(self.store, self.outbox, client, mailbox.with_name("files"))
        self.inbox = Inbox([router], "!", self.desk, bus, handling, is_paused=is_paused)
        self.bot = Bot(self.desk, lambda: NUMBER)
        self.tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self.tasks = [
            asyncio.create_task(self.outbox.run(), name="outbox"),
            asyncio.create_task(self.inbox.run(), name="inbox"),
        ]

    def hear(self, event: Event) -> None:
        """Do what the app does with an event."""
        match event:
            case Connected(number=number):
                self.outbox.link_up(number)
                self.inbox.link_up(number)
            case MessageReceived(message=message, conversation=conversation):
                self.outbox.heard(message.chat)
                self.inbox.wake(conversation)
            case Disconnected():
                self.outbox.link_down()
            case EngineExited():
                self.outbox.link_down()
                self.outbox.engine_gone()

    async def stop(self) -> None:
        """End in good order."""
        for task in self.tasks:
            task.cancel()
        results = await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.inbox.close()
        await self.store.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def kill(self) -> None:
        """End in the middle of what it does: nothing more reaches the disk."""
        self.thread.is_dead = True
        for task in self.tasks:
            task.cancel()
        closing = asyncio.create_task(self.inbox.close())
        await asyncio.gather(*self.tasks, closing, return_exceptions=True)
        assert isinstance(self.store._ground, Disk)
        self.store._ground.let_go()


class MailWorld:
    """A bot's messages, with the other side; an engine that ends is replaced at once."""

    def __init__(self, directory: Path, router: Router | None = None, **daemon: Any) -> None:
        self.whatsapp = FakeWhatsApp()
        self.whatsapp.linked[SESSION] = NUMBER
        self.mailbox = directory / "mail" / "messages.db"
        self.router = router or Router()
        self.bus = EventBus()
        self.log: list[tuple[float, Event]] = []
        self.restarts = True
        self._settings = daemon
        self._online = asyncio.Event()
        self._engine: FakeClient | None = None
        self._following: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()
        self.daemon = self._make_daemon()

    @property
    def engine(self) -> FakeClient:
        """The engine that is alive."""
        assert self._engine is not None
        return self._engine

    def told(self, *kinds: type[Event]) -> list[Any]:
        """Return what was published of these kinds."""
        return [event for _, event in self.log if isinstance(event, kinds)]

    def times(self, *kinds: type[Event]) -> list[float]:
        """Return when something of these kinds was published."""
        return [at for at, event in self.log if isinstance(event, kinds)]

    async def client(self) -> WhatsAppClient:
        """Return the client of a link that is up."""
        while self._engine is None or not self._online.is_set():
            await self._online.wait()
        return self._engine

    async def __aenter__(self) -> Self:
        subscription = self._stack.enter_context(self.bus.subscribe(Event, name="test", depth=100_000))

        async def record() -> None:
            async for event in subscription:
                self.log.append((asyncio.get_running_loop().time(), event))

        recording = asyncio.create_task(record(), name="recording")
        self._stack.callback(recording.cancel)
        self.daemon = self._make_daemon()  # what is on the disk by now was there before it
        await self.daemon.store.open()
        self.daemon.start()
        await self.start_engine()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0)
        self.restarts = False
        if self._engine is not None:
            await self._engine.stop()
        if self._following is not None:
            await self._following
        try:
            await self.daemon.stop()
        finally:
            await self._stack.aclose()
            await asyncio.sleep(0)

    async def start_engine(self) -> None:
        """Begin an engine, and follow what it tells."""
        engine = self._engine = self.whatsapp.make_client()
        self._following = asyncio.create_task(self._follow(engine), name="following")
        await engine.start(LinkRequest(store=SESSION, mailbox=self.mailbox))

    async def restart_daemon(self, *, kill: bool = True) -> None:
        """Have another daemon go on: the engine of the old one has to end first."""
        if kill:
            await self.daemon.kill()
        else:
            await self.daemon.stop()
        self.restarts = False
        if self._engine is not None:
            await self._engine.stop(drain_s=3)
        if self._following is not None:
            await self._following
        self.restarts = True
        self.daemon = self._make_daemon()
        await self.daemon.store.open()
        self.daemon.start()
        await self.start_engine()

    async def rest(self) -> None:
        """Wait until all is done that can be."""
        await asyncio.sleep(500)

    async def _follow(self, engine: FakeClient) -> None:
        async for event in engine.events():
            match event:
                case Connected():
                    self._online.set()
                case Disconnected() | EngineExited():
                    self._online.clear()
                case _:
                    pass
            self._hear(event)
        self._engine = None
        if self.restarts:
            await asyncio.sleep(0.5)
            await self.start_engine()

    def _hear(self, event: ClientEvent) -> None:
        if not self.daemon.thread.is_dead:
            self.daemon.hear(event)
        self.bus.publish(event)

    def _make_daemon(self) -> Daemon:
        return Daemon(self.mailbox, self.client, self.router, self.bus, **self._settings)
