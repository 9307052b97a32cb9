"""Something that is read now and then: once for all who want it, never twice at a time, with nobody waiting long."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from linda_bot.kernel.errors import reason_of
from linda_bot.kernel.tasks import spawn_task

T = TypeVar("T")

_log = logging.getLogger("linda_bot.app")


class Found(NamedTuple, Generic[T]):
    """What was read."""

    value: T | None = None
    """None for nothing yet; where there is trouble it is what was found before."""
    trouble: str = ""
    """Why it cannot be read now; empty when it can."""


class Source(Generic[T]):
    """Reads something when it is wanted, unless that was done a moment ago."""

    def __init__(self, name: str, read: Callable[[], Awaitable[T]], *, every_s: float, within_s: float) -> None:
        """Take what reads it; what was read is as good as new for `every_s`, and nobody waits longer than `within_s`.

        A reading that takes longer goes on, and no other is begun beside it: a disk that hangs holds one thread only.
        """
        self._name = name
        self._read = read
        self._every_s = every_s
        self._within_s = within_s
        self._found: Found[T] = Found()
        self._reading: asyncio.Task[None] | None = None
        self._began_at = self._due_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_failed = False

    async def look(self) -> Found[T]:
        """Return what there is."""
        now = asyncio.get_running_loop().time()
        if self._reading is None and now >= self._due_at:
            self._began_at = now
            self._reading = spawn_task(self._read_once(), name=f"reading {self._name}")
            self._tasks.add(self._reading)
            self._reading.add_done_callback(self._tasks.discard)
        if reading := self._reading:
            await asyncio.wait({reading}, timeout=max(self._began_at + self._within_s - now, 0.0))
            if not reading.done():
                return self._found._replace(trouble=f"{self._name} could not be read within {self._within_s:g} s")
        return self._found

    def forget(self) -> None:
        """Have it read anew for whoever comes next: it has changed, and what is being read may be older than that."""
        self._reading, self._due_at = None, 0.0

    async def close(self) -> None:
        """End all reading."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_once(self) -> None:
        found = await self._try()
        if self._reading is asyncio.current_task():
            self._found, self._reading = found, None
            self._due_at = asyncio.get_running_loop().time() + self._every_s

    async def _try(self) -> Found[T]:
        try:
            found: Found[T] = Found(await self._read())
        except Exception as error:  # noqa: BLE001 (whatever it is, it is told to whoever wants to know)
            reason = reason_of(error) if isinstance(error, OSError) else str(error) or type(error).__name__
            if not self._has_failed:
                _log.warning("%s cannot be read: %s", self._name, reason)
            self._has_failed = True
            return self._found._replace(trouble=f"{self._name} cannot be read: {reason}")
        self._has_failed = False
        return found
