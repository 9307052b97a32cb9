"""What is seen in a run, as values: one JSON line each, so that a run that was killed can be looked at too."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from linda_bot.rehearsal.values import Machine
from tests.support.streams import Tally
from trials.soak.plan import Plan, What

FILE_NAME = "soak.jsonl"


class Load(msgspec.Struct, frozen=True):
    """What a process holds; memory in bytes."""

    pid: int
    rss: int
    pss: int
    """Pages that several processes share count in part."""
    uss: int
    """What it has for itself alone: what its neighbours do changes nothing of it."""
    descriptors: int
    threads: int


class Began(msgspec.Struct, frozen=True, tag="began"):
    """The bot is linked, and everybody writes."""

    at: float
    on: str
    """When that was, in UTC."""
    plan: Plan
    machine: Machine


class Seen(msgspec.Struct, frozen=True, tag="seen"):
    """How things are; `at` is in seconds since the beginning, as everywhere here."""

    at: float
    daemon: Load | None
    """None while there is none."""
    engine: Load | None
    processes: int
    """The daemon and all that it has started."""
    tasks: int | None
    """The asyncio tasks of the daemon, as it says; None until it has."""
    files: dict[str, int]
    """Bytes of the data directory, by kind."""
    sent: int
    answered: int
    latency_s: float | None
    """The median of what was answered since the look before; None for none."""
    slowest_s: float | None


class Done(msgspec.Struct, frozen=True, tag="done"):
    """Something was done to the bot."""

    at: float
    what: What


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """A daemon has ended that nobody had asked to; another one was started."""

    at: float
    code: int
    last_words: str


class Bug(msgspec.Struct, frozen=True, tag="bug"):
    """Something that must not be seen."""

    at: float
    text: str


class Over(msgspec.Struct, frozen=True, tag="over"):
    """The run came to its end."""

    at: float
    interrupted: bool
    tally: Tally
    queued: int
    """How many messages nobody has taken from the server."""
    pairings: int
    events: dict[str, int]
    """How often each event was logged."""
    warnings: dict[str, int]
    """Those of them that are warnings or errors."""


AnyEntry = Began | Seen | Done | Ended | Bug | Over
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEntry] = msgspec.json.Decoder(AnyEntry)


class RecordWriter:
    """Appends entries to a run's file, each at once."""

    def __init__(self, directory: Path) -> None:
        self._file = (directory / FILE_NAME).open("ab", buffering=0)

    def add(self, entry: AnyEntry) -> None:
        """Write an entry down."""
        self._file.write(_encoder.encode(entry) + b"\n")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def read_entries(directory: Path) -> list[AnyEntry]:
    """Return what was seen; a last line that was cut off is left out. Raises OSError, msgspec.DecodeError."""
    lines = (directory / FILE_NAME).read_bytes().rpartition(b"\n")[0].splitlines()
    return [_decoder.decode(line) for line in lines]


def plan_of(entries: Sequence[AnyEntry]) -> Began | None:
    """Return the beginning of a run; None for one that never began."""
    return next((entry for entry in entries if isinstance(entry, Began)), None)
