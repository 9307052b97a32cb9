"""Handing messages over, from one engine after the other, in order."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from linda_bot.kernel.tasks import spawn_task
from linda_bot.whatsapp.events import MessageReceived
from linda_bot.whatsapp.port import WhatsAppClient


class Handover:
    """Brings the messages of every client to whoever takes them.

    Nobody waits for its end: a handler may be waiting for the link, which must not wait for the handler.
    """

    def __init__(self, take: Callable[[MessageReceived], Awaitable[None]]) -> None:
        self._take = take
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, client: WhatsAppClient, heard: Callable[[], None]) -> None:
        """Begin to hand over a client's messages, behind those that an earlier client has left."""
        task = spawn_task(self._run(client, heard, behind=tuple(self._tasks)), name="messages")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """Hand over nothing more."""
        for task in self._tasks:
            task.cancel()

    async def _run(
        self, client: WhatsAppClient, heard: Callable[[], None], behind: Collection[asyncio.Task[None]]
    ) -> None:
        if behind:
            await asyncio.wait(behind)
        async for message in client.messages():
            heard()
            await self._take(message)
