"""Watching for signs of the account's phone: WhatsApp unlinks devices whose phone was offline for about two weeks."""

from collections.abc import Callable
from datetime import datetime, timedelta

from linda_bot.connection.events import LinkingCompleted, PhoneNotSeen, PhoneSeen
from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event, utc_now
from linda_bot.whatsapp.events import MessageReceived

WARN_AFTER_DAYS = (10, 12)
UNLINKED_AFTER_DAYS = 14
_LOOK_EVERY_S = 3600.0
_TOLD_EVERY = timedelta(hours=1)
_INBOX_DEPTH = 2000


def warning_due(silent_for: timedelta, warned_days: int) -> int:
    """Return the number of days that a warning is due for; 0 for none. `warned_days` is what was told last."""
    return max(
        (days for days in WARN_AFTER_DAYS if silent_for >= timedelta(days=days) and days > warned_days), default=0
    )


class PhoneWatch:
    """Notes when the phone was seen, and warns when it was not for days.

    Seen is what the phone itself sends: the linking, and messages typed on it. Its receipts are not heard of, see
    `SUBSCRIBED` in the engine's translation, so a phone that nobody writes on counts as not seen.
    """

    def __init__(self, bus: EventBus, *, last_seen: datetime | None, now: Callable[[], datetime] = utc_now) -> None:
        """Take when the phone was last seen as far as anybody knows; None for never, which counts from now."""
        self._bus = bus
        self._now = now
        self._seen_at = last_seen or now()
        self._told_at: datetime | None = None
        self._warned_days = 0

    async def run(self) -> None:
        """Follow the events until cancelled."""
        with self._bus.subscribe((LinkingCompleted, MessageReceived), name="phone watch", depth=_INBOX_DEPTH) as events:
            await self._follow(events)

    async def _follow(self, events: Subscription[Event]) -> None:
        while True:
            self._warn_if_due(self._now())
            event = await events.next_within(_LOOK_EVERY_S)
            at = None if event is None else _sign_of(event)
            if at is not None and at > self._seen_at:
                self._seen(at)

    def _seen(self, at: datetime) -> None:
        self._seen_at, self._warned_days = at, 0
        if self._told_at is None or at - self._told_at >= _TOLD_EVERY:
            self._told_at = at
            self._bus.publish(PhoneSeen(at=at))

    def _warn_if_due(self, now: datetime) -> None:
        silent_for = now - self._seen_at
        days = warning_due(silent_for, self._warned_days)
        if days:
            self._warned_days = days
            left_days = max(UNLINKED_AFTER_DAYS - silent_for.days, 0)
            self._bus.publish(PhoneNotSeen(days=silent_for.days, left_days=left_days))


def _sign_of(event: Event) -> datetime | None:
    """Return when the phone was there, if an event says so; a message may have waited for the bot for days."""
    match event:
        case LinkingCompleted(at=at):
            return at
        case MessageReceived(at=at, message=message) if message.from_phone:
            return min(at, message.sent_at)
        case _:
            return None
