"""What the link does not need: the log, loaded while the engine connects; alerts, health and doors, after that."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol, TextIO

from linda_bot.app.alerting import alerting, left_open
from linda_bot.app.core import Core
from linda_bot.app.ears import Ears
from linda_bot.app.health import HealthRoom, Surroundings
from linda_bot.app.job import Job
from linda_bot.app.messages import Messages
from linda_bot.kernel.bus import EventBus

if TYPE_CHECKING:  # at the start nothing of it is needed yet
    from linda_bot.app.front import Front
    from linda_bot.eventlog.open import Levels
    from linda_bot.health.alerting.setup import Alerting


class Doors(Protocol):
    """The ways in which a bot can be asked while it runs."""

    def take_places(self) -> None:
        """Take the addresses that they need; raises UsageError where one is not to be had."""

    def open(self, front: "Front") -> AbstractAsyncContextManager[None]:
        """Let the bot be asked until the end of the block."""

    def give_up_places(self) -> None:
        """Give the addresses back."""


class Debugging:
    """Debug mode by signal, as soon as there is a log."""

    def __init__(self) -> None:
        self._levels: Levels | None = None

    def begin(self, levels: "Levels") -> None:
        """Take the log that there is now."""
        self._levels = levels

    def toggle(self, because: str) -> None:
        """Log more, or as much as before."""
        if self._levels is not None:
            self._levels.toggle(because)


class Parts(NamedTuple):
    """What has been built until the link begins."""

    job: Job
    bus: EventBus
    ears: Ears
    core: Core
    talk: Messages
    health: HealthRoom
    alerts: "Alerting | None"
    debugging: Debugging
    stop: asyncio.Event


@asynccontextmanager
async def open_log(parts: Parts, stream: TextIO | None) -> AsyncIterator["Levels"]:
    """Write the log until the end of the block, from the first event on."""
    job, ears = parts.job, parts.ears
    module = await asyncio.to_thread(importlib.import_module, "linda_bot.eventlog.open")
    log = module.event_log(
        job.paths.logs, job.settings.log, ears.log_lines, stream, account=job.paths.account, bus=parts.bus
    )
    async with log as levels, AsyncExitStack() as closing:
        parts.debugging.begin(levels)
        closing.push(ears.life.close)  # so that the log has it too
        yield levels


@asynccontextmanager
async def late_parts(parts: Parts, levels: "Levels", doors: Doors | None) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Open the others until the end of the block; none of the tasks ends of itself: when one does, that is a bug."""
    job, bus, ears = parts.job, parts.bus, parts.ears
    async with AsyncExitStack() as closing:
        telling = await closing.enter_async_context(alerting(job, parts.alerts, ears.alerts, bus, parts.stop))
        left = left_open(parts.alerts, "health")
        around = Surroundings(job, parts.talk, parts.core.guard, ears.book, left, levels.lost)
        watching = await closing.enter_async_context(parts.health.watching(around, bus, ears.health))
        if doors is not None:
            await closing.enter_async_context(doors.open(_front(parts, levels)))
        yield [telling, watching]


def _front(parts: Parts, levels: "Levels") -> "Front":
    from linda_bot.app.front import Front, Hooks

    hooks = Hooks(
        health=parts.health.report,
        metrics=parts.health.metrics,
        set_log_level=lambda level: levels.set(level, "asked by the control API"),
    )
    core, ears, talk = parts.core, parts.ears, parts.talk
    past = (ears.chronicle, ears.pairing)
    return Front(parts.job, parts.bus, core.link, ears.book, core.keeper, core.guard, talk, *past, hooks)
