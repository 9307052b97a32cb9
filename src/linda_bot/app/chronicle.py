"""What a status needs of the past: since when and why the link is where it is, and what is not over."""

from collections.abc import Iterable
from datetime import datetime

from linda_bot.app.status import OpenAlert, time_of
from linda_bot.connection.events import LinkStateChanged
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.events import Event, utc_now


class Chronicle:
    """Follows the events of one run."""

    KINDS = (LinkStateChanged, AlertRaised, AlertCleared)

    def __init__(self) -> None:
        self.born_at = utc_now()
        self.state: str = LinkState.STARTING
        self.since: datetime = self.born_at
        self.because = ""
        self._alerts: dict[str, OpenAlert] = {}

    def take_over(self, alerts: Iterable[OpenAlert]) -> None:
        """Take what was open when the last run ended: it is over when its end is told."""
        self._alerts.update((alert.topic, alert) for alert in alerts)

    @property
    def alerts(self) -> tuple[OpenAlert, ...]:
        """What is open, one a topic."""
        return tuple(self._alerts.values())

    def take(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case LinkStateChanged():
                self.state, self.since, self.because = event.new, event.at, event.because
            case AlertRaised():
                before = self._alerts.get(event.topic)
                self._alerts[event.topic] = OpenAlert(
                    topic=event.topic,
                    kind=event.kind,
                    because=event.because,
                    advice=event.advice,
                    since=before.since if before else time_of(event.at) or "",
                )
            case AlertCleared():
                self._alerts.pop(event.topic, None)
            case _:
                pass
