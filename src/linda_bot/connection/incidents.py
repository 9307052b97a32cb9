"""Which troubles of the link a person is told of: one alert an incident, and a notice when it is over."""

import asyncio
from datetime import datetime
from typing import NamedTuple

from linda_bot.connection.events import AttemptFailed, LinkGaveUp, LinkStateChanged, RestoreGaveUp, SessionRestored
from linda_bot.connection.lifecycle import Finding, LinkState
from linda_bot.connection.policy import UPGRADE
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event, utc_now

_INBOX_DEPTH = 2000


class Concern(NamedTuple):
    """A kind of trouble."""

    kind: str
    advice: str
    gravity: int
    """Within one incident only something graver is told as well."""


DOWN = Concern("down", "see whether this machine has a network; the bot goes on trying by itself", 1)
DAMAGED = Concern("session_damaged", "nothing, unless it happens again: then look at the disk", 2)
BANNED = Concern("banned", "wait until the ban ends; then write less, and only to people who expect it", 3)
OUTDATED = Concern("outdated", f"{UPGRADE} and restart the bot", 3)
REPLACED = Concern("replaced", "stop the other program that uses this linked device", 3)
LOGGED_OUT = Concern("logged_out", "link the bot again with the QR code that it shows", 4)
LOST = Concern("session_lost", LOGGED_OUT.advice, 4)
GAVE_UP = Concern("gave_up", "", 5)

_LOCAL = DOWN._replace(advice="see to it that the disk has room and is writable; the bot goes on trying by itself")
_DOWN_BECAUSE = {
    Finding.REFUSED: DOWN._replace(
        advice="nothing, for a while: it is WhatsApp that refuses, and the bot goes on trying"
    ),
    Finding.ENGINE_LOST: DOWN._replace(
        advice="look at the log for why (linda-bot logs --level warning); the bot goes on trying by itself"
    ),
}
"""What to do about a link that is down where it is not the network's fault."""

_BY_KIND = {each.kind: each for each in (DOWN, DAMAGED, BANNED, OUTDATED, REPLACED, LOGGED_OUT, LOST, GAVE_UP)}

_OF_STATES = {
    LinkState.CIRCUIT_OPEN: DOWN,
    LinkState.BANNED: BANNED,
    LinkState.OUTDATED: OUTDATED,
    LinkState.REPLACED: REPLACED,
    LinkState.LOGGED_OUT: LOGGED_OUT,
}

_DOWN_STATES = frozenset({LinkState.RESTORING, LinkState.TRANSIENT_DISCONNECT, LinkState.RECONNECTING})
"""States that are trouble when they last; before a first linking nobody misses anything."""


def concern_of(event: Event) -> Concern | None:
    """Return the trouble that an event is, if it is one at once."""
    match event:
        case LinkStateChanged(finding=Finding.UNLINKED):
            return None  # that is what a person wanted
        case LinkStateChanged(new=new):
            return _OF_STATES.get(LinkState(new))
        case SessionRestored():
            return DAMAGED
        case RestoreGaveUp():
            return LOST
        case LinkGaveUp(advice=advice):
            return GAVE_UP._replace(advice=advice)
        case _:
            return None


def down_because(finding: str, *, is_local: bool) -> Concern:
    """Return the trouble that a link is that is down, with what fits the finding of the last attempt."""
    if is_local:
        return _LOCAL
    return _DOWN_BECAUSE.get(Finding(finding), DOWN)


class LeftOpen(NamedTuple):
    """An incident that was open when the last process ended."""

    kind: str
    began_at: datetime


class Patience(NamedTuple):
    """When an incident is told, and when it is over, in seconds."""

    down_for: float
    """How long the link may be down before that is an incident."""
    up_for: float
    """How long the link must be up until the incident is over."""


class IncidentWatch:
    """Follows the link, and raises and clears alerts."""

    def __init__(self, patience: Patience, bus: EventBus, left_open: LeftOpen | None = None) -> None:
        self._patience = patience
        self._bus = bus
        self._left_open = left_open
        self._open: Concern | None = None
        self._began_at = 0.0
        self._down_since: float | None = None
        self._up_since: float | None = None
        self._because = ""
        self._down = DOWN

    async def run(self) -> None:
        """Follow the events until cancelled."""
        self._take_over()
        with self._bus.subscribe(Event, name="incidents", depth=_INBOX_DEPTH) as events:
            await self._follow(events)

    def _take_over(self) -> None:
        """Go on with an incident that is known: it is not raised again, but it will be cleared."""
        if self._left_open is None:
            return
        concern = _BY_KIND.get(self._left_open.kind, DOWN)
        # The process whose end it was has a successor, whose own troubles are news again.
        self._open = concern._replace(gravity=DOWN.gravity) if concern.kind == GAVE_UP.kind else concern
        lasted_s = max((utc_now() - self._left_open.began_at).total_seconds(), 0.0)
        self._began_at = asyncio.get_running_loop().time() - lasted_s

    async def _follow(self, events: Subscription[Event]) -> None:
        while True:
            event = await events.next_within(self._next_look_s())
            if event is not None:
                self._take(event)
            self._look()

    def _take(self, event: Event) -> None:
        now = asyncio.get_running_loop().time()
        if isinstance(event, AttemptFailed):
            self._because = event.because
            self._down = down_because(event.finding, is_local=event.is_local)
        elif isinstance(event, LinkStateChanged):
            self._note_state(LinkState(event.new), event.because, now)
        concern = concern_of(event)
        if concern is not None:
            concern = self._down if concern is DOWN else concern
            self._raise(concern, getattr(event, "because", ""))

    def _note_state(self, state: LinkState, because: str, now: float) -> None:
        if state is LinkState.CONNECTED:
            self._up_since, self._down_since, self._down = now, None, DOWN
            return
        self._up_since = None
        if state not in _DOWN_STATES:
            self._down_since = None
        elif self._down_since is None:
            self._down_since, self._because = now, because

    def _next_look_s(self) -> float | None:
        due = [self._over_at(), self._down_at()]
        times = [time for time in due if time is not None]
        return max(min(times) - asyncio.get_running_loop().time(), 0.001) if times else None

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        down_at, over_at = self._down_at(), self._over_at()
        if down_at is not None and now >= down_at:
            self._raise(self._down, self._because)
        if over_at is not None and now >= over_at and self._open is not None:
            self._bus.publish(AlertCleared(kind=self._open.kind, after_s=round(now - self._began_at, 1)))
            self._open = None

    def _down_at(self) -> float | None:
        if self._down_since is None or self._open is not None:
            return None
        return self._down_since + self._patience.down_for

    def _over_at(self) -> float | None:
        if self._up_since is None or self._open is None:
            return None
        return self._up_since + self._patience.up_for

    def _raise(self, concern: Concern, because: str) -> None:
        if self._open is not None and concern.gravity <= self._open.gravity:
            return
        if self._open is None:
            self._began_at = asyncio.get_running_loop().time()
        self._open = concern
        self._bus.publish(AlertRaised(kind=concern.kind, because=because, advice=concern.advice))
