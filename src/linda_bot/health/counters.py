"""What events add up to since the start; pure."""

from bisect import bisect_left
from collections.abc import Sequence

from linda_bot.health.samples import Period

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""The bounds of the histograms, fixed for good: what scrapes them must be able to compare."""


class Durations:
    """How long something took: how often up to each bound, and in all."""

    def __init__(self, bounds: Sequence[float] = _SECONDS) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        """Up to each bound, but not up to the one before; the last one is what took longer than all of them."""
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """Take one."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total_s += seconds

    def cumulated(self) -> list[tuple[float, int]]:
        """Return how many took up to each bound."""
        found, so_far = [], 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            so_far += count
            found.append((bound, so_far))
        return found


class Counters:
    """Counts what happens; whoever hears of it says so by the name of the method."""

    def __init__(self) -> None:
        self.reconnects = 0
        self.renewals = 0
        self.restores = 0
        self.codes = 0
        self.received = 0
        self.handled = 0
        self.sent = 0
        self.handler_errors = 0
        self.set_aside = 0
        self.errors = 0
        self.unsent = {"failed": 0, "unknown": 0, "expired": 0}
        """Messages of ours that were not sent, or not for sure, by what became of them."""
        self.attempts = 0
        """Attempts to connect that have failed in a row."""
        self.round_trip_ms: float | None = None
        self.last_activity_at: float | None = None
        """When a message came or went, in seconds of the clock that `active` was told."""
        self.open_alerts: dict[str, str] = {}
        """What kind of incident is open, by topic."""
        self.handling = Durations()
        self.sending = Durations()

    def connected(self, *, again: bool, renewed: bool) -> None:
        """Count a link that is up: for the first time, again after a loss, or after a renewal in good order."""
        self.attempts = 0
        self.renewals += again and renewed
        self.reconnects += again and not renewed

    def attempt_failed(self) -> None:
        """Count an attempt to connect that came to nothing."""
        self.attempts += 1

    def restored(self) -> None:
        """Count an existing session that was brought back."""
        self.restores += 1

    def code_shown(self) -> None:
        """Count a QR code."""
        self.codes += 1

    def message_received(self, now: float) -> None:
        """Count a message that came."""
        self.received += 1
        self.last_activity_at = now

    def message_handled(self, took_s: float) -> None:
        """Count a message that a handler has finished with."""
        self.handled += 1
        self.handling.add(took_s)

    def message_sent(self, now: float, took_s: float) -> None:
        """Count a message that the server took."""
        self.sent += 1
        self.sending.add(took_s)
        self.last_activity_at = now

    def message_unsent(self, outcome: str, count: int = 1) -> None:
        """Count messages that were not sent: `failed`, `unknown` or `expired`; another word counts as failed."""
        self.unsent[outcome if outcome in self.unsent else "failed"] += count

    def handler_failed(self) -> None:
        """Count a try of a handler that failed."""
        self.handler_errors += 1

    def message_set_aside(self) -> None:
        """Count a message that could not be handled."""
        self.set_aside += 1

    def error(self) -> None:
        """Count another error."""
        self.errors += 1

    def answered(self, took_ms: float) -> None:
        """Take note of a round trip to the server."""
        self.round_trip_ms = took_ms

    def alert_raised(self, topic: str, kind: str) -> None:
        """Take note of an incident."""
        self.open_alerts[topic] = kind

    def alert_cleared(self, topic: str) -> None:
        """Take note of its end."""
        self.open_alerts.pop(topic, None)

    def totals(self) -> Period:
        """Return what has happened since the start, without the link's states."""
        return Period(
            reconnects=self.reconnects,
            restores=self.restores,
            codes=self.codes,
            received=self.received,
            handled=self.handled,
            sent=self.sent,
            handler_errors=self.handler_errors,
            send_failures=sum(self.unsent.values()),
            errors=self.errors,
        )
