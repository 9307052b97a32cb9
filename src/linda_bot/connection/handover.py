"""Handing messages over, from one engine after the other, in order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import NamedTuple

from linda_bot.kernel.tasks import spawn_task
from linda_bot.whatsapp.events import MessageReceived
from linda_bot.whatsapp.port import WhatsAppClient

_log = logging.getLogger("linda_bot.connection")


class Delivery(NamedTuple):
    """The messages of one client; they wait until it is known whose they are."""

    task: asyncio.Task[None]
    allowed: asyncio.Event

    def allow(self) -> None:
        """Hand them over: they are the account's."""
        self.allowed.set()

    def refuse(self) -> None:
        """Hand nothing over: they are somebody else's."""
        self.task.cancel()


class Handover:
    """Brings the messages of every client to whoever takes them.

    Nobody waits for its end: a handler may be waiting for the link, which must not wait for the handler.
    """

    def __init__(self, take: Callable[[MessageReceived], Awaitable[None]]) -> None:
        self._take = take
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, client: WhatsAppClient, heard: Callable[[MessageReceived], None]) -> Delivery:
        """Prepare to hand over a client's messages, behind those that an earlier client has left."""
        allowed = asyncio.Event()
        task = spawn_task(self._run(client, heard, allowed, behind=tuple(self._tasks)), name="messages")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Delivery(task, allowed)

    def cancel(self) -> None:
        """Hand over nothing more."""
        for task in self._tasks:
            task.cancel()

    async def _run(
        self,
        client: WhatsAppClient,
        heard: Callable[[MessageReceived], None],
        allowed: asyncio.Event,
        behind: Collection[asyncio.Task[None]],
    ) -> None:
        await allowed.wait()
        if behind:
            await asyncio.wait(behind)
        async for message in client.messages():
            heard(message)
            try:
                await self._take(message)
            except Exception:  # noqa: BLE001 (the next message has a right to be taken all the same)
                _log.exception("a message was not taken")
