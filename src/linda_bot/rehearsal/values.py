"""What a rehearsal is and what comes of it."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from linda_bot.rehearsal.record import Record
    from linda_bot.rehearsal.stage import Stage

Act = Callable[["Stage", "Record"], Awaitable[None]]


class Verdict(StrEnum):
    """What is said of a rehearsal."""

    PASSED = "pass"
    FAILED = "FAIL"
    UNFINISHED = "not finished"
    """Somebody has ended the run before."""


class Series(StrEnum):
    """What was measured, for those measurements that are compared across rehearsals."""

    RESTART = "restart until ready"
    MEMORY = "memory"
    BACKUP_SIZE = "backup size"
    BACKUP_TIME = "backup time"
    ANSWER = "answer to a message"
    RECOVERY = "recovery"
    FIRST_START = "first start"


class Unit(StrEnum):
    """In what it was measured."""

    SECONDS = "s"
    MEGABYTES = "MB"
    BYTES = "bytes"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement."""

    series: Series
    value: float
    unit: Unit
    at_s: float
    """When, in seconds after the rehearsal had begun."""


class Rehearsal(NamedTuple):
    """Something that a bot has to stand, and how it is tried."""

    name: str
    """Its number in the guide, or a word for a reliability scenario."""
    title: str
    shows: str
    target: str
    act: Act


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a rehearsal."""

    name: str
    title: str
    shows: str
    target: str
    figure: str
    """What was measured, in words; empty when it did not come to that."""
    verdict: Verdict
    reason: str = ""
    """Why it did not pass, in one line."""
    took_s: float = 0
    samples: tuple[Sample, ...] = ()


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """On what it was measured."""

    system: str
    processors: int
    memory_mb: int | None
    python: str
    linda_bot: str
    neonize: str


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run: what `--json` prints and the report shows."""

    began_at: str
    took_s: float
    machine: Machine
    own_settings: tuple[str, ...]
    """The names of the user's settings that were in force; their values may be secrets."""
    overridden: dict[str, str]
    """The settings that were not the user's, each with the reason."""
    handlers: str
    rehearsals: tuple[Outcome, ...]
    interrupted: bool = False

    @property
    def passed(self) -> bool:
        """Whether all of it went well."""
        return not self.interrupted and all(each.verdict is Verdict.PASSED for each in self.rehearsals)
