"""What a person is told of a process with several accounts, beside what each account tells of itself."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from linda_bot.app.alerting import WANTED, alerting, check_alerting
from linda_bot.app.companions import beside
from linda_bot.app.events import AccountChanged
from linda_bot.app.job import Job
from linda_bot.app.resident import Phase
from linda_bot.connection.incidents import Patience
from linda_bot.fleet.events import FleetRecovered, FleetTrouble
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event

HOUSE = "house"
"""Whose alerts these are, in the place of an account."""
_HEARD: tuple[type[Event], ...] = (FleetTrouble, FleetRecovered, AccountChanged)
_INBOX_DEPTH = 2000
_SHORTEST_S = 0.001
_ON_THE_WAY = frozenset({Phase.WAITING.value})
_THE_DATABASE = "the database"


class _Concern(NamedTuple):
    topic: str
    kind: str
    advice: str


_FLEET = _Concern(
    "fleet",
    "database_unusable",
    "see whether the database runs and can be reached from this host; the accounts begin again by themselves",
)
_ACCOUNTS = _Concern(
    "accounts", "cannot_begin", "do what the reason says (linda-bot accounts list); it is tried again by itself"
)


class Trouble:
    """One topic: raised when somebody was in trouble for long, over when nobody is that any more; a clock's numbers.

    Who is well for a moment between two failures is in trouble all the same.
    """

    def __init__(self, concern: _Concern, patience: Patience) -> None:
        """Take what it is, and for how long it must last."""
        self._concern = concern
        self._patience = patience
        self._since: dict[str, float] = {}
        self._why: dict[str, str] = {}
        self._well_since: dict[str, float] = {}
        self._raised_at: float | None = None

    def bad(self, who: str, why: str, now: float) -> None:
        """Take word of a failure."""
        self._since.setdefault(who, now)
        self._why[who] = why
        self._well_since.pop(who, None)

    def well(self, who: str, now: float) -> None:
        """Take word that somebody is well, for now."""
        if who in self._since:
            self._well_since.setdefault(who, now)

    def drop(self, who: str) -> None:
        """Forget somebody, of whom nothing is expected."""
        for known in (self._since, self._why, self._well_since):
            known.pop(who, None)

    def look(self, now: float) -> Iterator[Event]:
        """Yield what a person is to be told."""
        for who, since in tuple(self._well_since.items()):
            if now >= since + self._patience.up_for:
                self.drop(who)
        late = [who for who, since in self._since.items() if now >= since + self._patience.down_for]
        if late and self._raised_at is None:
            self._raised_at = self._since[late[0]]
            topic, kind, advice = self._concern
            yield AlertRaised(topic=topic, kind=kind, because=self._why[late[0]], advice=advice)
        elif not late and self._raised_at is not None:
            after_s = round(now - self._raised_at, 1)
            self._raised_at = None
            yield AlertCleared(topic=self._concern.topic, kind=self._concern.kind, after_s=after_s)

    def next_look_at(self, now: float) -> float | None:
        """Return when something may be to be told; None for as long as nothing happens."""
        times = [since + self._patience.down_for for since in self._since.values()]
        times += [since + self._patience.up_for for since in self._well_since.values()]
        return min((time for time in times if time > now), default=None)


class HouseAlarm:
    """Watches over the shared database and over accounts that fail again and again; their own alerts end with them."""

    def __init__(self, patience: Patience, bus: EventBus) -> None:
        """Take for how long a trouble must last, and where it is told."""
        self._bus = bus
        self._fleet = Trouble(_FLEET, patience)
        self._accounts = Trouble(_ACCOUNTS, patience)

    async def run(self, events: Subscription[Event]) -> None:
        """Follow the events until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            for each in (self._fleet, self._accounts):
                for told in each.look(now):
                    self._bus.publish(told)
            times = [each.next_look_at(now) for each in (self._fleet, self._accounts)]
            wait_s = min((max(time - now, _SHORTEST_S) for time in times if time is not None), default=None)
            event = await events.next_within(wait_s)
            if event is not None:
                self._take(event, loop.time())

    def _take(self, event: Event, now: float) -> None:
        match event:
            case FleetTrouble(because=because):
                self._fleet.bad(_THE_DATABASE, because, now)
            case FleetRecovered():
                self._fleet.well(_THE_DATABASE, now)
            case AccountChanged(account=account, phase=Phase.FAILED, because=because):
                self._accounts.bad(account, f"{account}: {because}", now)
            case AccountChanged(account=account, phase=Phase.RUNNING):
                self._accounts.well(account, now)
            case AccountChanged(account=account, phase=phase) if phase not in _ON_THE_WAY:
                self._accounts.drop(account)
            case _:
                pass


class HouseAlerts:
    """Has people told of a house's own troubles; what happens before its desk is there waits."""

    def __init__(self, job: Job, bus: EventBus, stop: asyncio.Event) -> None:
        """Take the job of the process; raises UsageError for settings of alerts that are wrong."""
        self._job = job._replace(settings=job.settings.model_copy(update={"account": HOUSE}))
        self._bus = bus
        self._stop = stop
        self._known = check_alerting(self._job)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[Subscription[Event]]:
        """Watch until the end of the block; yields what the desk is to be told."""
        alarm = HouseAlarm(self._job.incident_patience, self._bus)
        with (
            self._bus.subscribe(WANTED, name="alerts") as alerts,
            self._bus.subscribe(_HEARD, name="house alarm", depth=_INBOX_DEPTH) as events,
        ):
            async with beside("house alarm", alarm.run(events)):
                yield alerts

    @asynccontextmanager
    async def telling(self, alerts: Subscription[Event]) -> AsyncIterator[asyncio.Task[None]]:
        """Have people told until the end of the block; the task does not end before that: when it does, it is a bug."""
        async with alerting(self._job, self._known, alerts, self._bus, self._stop) as desk:
            yield desk
