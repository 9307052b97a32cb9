"""Milestones: every full hour that the link has been up."""

import asyncio

from linda_bot.connection.events import LinkStateChanged, MilestoneReached
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.bus import EventBus

_HOUR_S = 3600.0
_INBOX_DEPTH = 500


class Milestones:
    """Adds up the time in which the link was up since the start; short drops cost what they last."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._hours = 0
        self._before_s = 0.0
        self._up_since: float | None = None

    async def run(self) -> None:
        """Follow the link until cancelled."""
        with self._bus.subscribe(LinkStateChanged, name="milestones", depth=_INBOX_DEPTH) as changes:
            while True:
                change = await changes.next_within(self._next_in_s())
                if change is not None:
                    self._take(change)
                self._count()

    def _up_s(self) -> float:
        now = asyncio.get_running_loop().time()
        return self._before_s + (0.0 if self._up_since is None else now - self._up_since)

    def _next_in_s(self) -> float | None:
        if self._up_since is None:
            return None
        return max((self._hours + 1) * _HOUR_S - self._up_s(), 0.001)

    def _take(self, change: LinkStateChanged) -> None:
        self._before_s, self._up_since = self._up_s(), None
        if change.new == LinkState.CONNECTED:
            self._up_since = asyncio.get_running_loop().time()

    def _count(self) -> None:
        hours = int(self._up_s() // _HOUR_S)
        if hours > self._hours:
            self._hours = hours
            self._bus.publish(MilestoneReached(hours=hours))
