"""Taking the readings: side by side, each in its time, and an error of one costs that one only."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from linda_bot.health.samples import Readings
from linda_bot.kernel.tasks import spawn_task

_WITHIN_S = 5.0

_log = logging.getLogger("linda_bot.health")

Part = Callable[[], Awaitable[Readings]]
"""Takes some of the readings and leaves the others unknown; an error makes its readings unknown, too."""


class Probe:
    """Takes readings from several parts of the bot."""

    def __init__(self, parts: Mapping[str, Part], *, within_s: float = _WITHIN_S) -> None:
        """Take the parts by name, and after how many seconds one that has not answered is left alone."""
        self._parts = dict(parts)
        self._within_s = within_s
        self._running: dict[str, asyncio.Task[Readings]] = {}
        """A part that hangs, say on a dead disk, is not asked again before it has answered."""
        self._told: set[str] = set()

    async def take(self) -> Readings:
        """Return what all parts together say now."""
        tasks = {name: self._asked(name, part) for name, part in self._parts.items()}
        if tasks:
            await asyncio.wait(tasks.values(), timeout=self._within_s)
        found = Readings()
        for name, task in tasks.items():
            if task.done():
                found = found.or_else(self._result(name, task))
        return found

    async def close(self) -> None:
        """Let go of the parts that have not answered."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._running.clear()

    def _asked(self, name: str, part: Part) -> asyncio.Task[Readings]:
        task = self._running.get(name)
        if task is None:
            task = self._running[name] = spawn_task(_take(part), name=f"reading {name}")
        return task

    def _result(self, name: str, task: asyncio.Task[Readings]) -> Readings:
        if self._running.get(name) is task:
            del self._running[name]
        if task.cancelled():
            return Readings()
        error = task.exception()
        if error is None:
            self._told.discard(name)
            return task.result()
        if name not in self._told:  # once, not every few minutes
            self._told.add(name)
            _log.warning("the health readings of %s cannot be taken: %s: %s", name, type(error).__name__, error)
        return Readings()


async def _take(part: Part) -> Readings:
    return await part()
