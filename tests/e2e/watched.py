"""A real client of a sandbox whose every event is seen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from linda_bot.kernel.events import Event
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.server import ENGINE_COMMAND, Sandbox
from linda_bot.whatsapp.adapter import EngineClient
from linda_bot.whatsapp.events import ClientEvent, MessageReceived
from linda_bot.whatsapp.port import LinkRequest

E = TypeVar("E", bound=Event)


class Watched:
    """One engine, and what it has told."""

    def __init__(self, client: EngineClient) -> None:
        self.client = client
        self.told: list[ClientEvent] = []
        self.texts: list[str] = []

    def all(self, kind: type[E]) -> list[E]:
        """Return the events of a kind."""
        return [event for event in self.told if isinstance(event, kind)]

    async def until(self, kind: type[E], *, times: int = 1, within_s: float = 10) -> E:
        """Return the event of a kind that came so many times."""
        async with asyncio.timeout(within_s):
            while len(found := self.all(kind)) < times:
                await asyncio.sleep(0.01)
        return found[times - 1]

    async def until_text(self, text: str, *, within_s: float = 5) -> None:
        """Wait for a message."""
        async with asyncio.timeout(within_s):
            while text not in self.texts:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def watched(sandbox: Sandbox, store: Path) -> AsyncIterator[Watched]:
    """Run a client on a store, connected or refused."""
    seen = Watched(EngineClient(ENGINE_COMMAND, sandbox.environment))

    async def listen() -> None:
        async for event in seen.client.events():
            seen.told.append(event)
            if isinstance(event, MessageReceived):
                seen.texts.append(event.message.text)

    listening = spawn_task(listen(), name="listening")
    await seen.client.start(LinkRequest(store=store))
    try:
        yield seen
    finally:
        await seen.client.stop()
        await listening
