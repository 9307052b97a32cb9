"""The circuit breaker around reconnecting: when the next attempt is due after one that failed; pure."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Position(StrEnum):
    """Whether attempts are let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """One attempt is let through; it decides."""


class Circuit(NamedTuple):
    """The breaker, and how many attempts have failed since the link was last stable."""

    position: Position = Position.CLOSED
    failures: int = 0


class Schedule(NamedTuple):
    """The waits, in seconds."""

    delays: Sequence[float]
    """After the first, second, ... failure; the last one repeats."""
    attempts: int
    """So many waits by the delays, then the circuit opens."""
    cool_down: float
    jitter: float = 0.0
    """By which share of itself a wait may be shorter; never longer, so that the schedule is a promise."""


def after_failure(circuit: Circuit, schedule: Schedule, chance: float = 0.0) -> tuple[Circuit, float]:
    """Return the circuit after another failure, and the wait before the next attempt.

    `chance`, from 0 to 1, says how much of the jitter this wait gets.
    """
    failures = circuit.failures + 1
    shorter = 1.0 - schedule.jitter * chance
    if circuit.position is Position.HALF_OPEN or failures > schedule.attempts:
        return Circuit(Position.OPEN, schedule.attempts), schedule.cool_down * shorter
    return Circuit(Position.CLOSED, failures), _delay(failures, schedule.delays) * shorter


def after_wait(circuit: Circuit) -> Circuit:
    """Return the circuit when its wait is over: an open one lets one attempt through."""
    return circuit._replace(position=Position.HALF_OPEN) if circuit.position is Position.OPEN else circuit


def after_login(circuit: Circuit) -> Circuit:
    """Return the circuit when an attempt has come through.

    The failures count until the link was stable for a while: one that comes and goes opens the circuit again.
    """
    return circuit._replace(position=Position.CLOSED)


def _delay(failures: int, delays: Sequence[float]) -> float:
    return delays[min(failures, len(delays)) - 1]
