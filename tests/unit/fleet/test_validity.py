"""Until when a lease is believed in: never by two hosts, whatever is late and however fast their clocks go."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.fleet import validity
from linda_bot.fleet.validity import MARGIN, answer_within_s, believed_until, renew_every_s, right_s

LEASE_S = 15.0
DELAYS = st.one_of(st.floats(0, 3), st.floats(0, 60))
RATES = st.floats(0.85, 1.15)
"""How fast a clock goes, against true time; of two such clocks one may gain a third on the other."""


class Step(NamedTuple):
    """What a host does next: it waits, then asks; the question and its answer take their time."""

    host: int
    waits_s: float
    question_s: float
    answer_s: float
    is_lost: bool
    """Whether the answer does not come."""


STEPS = st.lists(st.builds(Step, st.integers(0, 2), DELAYS, DELAYS, DELAYS, st.booleans()), min_size=2, max_size=30)


class Belief(NamedTuple):
    """For when, in true time, a host believed that it had the lease."""

    host: int
    begins: float
    ends: float


def beliefs(steps: list[Step], rates: list[float], database_rate: float) -> list[Belief]:
    """Have hosts claim and renew one lease; return when which of them believed in it."""
    free_at = [0.0] * len(rates)
    questions = []
    for step in steps:
        sent_at = free_at[step.host] + step.waits_s
        arrives_at = sent_at + step.question_s
        # A host does not wait for an answer: it asks again, and the old question may be answered after the new one.
        free_at[step.host] = sent_at + min(step.question_s + step.answer_s, 3.0)
        questions.append((arrives_at, sent_at, arrives_at + step.answer_s, step))
    holder, expires_at = -1, 0.0  # by the database's clock
    found = []
    for arrives_at, sent_at, answered_at, step in sorted(questions):
        now = arrives_at * database_rate
        if holder not in (-1, step.host) and expires_at > now:
            continue
        holder, expires_at = step.host, now + LEASE_S
        rate = rates[step.host]
        ends = believed_until(sent_at * rate, LEASE_S) / rate
        if not step.is_lost and ends > answered_at:
            found.append(Belief(step.host, answered_at, ends))
    return found


@given(steps=STEPS, rates=st.lists(RATES, min_size=3, max_size=3), database_rate=RATES)
def test_there_are_never_two_believers(steps: list[Step], rates: list[float], database_rate: float) -> None:
    """Whatever delays and losses, in whatever order; grants and renewals alike."""
    found = beliefs(steps, rates, database_rate)

    for number, one in enumerate(found):
        for other in found[:number]:
            assert one.host == other.host or one.begins >= other.ends or other.begins >= one.ends


def test_a_missing_margin_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a slow clock of a host's and a fast one of the database's, and the next host's claim at once."""
    steps = [Step(0, 0, 0, 0, is_lost=False), Step(1, LEASE_S / 1.1 + 0.01, 0, 0, is_lost=False)]
    sound = beliefs(steps, [0.9, 1.0, 1.0], 1.1)
    monkeypatch.setattr(validity, "MARGIN", 0.0)
    broken = beliefs(steps, [0.9, 1.0, 1.0], 1.1)

    assert sound[0].ends < sound[1].begins
    assert broken[0].ends > broken[1].begins


@pytest.mark.parametrize("lease_s", [1.0, 15.0, 120.0])
def test_three_renewals_in_a_row_may_fail(lease_s: float) -> None:
    """By silence, each as long as it is waited for."""
    until = believed_until(0.0, lease_s)
    fails = renew_every_s(lease_s) + 2 * answer_within_s(lease_s)

    assert fails < until
    assert until == pytest.approx(lease_s * (1 - MARGIN))


def test_a_right_is_never_less_than_nothing() -> None:
    """What is over is over."""
    assert right_s(10.0, 4.0) == 6.0
    assert right_s(10.0, 14.0) == 0.0
