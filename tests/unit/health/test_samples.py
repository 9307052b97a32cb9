"""Samples add up: whatever is merged with whatever, nothing that happened is lost."""

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.health.grades import Grade
from linda_bot.health.samples import Period, Readings, Reason, Sample, Why, merge
from tests.support.health_samples import MORNING, sample

COUNTS = ("starts", "reconnects", "restores", "codes", "received", "handled", "sent", "handler_errors", "errors")
STATES = ("connected", "reconnecting", "linking")

periods = st.builds(
    Period,
    states=st.dictionaries(st.sampled_from(STATES), st.integers(0, 100_000).map(float)),
    longest_outage_s=st.integers(0, 1000).map(float),
    **{name: st.integers(0, 1000) for name in COUNTS},
)
grades = st.sampled_from(list(Grade))


@given(st.lists(periods, min_size=1, max_size=8))
def test_a_merged_period_has_everything(parts: list[Period]) -> None:
    """Seconds and counts are sums; the longest outage is the longest."""
    whole = merge([Sample(at=MORNING, began=MORNING, why=Why.PERIODIC, state="", grade=Grade.HEALTHY, period=part)
                   for part in parts]).period  # fmt: skip

    assert whole.span_s == sum(part.span_s for part in parts)
    assert whole.up_s == sum(part.up_s for part in parts)
    assert [getattr(whole, name) for name in COUNTS] == [sum(getattr(part, name) for part in parts) for name in COUNTS]
    assert whole.longest_outage_s == max(part.longest_outage_s for part in parts)


@given(periods, periods, periods)
def test_the_order_of_merging_does_not_matter(first: Period, second: Period, third: Period) -> None:
    """An hour made of hours is the same as one made of minutes."""
    assert (first + second) + third == first + (second + third)


@given(st.lists(grades, min_size=1, max_size=6))
def test_the_worst_grade_stays(found: list[Grade]) -> None:
    """A bad quarter of an hour is not hidden by a good day."""
    samples = [sample(MORNING + timedelta(minutes=number), grade=grade) for number, grade in enumerate(found)]

    assert merge(samples).grade.gravity == max(grade.gravity for grade in found)


def test_readings_are_the_worst_or_the_last() -> None:
    """What can only be bad when it is high keeps its peak; what is unknown hides nothing."""
    first = sample(MORNING, readings=Readings(daemon_mb=80, loop_lag_ms=900, backups=3, inbox_waiting=7))
    second = sample(MORNING + timedelta(minutes=5), readings=Readings(daemon_mb=60, backups=4))

    merged = merge([first, second])

    found = merged.readings
    assert (found.daemon_mb, found.loop_lag_ms, found.backups, found.inbox_waiting) == (80, 900, 4, 7)
    assert (merged.at, merged.began, merged.why) == (second.at, first.began, Why.MERGED)


def test_reasons_are_told_once_as_they_were_at_their_worst() -> None:
    """However often the same was found."""
    mild = Reason(word="memory", topic="health", grade=Grade.DEGRADED, text="mild")
    grave = Reason(word="memory", topic="health", grade=Grade.UNHEALTHY, text="grave")
    other = Reason(word="disk", topic="health", grade=Grade.DEGRADED, text="other")
    samples = [sample(MORNING, reasons=reasons) for reasons in ((mild,), (grave, other), (mild,))]

    assert merge(samples).reasons == (grave, other)


def test_what_is_written_is_short_and_comes_back() -> None:
    """A quiet sample is a short line, and is read back as it was."""
    quiet = sample(MORNING)

    line = msgspec.json.encode(quiet)

    assert len(line) < 200
    assert msgspec.json.decode(line, type=Sample) == quiet
