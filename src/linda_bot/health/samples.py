"""Samples: what the bot's health was like at a moment, and what happened since the sample before; pure."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from linda_bot.health.grades import Grade
from linda_bot.health.states import CONNECTED

_LARGEST = 10.0**15
_Count = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
_Amount = Annotated[float, msgspec.Meta(ge=0, le=_LARGEST)]
_MOST_REASONS = 12


class Why(StrEnum):
    """Why a sample was taken."""

    PERIODIC = "periodic"
    STATE = "state"
    START = "start"
    STOP = "stop"
    INTERRUPTED = "interrupted"
    """It is what is known of the last minutes of a run that was cut short."""
    MERGED = "merged"
    """It stands for several older ones."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a grade is not better."""

    word: str
    """For programs."""
    topic: str
    """`link`, which is told of as the link's incidents, or `health`."""
    grade: Grade
    """What it makes of the whole."""
    text: str
    """For people, in a sentence without its full stop."""


class Period(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened in a time; two that follow each other can be added."""

    states: dict[str, _Amount] = {}
    """For how many seconds the link was in each state; the last moments of a run count as none."""
    starts: _Count = 0
    """How often the bot was started."""
    reconnects: _Count = 0
    """How often the link came back, renewals in good order left out."""
    restores: _Count = 0
    codes: _Count = 0
    """How many QR codes were shown."""
    received: _Count = 0
    handled: _Count = 0
    sent: _Count = 0
    handler_errors: _Count = 0
    send_failures: _Count = 0
    errors: _Count = 0
    """Other events that are errors."""
    outages: _Count = 0
    """How many ended in this time; see `states.OUTAGE_S`."""
    outage_s: _Amount = 0.0
    """How long those lasted in all."""
    longest_outage_s: _Amount = 0.0
    """The longest that there was, also one that goes on."""

    @property
    def span_s(self) -> float:
        """How many seconds it covers."""
        return sum(self.states.values())

    @property
    def up_s(self) -> float:
        """For how many of them the link was up."""
        return self.states.get(CONNECTED, 0.0)

    def __add__(self, other: "Period") -> "Period":
        states = {
            state: round(self.states.get(state, 0.0) + other.states.get(state, 0.0), 3)
            for state in (*self.states, *(state for state in other.states if state not in self.states))
        }
        sums = {name: getattr(self, name) + getattr(other, name) for name in _SUMMED}
        return Period(states=states, longest_outage_s=max(self.longest_outage_s, other.longest_outage_s), **sums)


_SUMMED = tuple(name for name in Period.__struct_fields__ if name not in ("states", "longest_outage_s"))


class Readings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How things are at a moment; None is unknown."""

    session_age_s: _Amount | None = None
    """Since the login; None while the link is down."""
    idle_s: _Amount | None = None
    """Since a message came or went."""
    down_for_s: _Amount | None = None
    """For how long the link has been down; 0 while it is up."""
    attempts: _Count | None = None
    """How many attempts to connect have failed in a row."""
    round_trip_ms: _Amount | None = None
    """Of the last round trip to the server."""
    daemon_mb: _Amount | None = None
    engine_mb: _Amount | None = None
    """Memory: the proportional set size where it can be had, else what is resident."""
    open_files: _Count | None = None
    """Descriptors of the daemon."""
    backups: _Count | None = None
    backup_age_s: _Amount | None = None
    """Of the newest one."""
    store_bytes: _Count | None = None
    disk_free_bytes: _Count | None = None
    inbox_waiting: _Count | None = None
    inbox_aside: _Count | None = None
    """Messages that a person must decide on."""
    outbox_pending: _Count | None = None
    outbox_unknown: _Count | None = None
    outbox_failed: _Count | None = None
    guard_active: bool | None = None
    guard_caught: _Count | None = None
    """Answers that the guard has saved in the life of the store."""
    phone_seen_s: _Amount | None = None
    """Since the account's phone gave a sign of life."""
    loop_lag_ms: _Amount | None = None
    """By how much the event loop was late at the worst since the sample before."""
    bus_drops: _Count | None = None
    """Events that a part of the bot was too slow to take, since the start."""
    lines_lost: _Count | None = None
    """Lines that the event log could not write, since the start."""
    paused: bool | None = None

    @property
    def memory_mb(self) -> float | None:
        """Of daemon and engine together; None when nothing is known."""
        if self.daemon_mb is None and self.engine_mb is None:
            return None
        return (self.daemon_mb or 0.0) + (self.engine_mb or 0.0)

    def or_else(self, other: "Readings") -> "Readings":
        """Return these readings, and where one is unknown the other's."""
        own, others = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        return Readings(**{name: others[name] if value is None else value for name, value in own.items()})


_WORST = frozenset(
    {
        "down_for_s",
        "attempts",
        "round_trip_ms",
        "daemon_mb",
        "engine_mb",
        "open_files",
        "inbox_waiting",
        "inbox_aside",
        "outbox_pending",
        "loop_lag_ms",
    }
)
"""Readings of which the highest is what a summary has to tell; of the others it is the last."""


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The health at a moment."""

    at: datetime
    began: datetime
    """When the period begins; where the bot did not run in between, it is shorter than that tells."""
    why: Why
    state: str
    """Where the link is."""
    grade: Grade
    reasons: tuple[Reason, ...] = ()
    period: Period = Period()
    readings: Readings = Readings()


def merge(samples: Sequence[Sample]) -> Sample:
    """Make one sample of several, in order of time and at least one: what happened is added, the worst is kept."""
    last = samples[-1]
    if len(samples) == 1:
        return last
    period = samples[0].period
    for sample in samples[1:]:
        period += sample.period
    worst = max((sample.grade for sample in samples), key=lambda grade: grade.gravity)
    return Sample(
        at=last.at,
        began=min(sample.began for sample in samples),
        why=Why.MERGED,
        state=last.state,
        grade=worst,
        reasons=_gravest(samples),
        period=period,
        readings=_summed_up([sample.readings for sample in samples]),
    )


def _gravest(samples: Sequence[Sample]) -> tuple[Reason, ...]:
    """Return each reason once, as it was at its worst, the gravest first."""
    found: dict[str, Reason] = {}
    for reason in (reason for sample in samples for reason in sample.reasons):
        known = found.get(reason.word)
        if known is None or reason.grade.gravity >= known.grade.gravity:
            found[reason.word] = reason
    return tuple(sorted(found.values(), key=lambda reason: -reason.grade.gravity)[:_MOST_REASONS])


def _summed_up(readings: Sequence[Readings]) -> Readings:
    summed: dict[str, object] = {}
    for name in Readings.__struct_fields__:
        known = [value for each in readings if (value := getattr(each, name)) is not None]
        if known:
            summed[name] = max(known) if name in _WORST else known[-1]
    return msgspec.convert(summed, Readings)
