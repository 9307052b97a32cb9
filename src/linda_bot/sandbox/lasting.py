"""Faults that last for a while and then end by themselves."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from linda_bot.kernel.tasks import spawn_task


class LastingFaults:
    """Ends each fault when its time is over, when it is begun anew, or with all the others."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self, name: str, for_s: float, end: Callable[[], Awaitable[None]]) -> None:
        """Have a fault that was just begun ended after its time; its name tells it from others."""
        began = asyncio.Event()
        self._tasks[name] = spawn_task(_last(for_s, end, began), name=f"fault {name}")
        await began.wait()  # a task that is cancelled before its first step would not end the fault

    async def end(self, name: str) -> None:
        """End a fault now, if it lasts."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def clear(self) -> list[str]:
        """End all that last now; returns their names."""
        names = [name for name, task in self._tasks.items() if not task.done()]
        for name in tuple(self._tasks):
            await self.end(name)
        return names


async def _last(for_s: float, end: Callable[[], Awaitable[None]], began: asyncio.Event) -> None:
    try:
        began.set()
        await asyncio.sleep(for_s)
    finally:
        await end()
