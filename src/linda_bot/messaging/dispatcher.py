"""Hands messages to handlers: in order within a chat, chats side by side, each message once."""

import asyncio
import traceback
from collections import OrderedDict, deque
from collections.abc import Sequence

from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.tasks import spawn_task
from linda_bot.messaging.events import HandlerFailed, MessageHandled, MessageIgnored
from linda_bot.messaging.message import Message, Reply
from linda_bot.messaging.router import Router, find_route
from linda_bot.whatsapp.events import IncomingMessage, MessageReceived

_CHATS_AT_ONCE = 16
_WAITING_AT_MOST = 1000
_REMEMBERED_IDS = 5000
_STATUS_CHAT = "status@broadcast"


class Dispatcher:
    """Works messages off; `take` waits when too many are in hand, which holds the client back."""

    def __init__(self, routers: Sequence[Router], prefix: str, reply: Reply, bus: EventBus) -> None:
        self._routers = tuple(routers)
        self._prefix = prefix
        self._reply = reply
        self._bus = bus
        self._chats: dict[str, deque[IncomingMessage]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = asyncio.Semaphore(_CHATS_AT_ONCE)
        self._room = asyncio.Semaphore(_WAITING_AT_MOST)
        self._seen: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self.handled = 0

    async def take(self, event: MessageReceived) -> None:
        """Accept a message; its handler runs when those before it in the chat are done."""
        message = event.message
        self._bus.publish(event)
        refusal = self._refusal(message)
        if refusal:
            self._bus.publish(MessageIgnored(id=message.id, chat=message.chat, because=refusal))
            return
        await self._room.acquire()
        if message.chat in self._chats:
            self._chats[message.chat].append(message)
            return
        self._chats[message.chat] = deque([message])
        task = spawn_task(self._work_off(message.chat), name="chat worker")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, *, within_s: float) -> None:
        """Give what is being handled a moment to end."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=within_s)

    async def close(self) -> None:
        """Cancel what is being handled."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _refusal(self, message: IncomingMessage) -> str:
        """Return why a message is not handled, or nothing."""
        if message.from_me:
            return "our own"  # else a bot could answer itself for ever
        if message.chat == _STATUS_CHAT:
            return "a status update"
        key = (message.chat, message.sender, message.id)
        if key in self._seen:
            return "seen before"
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED_IDS:
            self._seen.popitem(last=False)
        return ""

    async def _work_off(self, chat: str) -> None:
        waiting = self._chats[chat]
        try:
            while waiting:
                async with self._running:
                    await self._handle(waiting[0])
                waiting.popleft()
                self._room.release()
        finally:
            del self._chats[chat]

    async def _handle(self, incoming: IncomingMessage) -> None:
        route = find_route(incoming.text, self._prefix, self._routers)
        if route is None:
            self._bus.publish(MessageIgnored(id=incoming.id, chat=incoming.chat, because="no handler"))
            return
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await route.handler(Message(incoming, self._reply, route.arguments))
        except Exception as error:  # noqa: BLE001 (a handler is a stranger's code; the bot lives on)
            self._bus.publish(
                HandlerFailed(
                    id=incoming.id,
                    chat=incoming.chat,
                    handler=route.name,
                    error=f"{type(error).__name__}: {error}",
                    trace="".join(traceback.format_exception(error)),
                )
            )
            return
        self.handled += 1
        duration_ms = round((loop.time() - started) * 1000)
        self._bus.publish(
            MessageHandled(id=incoming.id, chat=incoming.chat, handler=route.name, duration_ms=duration_ms)
        )
