"""The circuit around reconnecting, and what a link forgets: pure rules, value by value."""

import pytest

from linda_bot.connection.circuit import Circuit, Position, Schedule, after_failure, after_login, after_wait
from linda_bot.connection.policy import Tally, forgiven

SCHEDULE = Schedule(delays=(3, 10), attempts=3, cool_down=900)
OPEN, HALF_OPEN, CLOSED = Position.OPEN, Position.HALF_OPEN, Position.CLOSED


@pytest.mark.parametrize(
    ("before", "after", "wait_s"),
    [
        (Circuit(), Circuit(CLOSED, 1), 3),
        (Circuit(CLOSED, 1), Circuit(CLOSED, 2), 10),
        (Circuit(CLOSED, 2), Circuit(CLOSED, 3), 10),
        (Circuit(CLOSED, 3), Circuit(OPEN, 3), 900),
        (Circuit(CLOSED, 99), Circuit(OPEN, 3), 900),
        (Circuit(HALF_OPEN, 1), Circuit(OPEN, 3), 900),
        (Circuit(HALF_OPEN, 3), Circuit(OPEN, 3), 900),
    ],
)
def test_what_a_failure_does(before: Circuit, after: Circuit, wait_s: float) -> None:
    """So many waits by the delays, then the circuit opens; a half-open one does at once."""
    assert after_failure(before, SCHEDULE) == (after, wait_s)


@pytest.mark.parametrize(("failures", "full_s"), [(0, 3), (3, 900)])
@pytest.mark.parametrize(("chance", "share"), [(0, 1), (0.5, 0.95), (1, 0.9)])
def test_jitter_makes_a_wait_shorter(failures: int, full_s: float, chance: float, share: float) -> None:
    """By its share of the wait, and of that as much as chance says; the cool-down as well as a delay."""
    _, wait_s = after_failure(Circuit(CLOSED, failures), SCHEDULE._replace(jitter=0.1), chance)

    assert wait_s == pytest.approx(full_s * share)


def test_without_chance_no_wait_is_shorter() -> None:
    """A schedule that says nothing of jitter has none, and a caller that rolls no dice gets the full wait."""
    assert after_failure(Circuit(), SCHEDULE, 1.0)[1] == 3
    assert after_failure(Circuit(), SCHEDULE._replace(jitter=0.5))[1] == 3


@pytest.mark.parametrize(("before", "after"), [(OPEN, HALF_OPEN), (HALF_OPEN, HALF_OPEN), (CLOSED, CLOSED)])
def test_what_the_end_of_a_wait_does(before: Position, after: Position) -> None:
    """Only an open circuit lets one attempt through."""
    assert after_wait(Circuit(before, 2)) == Circuit(after, 2)


@pytest.mark.parametrize("before", Position)
def test_what_a_login_does(before: Position) -> None:
    """It closes the circuit, and the failures count until the link was stable."""
    assert after_login(Circuit(before, 2)) == Circuit(CLOSED, 2)


def test_the_words_for_the_circuit() -> None:
    """They are in status and log."""
    assert [position.value for position in Position] == ["closed", "open", "half_open"]


@pytest.mark.parametrize(
    ("up_s", "left"),
    [
        (59.9, Tally(Circuit(failures=7), 1, 2, 3)),
        (60, Tally(replaced=2)),
        (3599, Tally(replaced=2)),
        (3600, Tally()),
    ],
)
def test_what_is_forgotten_after_a_while(up_s: float, left: Tally) -> None:
    """Failures after a minute, having been replaced after an hour."""
    assert forgiven(Tally(Circuit(failures=7), 1, 2, 3), up_s) == left
