"""Alerts, put together: what the settings say, what is remembered, and a desk that works until the end."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from linda_bot.app.job import Job
from linda_bot.app.status import OpenAlert, time_of
from linda_bot.connection.incidents import LeftOpen
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event
from linda_bot.kernel.tasks import spawn_task
from linda_bot.settings import AlertSettings

if TYPE_CHECKING:
    from linda_bot.health.alerting.setup import Alerting  # imported when there is something to look at

WANTED: tuple[type[Event], ...] = (AlertRaised, AlertCleared)
"""What the subscription is for that `alerting` takes."""

_TAKEN_OVER = ("link", "health")
"""Topics whose watchers are given what `left_open` returns."""

_LAST_WORDS_S = 10.0
"""How long a notice may take that the bot sends because it gives up."""

_LAST_WORDS_IN_A_HURRY_S = 1.0
"""The same from the moment on in which somebody asks for the end."""

_AT_LEAST_S = 0.1


def check_alerting(job: Job) -> "Alerting | None":
    """Check what the settings say of alerts, and read what is remembered; None where there is neither.

    With the session's lock held. Raises UsageError.
    """
    if job.settings.alert == AlertSettings() and not job.paths.alerts.exists():
        return None
    from linda_bot.health.alerting.setup import prepare_alerting

    return prepare_alerting(job.settings.alert, job.paths.alerts)


def left_open(alerts: "Alerting | None", topic: str) -> LeftOpen | None:
    """Return the incident of a topic that was open when the last process ended, for who watches over it to go on."""
    incident = alerts.open_incident(topic) if alerts is not None else None
    return None if incident is None else LeftOpen(incident.kind, incident.began_at)


def open_alerts(alerts: "Alerting | None") -> list[OpenAlert]:
    """Return what was open when the last process ended, and is watched on, as a status tells it."""
    incidents = [alerts.open_incident(topic) for topic in _TAKEN_OVER] if alerts is not None else []
    return [
        OpenAlert(
            topic=incident.topic,
            kind=incident.kind,
            because=incident.troubles[-1].because,
            advice=incident.troubles[-1].advice,
            since=time_of(incident.began_at) or "",
        )
        for incident in incidents
        if incident is not None
    ]


@asynccontextmanager
async def alerting(
    job: Job, alerts: "Alerting | None", events: Subscription[Event], bus: EventBus, stop: asyncio.Event
) -> AsyncIterator[asyncio.Task[None]]:
    """Have people told until the end of the block, and of what is pending then for a moment longer.

    `alerts` is what `check_alerting` has returned. Yields a task that does not end before that; when it does, that is
    a bug.
    """
    await asyncio.to_thread(importlib.import_module, "linda_bot.health.alerting.desk")
    from linda_bot.health.alerting.desk import Desk, Manners
    from linda_bot.health.alerting.memory import MemoryFile
    from linda_bot.health.alerting.setup import prepare_alerting, sender_of

    found = alerts or prepare_alerting(job.settings.alert, job.paths.alerts)
    desk = Desk(
        MemoryFile(job.paths.alerts, found.memory),
        [make() for make in found.sinks],
        sender_of(job.settings.account, mask=job.settings.log.mask),
        Manners(found.remind, found.quiet),
        bus,
        watched=_TAKEN_OVER,
    )
    working = spawn_task(desk.run(events), name="alerts")
    asked_at = spawn_task(_when(stop), name="end of the alerts")
    try:
        yield working
    finally:
        desk.close()
        await _last_words(working, asked_at)
        asked_at.cancel()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


async def _when(stop: asyncio.Event) -> float:
    await stop.wait()
    return asyncio.get_running_loop().time()


async def _last_words(working: asyncio.Task[None], asked_at: asyncio.Task[float]) -> None:
    """Wait until all is said; not for long when somebody waits for the end of the process."""
    if not asked_at.done():
        await asyncio.wait({working, asked_at}, timeout=_LAST_WORDS_S, return_when=asyncio.FIRST_COMPLETED)
    if asked_at.done() and not working.done():
        left_s = asked_at.result() + _LAST_WORDS_IN_A_HURRY_S - asyncio.get_running_loop().time()
        await asyncio.wait({working}, timeout=max(left_s, _AT_LEAST_S))
