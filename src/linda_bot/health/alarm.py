"""When a person is told of the bot's health: one alert an incident, and a notice when it is over; pure."""

from collections.abc import Callable

from linda_bot.health.grades import Grade
from linda_bot.health.grading import Verdict
from linda_bot.health.rule import HEALTH
from linda_bot.health.rules import advice_for
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.events import Event

_DEGRADED_IN_A_ROW = 3
_WELL_IN_A_ROW = 3


class HealthAlarm:
    """Raises and clears alerts about everything but the link, whose incidents are told of where the link is."""

    def __init__(self, publish: Callable[[Event], None], *, left_open: tuple[str, float] | None = None) -> None:
        """Take the kind of an incident that is open from before, and when it began; it is not raised again."""
        self._publish = publish
        self._open = Grade.UNHEALTHY if left_open else None
        self._kind, self._began_at = left_open or ("", 0.0)
        self._degraded = 0
        self._doubtful = _WELL_IN_A_ROW if left_open else 0
        """How many regular samples must still be good until it is sure that what was open is over."""

    def take(self, verdict: Verdict, now: float, *, is_periodic: bool) -> None:
        """Take what was made of a sample; what is only degraded is told when it was so in three regular ones."""
        if verdict.health is Grade.HEALTHY:
            self._degraded = 0
            self._doubtful = max(self._doubtful - is_periodic, 0)
            if not self._doubtful:
                self._clear(now)
            return
        self._degraded += is_periodic
        is_grave = verdict.health is Grade.UNHEALTHY
        if (is_grave or self._degraded >= _DEGRADED_IN_A_ROW) and self._is_news(verdict.health):
            self._raise(verdict, now)

    def _is_news(self, grade: Grade) -> bool:
        return self._open is None or grade.gravity > self._open.gravity

    def _raise(self, verdict: Verdict, now: float) -> None:
        reasons = [reason for reason in verdict.reasons if reason.topic == HEALTH]
        if not reasons:
            return
        if self._open is None:
            self._began_at = now
        self._open, self._kind = verdict.health, reasons[0].word
        because = "; ".join(reason.text for reason in reasons)
        self._publish(AlertRaised(topic=HEALTH, kind=self._kind, because=because, advice=advice_for(self._kind)))

    def _clear(self, now: float) -> None:
        if self._open is None:
            return
        self._publish(AlertCleared(topic=HEALTH, kind=self._kind, after_s=round(now - self._began_at, 1)))
        self._open = None
