"""Sets the guard of the session's store for every engine, and says whether it holds."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable

from linda_bot.connection.events import GuardSet, GuardWithdrawn, RollBacksCaught
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import TransientError
from linda_bot.sessions.guard import Guard
from linda_bot.whatsapp.events import Connected, EngineExited, EngineStarted
from linda_bot.whatsapp.port import WhatsAppClient

_SET_EVERY_S = 60.0
_DEPTH = 5000


class GuardKeeper:
    """Nothing is sent before it is known whether the guard is there; without it, answers wait for a quiet moment."""

    def __init__(
        self,
        bus: EventBus,
        set_guard: Callable[[], Awaitable[Guard]],
        look: Callable[[], Awaitable[Guard]],
        client: Callable[[], Awaitable[WhatsAppClient]],
    ) -> None:
        self._bus = bus
        self._set_guard = set_guard
        self._look = look
        self._link_client = client
        self._known = asyncio.Event()
        self._learning = asyncio.Lock()
        self._told: bool | None = None
        self._caught: int | None = None
        """How much was caught when it was looked last; before this run it was told already."""
        self.guard = Guard(active=False, why="the link was not up yet")

    def is_active(self) -> bool:
        """Return whether the guard is in place."""
        return self.guard.active

    async def client(self) -> WhatsAppClient:
        """Return the client of a link through which may be sent; wait until it is there, and the guard is known."""
        while True:
            await self._known.wait()
            client = await self._link_client()
            if self._known.is_set():
                return client

    async def run(self) -> None:
        """Follow the engines until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="guard of each engine")
            group.create_task(self._stay_set(), name="guard every minute")

    async def refresh(self) -> Guard:
        """Look at the guard now, if the link is up."""
        if self._known.is_set():
            await self._learn(self._look)
        return self.guard

    async def _follow(self) -> None:
        with self._bus.subscribe((EngineStarted, EngineExited, Connected), name="guard", depth=_DEPTH) as events:
            async for event in events:
                match event:
                    case EngineStarted() | EngineExited():
                        self._known.clear()
                    case Connected() if not self._known.is_set():
                        await self._learn(self._set_guard)
                        self._known.set()
                    case _:
                        pass

    async def _stay_set(self) -> None:
        """Set it again where it was lost, or could not be set at first."""
        while True:
            await asyncio.sleep(_SET_EVERY_S)
            if self._known.is_set():
                await self._learn(self._set_guard)

    async def _learn(self, how: Callable[[], Awaitable[Guard]]) -> None:
        async with self._learning:
            known = self._known.is_set()
            try:
                found = await how()
            except (sqlite3.Error, OSError, TransientError) as error:
                found = self.guard._replace(active=False, why=f"the session's store cannot be used: {error}")
            else:
                self._count(found.caught)
            if known and not self._known.is_set():
                return  # the engine has gone meanwhile, and the guard with it
            self.guard = found
            if found.active is not self._told:
                self._told = found.active
                self._bus.publish(GuardSet() if found.active else GuardWithdrawn(because=found.why))

    def _count(self, caught: int) -> None:
        before, self._caught = self._caught, caught
        if before is not None and before < caught:
            self._bus.publish(RollBacksCaught(count=caught - before, total=caught))
