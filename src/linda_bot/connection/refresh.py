"""The daily refresh: a link is backed up and gets a new engine in good order before WhatsApp lets it go stale."""

import asyncio
from collections.abc import Awaitable, Callable

from linda_bot.connection.events import LinkStateChanged, RefreshPutOff, RefreshStarted
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event
from linda_bot.whatsapp.events import EngineStarted

_AGAIN_AFTER_S = 3600.0
_INBOX_DEPTH = 500


class Refresher:
    """Renews a link whose engine has grown old."""

    def __init__(
        self, every_s: float, back_up: Callable[[str], Awaitable[str]], renew: Callable[[str], bool], bus: EventBus
    ) -> None:
        """Take how old an engine may become, how to make a backup, and how to give the link a new engine.

        Both are told why; the first returns an error or nothing, the second whether there was a link.
        """
        self._every_s = every_s
        self._back_up = back_up
        self._renew = renew
        self._bus = bus
        self._born_at = 0.0
        self._due_at = 0.0
        self._up = False

    async def run(self) -> None:
        """Follow the link until cancelled."""
        with self._bus.subscribe((EngineStarted, LinkStateChanged), name="refresh", depth=_INBOX_DEPTH) as events:
            while True:
                event = await events.next_within(self._due_in_s())
                if event is not None:
                    self._take(event)
                elif self._up:
                    await self._refresh(events)

    def _due_in_s(self) -> float | None:
        return max(self._due_at - asyncio.get_running_loop().time(), 0.001) if self._up else None

    def _take(self, event: Event) -> None:
        match event:
            case EngineStarted():
                self._born_at = asyncio.get_running_loop().time()
                self._due_at = self._born_at + self._every_s
            case LinkStateChanged(new=new):
                self._up = new == LinkState.CONNECTED
            case _:
                pass

    async def _refresh(self, events: Subscription[Event]) -> None:
        """Validate and back up, both of which the backup does, then renew.

        A store that cannot be copied now is not put to the test of a new start: that can wait. A link that was lost or
        got a new engine during the backup needs none.
        """
        now, born_at = asyncio.get_running_loop().time(), self._born_at
        self._bus.publish(RefreshStarted(age_s=round(now - born_at)))
        self._due_at = now + min(_AGAIN_AFTER_S, self._every_s)  # unless a new engine comes before
        error = await self._back_up("refresh")
        for event in events.pending():
            self._take(event)
        if not self._up or self._born_at != born_at:
            return
        if error:
            in_s = max(self._due_at - asyncio.get_running_loop().time(), 0.0)
            self._bus.publish(RefreshPutOff(because=error, in_s=in_s))
        else:
            self._renew("the daily refresh")
