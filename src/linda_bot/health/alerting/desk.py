"""The one place between the events that raise and clear alerts, and the notices that a person gets."""

import asyncio
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from linda_bot.health.alerting.courier import Courier
from linda_bot.health.alerting.incident import Now, Trouble, carried_over
from linda_bot.health.alerting.memory import Delivery, MemoryFile, left_over, with_delivery, with_notice
from linda_bot.health.alerting.notice import Notice, Sender, compose
from linda_bot.health.alerting.policy import Due, Incidents, cleared, next_due, next_in_s, open_incident, raised
from linda_bot.health.alerting.quiet import QuietHours
from linda_bot.health.alerting.sinks.sink import Sink
from linda_bot.kernel.alerts import AlertCleared, AlertRaised, AlertReminded
from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event, utc_now
from linda_bot.kernel.tasks import spawn_task

_SETTLED_AFTER_S = 300.0
"""An incident that was open at the last end may just be about to close: nobody is reminded of it at once."""

_LOOK_AT_CLOCK_S = 60.0
_KEPT_WITHIN_S = 2.0
"""What is not on the disk by then is sent all the same."""

_SAVE_AGAIN_S = 5.0


class Manners(NamedTuple):
    """When a person is told."""

    remind: Sequence[float] = ()
    """After how many seconds of an open incident, one after the other; the last one is repeated."""
    quiet: QuietHours | None = None


