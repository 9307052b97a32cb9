"""Reading the event log back, forwards or backwards; lazily, whatever is in the files.

The files are `events.jsonl`, the newest, and `events.jsonl.1` and so on, which are older. They may be rotated, cut or
deleted while they are read. A line that is no event of ours is passed on as the text that it is.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from linda_bot.eventlog.log_file import FILE_NAME
from linda_bot.kernel.events import Category, Severity

LEVELS = tuple(severity.name.lower() for severity in Severity)
CATEGORIES = tuple(category.value for category in Category)

BLOCK = 64 * 1024
LONGEST_LINE = 1024 * 1024
"""Bytes; what a line has beyond that is left out."""

_SLACK = timedelta(minutes=10)
"""How much older than its neighbours a line may be."""

_NUMBERED = re.compile(re.escape(FILE_NAME) + r"(?:\.(\d{1,6}))?")


class Record(NamedTuple):
    """One line of the log."""

    text: str
    """The line as it stands there."""
    at: datetime | None = None
    level: str = ""
    category: str = ""
    event: str = ""
    account: str = ""
    facts: Mapping[str, object] | None = None
    """What else the line says; None for a line that is no event."""


class Wanted(NamedTuple):
    """Which lines are wanted; a line that is no event has no time, level or name to be wanted for."""

    categories: frozenset[str] = frozenset()
    level: str = "debug"
    events: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    """What the line must contain, whether in capitals or not."""

    def lets_through(self, record: Record) -> bool:
        """Return whether a line is wanted."""
        if self.text and self.text.casefold() not in record.text.casefold():
            return False
        if record.facts is None:
            return self._replace(text="") == Wanted()
        return (
            (not self.categories or record.category in self.categories)
            and (not self.events or record.event in self.events)
            and (not self.accounts or record.account in self.accounts or not record.account)
            and _rank(record.level) >= _rank(self.level)
            and (self.since is None or (record.at is not None and record.at >= self.since))
            and (self.until is None or (record.at is not None and record.at <= self.until))
        )


class Part(NamedTuple):
    """A file of the log, as it was when somebody looked."""

    path: Path
    identity: tuple[int, int]
    size: int
    changed_at: float


def parts_of(directory: Path) -> list[Part]:
    """Return the files of a log, oldest first; none when there is no log."""
    found: list[tuple[int, Part]] = []
    with suppress(OSError):
        for entry in os.scandir(directory):
            name = _NUMBERED.fullmatch(entry.name)
            with suppress(OSError):
                if name and entry.is_file():
                    stat = entry.stat()
                    part = Part(Path(entry.path), (stat.st_dev, stat.st_ino), stat.st_size, stat.st_mtime)
                    found.append((int(name[1] or 0), part))
    return [part for _, part in sorted(found, key=lambda each: -each[0])]


def read_log(parts: list[Part], wanted: Wanted, *, newest: int = 0) -> Iterator[Record]:
    """Yield the lines that are wanted, oldest first; with `newest` only so many of the newest of them."""
    if newest:
        found = list(islice(_backwards(parts, wanted), newest))
        yield from reversed(found)
        return
    for part in parts:
        if wanted.since is None or part.changed_at >= wanted.since.timestamp():
            for line in _lines_forwards(part, wanted.since):
                record = parse(line)
                if wanted.lets_through(record):
                    yield record


def whole_lines(part: Part) -> Part:
    """Return a file as if it ended with its last whole line: the rest of that one is still being written."""
    with suppress(OSError), part.path.open("rb") as file:
        begin = max(part.size - LONGEST_LINE, 0)
        file.seek(begin)
        end = file.read(part.size - begin).rfind(b"\n")
        return part._replace(size=begin + end + 1)
    return part


def parse(line: bytes) -> Record:
    """Return what a line says; one that is no event of ours is its text. Never raises."""
    text = line.decode(errors="replace").rstrip("\r\n")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return Record(text)
    if not isinstance(found, dict) or not isinstance(found.get("event"), str):
        return Record(text)
    words = {name: found[name] if isinstance(found.get(name), str) else "" for name in _WORDS}
    facts = {name: value for name, value in found.items() if name not in _HEAD}
    return Record(text, _moment(found.get("timestamp")), **words, facts=facts)


_WORDS = ("level", "category", "event", "account")
_HEAD = frozenset({*_WORDS, "timestamp"})


def _backwards(parts: list[Part], wanted: Wanted) -> Iterator[Record]:
    for part in reversed(parts):
        for line in _lines_backwards(part):
            record = parse(line)
            if wanted.since is not None and record.at is not None and record.at < wanted.since - _SLACK:
                return
            if wanted.lets_through(record):
                yield record


def _lines_forwards(part: Part, since: datetime | None) -> Iterator[bytes]:
    file = _open_part(part)
    if file is None:
        return
    with file:
        position = _place_of(file, part.size, since - _SLACK) if since is not None else 0
        file.seek(position)
        while position < part.size:
            line = file.readline(min(LONGEST_LINE, part.size - position))
            if not line:
                return
            position += len(line)
            while not line.endswith(b"\n") and position < part.size:  # too long: the rest of it is passed over
                more = file.readline(min(LONGEST_LINE, part.size - position))
                position += len(more)
                if not more or more.endswith(b"\n"):
                    break
            if line.strip():
                yield line


def _lines_backwards(part: Part) -> Iterator[bytes]:
    file = _open_part(part)
    if file is None:
        return
    with file:
        position, rest = part.size, b""
        while position > 0:
            step = min(BLOCK, position)
            position -= step
            file.seek(position)
            first, *lines = (file.read(step) + rest).split(b"\n")
            yield from (line[:LONGEST_LINE] for line in reversed(lines) if line.strip())
            rest = first[:LONGEST_LINE]
        if rest.strip():
            yield rest


def _open_part(part: Part) -> BinaryIO | None:
    """Open a file wherever a rotation has moved it meanwhile; None when it is gone."""
    places = [part.path, *(other.path for other in parts_of(part.path.parent) if other.identity == part.identity)]
    for place in places:
        with suppress(OSError):
            file = place.open("rb")
            stat = os.fstat(file.fileno())
            if (stat.st_dev, stat.st_ino) == part.identity:
                return file
            file.close()
    return None


def _place_of(file: BinaryIO, size: int, since: datetime) -> int:
    """Return where lines begin that may be from `since` on, found by halving: the lines are nearly in order of time."""
    low, high = 0, size
    while high - low > BLOCK:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline(LONGEST_LINE)
        at = None
        while at is None and file.tell() < high:
            line = file.readline(LONGEST_LINE)
            if not line:  # it was cut meanwhile
                break
            at = parse(line).at
        if at is not None and at < since:
            low = middle
        else:
            high = middle
    file.seek(low)
    if low:
        file.readline(LONGEST_LINE)
    return file.tell()


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 1


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
