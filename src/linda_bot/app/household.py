"""What the accounts of one process share: the log, the supervisor, the doors."""

import asyncio
import importlib
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from linda_bot.app.job import Job
from linda_bot.app.supervision import Supervision
from linda_bot.kernel.bus import EventBus

if TYPE_CHECKING:  # at the start nothing of it is needed yet
    from linda_bot.app.front import Front
    from linda_bot.eventlog.open import EventLog


class Doors(Protocol):
    """The ways in which a bot can be asked while it runs."""

    def take_places(self) -> None:
        """Take the addresses that they need; raises UsageError where one is not to be had."""

    def open(self, front: "Front") -> AbstractAsyncContextManager[None]:
        """Let the bot be asked until the end of the block."""

    def give_up_places(self) -> None:
        """Give the addresses back."""


class Household:
    """Shared by the accounts of a process; what it opens is open until the end of the block."""

    def __init__(
        self, job: Job, bus: EventBus, supervision: Supervision, doors: Doors | None, stream: TextIO | None
    ) -> None:
        """Take whose log it is (`job`), and where the log tells of itself (`bus`)."""
        self.supervision = supervision
        self.bus = bus
        self._job = job
        self._doors = doors
        self._stream = stream
        self._closing = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._log: EventLog | None = None
        self._has_places = False

    async def __aenter__(self) -> Self:
        await self._closing.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._closing.aclose()

    def on_locked(self) -> None:
        """Take the doors' places, once: not before an account is ours, for a bot that is just ending has them still.

        Raises UsageError.
        """
        if self._doors is not None and not self._has_places:
            self._doors.take_places()
            self._has_places = True
            self._closing.callback(self._doors.give_up_places)

    async def log(self) -> "EventLog":
        """Return the log, opened for the first one who asks, and closed after the last account has ended."""
        async with self._opening:
            if self._log is None:
                module = await asyncio.to_thread(importlib.import_module, "linda_bot.eventlog.open")
                job = self._job
                opening: AbstractAsyncContextManager[EventLog] = module.open_event_log(
                    job.paths.logs, job.settings.log, self._stream, account=job.paths.account, bus=self.bus
                )
                self._log = await self._closing.enter_async_context(opening)
            return self._log

    def toggle_debugging(self, because: str) -> None:
        """Log more, or as much as before, as soon as there is a log."""
        if self._log is not None:
            self._log.levels.toggle(because)

    def door(self, front: "Front") -> AbstractAsyncContextManager[None]:
        """Let an account be asked until the end of the block."""
        return nullcontext() if self._doors is None else self._doors.open(front)