class Desk:
    """Keeps the incidents, has notices sent, and remembers both."""

    def __init__(
        self,
        file: MemoryFile,
        sinks: Sequence[Sink],
        sender: Sender,
        manners: Manners,
        bus: EventBus,
        *,
        watched: Collection[str] = (),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`watched` are the topics whose incidents from before somebody takes over, and will clear."""
        self._file = file
        self._sender = sender
        self._manners = manners
        self._bus = bus
        self._watched = watched
        self._orphans: set[str] = set()
        self._clock = clock
        self._couriers = {sink.name: Courier(sink, self._note, bus.publish) for sink in sinks}
        self._outgoing: list[Notice] = []
        self._settled_at = asyncio.get_running_loop().time() + _SETTLED_AFTER_S
        self._closing = asyncio.Event()
        self._saving: asyncio.Task[None] | None = None
        self._dirty = False

    def close(self) -> None:
        """Have `run` come to an end: what is pending gets one more try."""
        self._closing.set()

    async def run(self, events: Subscription[Event]) -> None:
        """Follow the alerts that are raised and cleared until `close`, and what that leads to; or until cancelled."""
        self._take_over()
        closing = spawn_task(self._closing.wait(), name="end of the alerts")
        following = spawn_task(self._follow(events), name="alert desk")
        working = [spawn_task(courier.run(), name=f"alerts by {name}") for name, courier in self._couriers.items()]
        try:
            done, _ = await asyncio.wait({closing, following, *working}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # all but one end only by a bug
            following.cancel()
            await asyncio.wait({following})
            for event in events.pending():
                self._take(event)
            await self._tell()
            await asyncio.gather(*(courier.finish() for courier in self._couriers.values()))
        finally:
            for task in (closing, following, *working):
                task.cancel()
            await asyncio.wait({closing, following, *working})
            await self._keep()

    @property
    def _incidents(self) -> Incidents:
        return self._file.now.incidents

    @_incidents.setter
    def _incidents(self, incidents: Incidents) -> None:
        self._file.now = replace(self._file.now, incidents=incidents)

    def _now(self) -> Now:
        return Now(self._clock(), asyncio.get_running_loop().time())

    def _is_quiet(self, now: Now) -> bool:
        return self._manners.quiet is not None and self._manners.quiet.include(now.wall)

    def _remind(self, now: Now) -> Sequence[float]:
        return self._manners.remind if now.loop_s >= self._settled_at else ()

    def _take_over(self) -> None:
        """Go on where another process has ended."""
        now = self._now()
        self._incidents = tuple(carried_over(incident, now) for incident in self._incidents)
        self._file.now, late = left_over(self._file.now, self._couriers, now.wall)
        self._orphans = {each.topic for each in self._incidents if each.over_at is None} - {*self._watched}
        for sink, notice in late:
            self._couriers[sink].offer(notice)
        if self._file.now.apprise_checked:
            self._touch()

    async def _follow(self, events: Subscription[Event]) -> None:
        while True:
            self._end_orphans()
            if self._dirty:
                self._touch()
            await self._tell()
            event = await events.next_within(self._next_look_s())
            if event is not None:
                self._take(event)

    def _next_look_s(self) -> float | None:
        waits = [_SAVE_AGAIN_S] if self._dirty else []
        if not self._incidents:
            return waits[0] if waits else None
        now = self._now()
        if self._orphans:
            waits.append(self._settled_at - now.loop_s)
        if (reminder_in_s := next_in_s(self._incidents, now, self._manners.remind)) is not None:
            waits.append(max(reminder_in_s, self._settled_at - now.loop_s))
        if self._manners.quiet is not None:
            waits.append(_LOOK_AT_CLOCK_S - now.wall.second)  # the clock may be set, so no long waits for it
        return max(min(waits), 0.001) if waits else None

    def _take(self, event: Event) -> None:
        now = self._now()
        match event:
            case AlertRaised():
                self._orphans.discard(event.topic)
                clean = self._sender.clean
                trouble = Trouble(event.kind, clean(event.because), clean(event.advice), event.at)
                self._incidents = raised(self._incidents, event.topic, trouble, now, secrets.token_hex(8))
            case AlertCleared():
                self._incidents = cleared(self._incidents, event.topic, event.after_s, now)
            case _:
                return
        self._touch()

    def _end_orphans(self) -> None:
        """End what is left of another process and has not been found wrong in this one."""
        now = self._now()
        if now.loop_s < self._settled_at:
            return
        for topic in self._orphans:
            incident = open_incident(self._incidents, topic)
            if incident is not None:
                after_s = round(incident.open_for(now), 1)
                self._bus.publish(AlertCleared(topic=topic, kind=incident.kind, after_s=after_s))
        self._orphans.clear()

    async def _tell(self) -> None:
        """Tell what is due: first the disk, so that a process that is killed does not tell it twice; then the sinks."""
        now = self._now()
        quiet, remind = self._is_quiet(now), self._remind(now)
        while (due := next_due(self._incidents, now, remind, quiet=quiet)) is not None:
            self._incidents = due.rest
            if due.to_log:
                self._bus.publish(_reminder(due, now))
            if due.to_person:
                notice = compose(due.purpose, due.incident, self._sender, now)
                self._file.now = with_notice(self._file.now, notice, self._couriers)
                self._outgoing.append(notice)
            self._touch()
        if self._outgoing:
            await self._keep()
        for notice in self._outgoing:
            for courier in self._couriers.values():
                courier.offer(notice)
        self._outgoing.clear()

    def _note(self, notice_id: str, delivery: Delivery) -> None:
        self._file.now = with_delivery(self._file.now, notice_id, delivery)
        self._touch()

    def _touch(self) -> None:
        self._dirty = True
        if self._saving is None or self._saving.done():
            self._saving = spawn_task(self._save(), name="alert memory")

    async def _save(self) -> None:
        while self._dirty:
            self._dirty = False
            if not await self._file.save():
                self._dirty = True  # for the next look, or the end
                return

    async def _keep(self) -> None:
        if self._dirty:
            self._touch()
        if self._saving is not None and not self._saving.done():
            await asyncio.wait({self._saving}, timeout=_KEPT_WITHIN_S)


def _reminder(due: Due, now: Now) -> AlertReminded:
    incident = due.incident
    return AlertReminded(
        topic=incident.topic,
        kind=incident.kind,
        advice=incident.troubles[-1].advice,
        after_s=round(incident.open_for(now), 1),
    )
