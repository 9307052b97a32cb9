"""Samples of a bot's health, made by hand."""

from datetime import UTC, datetime, timedelta

from linda_bot.health.grades import Grade
from linda_bot.health.samples import Period, Readings, Reason, Sample, Why

MORNING = datetime(2026, 2, 7, 8, 0, tzinfo=UTC)


def sample(
    at: datetime,
    span_s: float = 300.0,
    *,
    up_s: float | None = None,
    grade: Grade = Grade.HEALTHY,
    why: Why = Why.PERIODIC,
    readings: Readings = Readings(),  # noqa: B008 (frozen)
    reasons: tuple[Reason, ...] = (),
    **counts: float,
) -> Sample:
    """Return a sample whose period ends now; the link was up for all of it, or for so many seconds."""
    up_s = span_s if up_s is None else up_s
    states = {"connected": up_s, "reconnecting": span_s - up_s}
    period = Period(states={state: spent for state, spent in states.items() if spent > 0}, **counts)  # type: ignore[arg-type]
    return Sample(
        at=at,
        began=at - timedelta(seconds=span_s),
        why=why,
        state="connected" if up_s else "reconnecting",
        grade=grade,
        reasons=reasons,
        period=period,
        readings=readings,
    )


def series(until: datetime, days: float, every_s: float = 300.0) -> list[Sample]:
    """Return the samples of a bot that was up all the time until a moment."""
    count = int(days * 86400 / every_s)
    return [
        sample(until - timedelta(seconds=every_s * number), every_s, received=2, handled=2, sent=1)
        for number in reversed(range(count))
    ]
