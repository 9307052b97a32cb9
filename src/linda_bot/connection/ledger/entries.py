"""The entries of a session's history, as anybody may have written them: looked at leniently, made harmless; pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from linda_bot.kernel.masking import printable

_LONGEST_LIST = 20
_LONGEST_TEXT = 400
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Entry(NamedTuple):
    """One entry: when, what, and its facts. Every text in it is one line that steers no terminal."""

    at: datetime
    what: str
    facts: Mapping[str, object] = {}

    def text(self, name: str) -> str:
        """Return a fact that is a text; empty when it is none."""
        value = self.facts.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """Return a fact that is a number of something; 0 when it is none."""
        value = self.facts.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
            return 0
        return int(value)

    def moment(self, name: str) -> datetime | None:
        """Return a fact that is a time."""
        return _moment(self.facts.get(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a fact that is a list of texts."""
        value = self.facts.get(name)
        return tuple(each for each in value if isinstance(each, str)) if isinstance(value, tuple) else ()

    @property
    def until(self) -> datetime:
        """When it came for the last time, if it was counted."""
        return max(_moment(self.facts.get("until")) or self.at, self.at)

    @property
    def times(self) -> int:
        """How often it came."""
        return max(self.number("count"), 1)


class Reading(NamedTuple):
    """What a history holds."""

    entries: tuple[Entry, ...]
    unreadable: int
    """How many of its entries are none."""


def read_entries(document: object) -> Reading:
    """Return the entries of a history's JSON value, in the order in which they were written; never raises."""
    found = document if isinstance(document, list) else []
    entries = [entry for entry in map(_read, found) if entry is not None]
    return Reading(tuple(entries), len(found) - len(entries))


def _read(value: object) -> Entry | None:
    if not isinstance(value, Mapping):
        return None
    at, what = _moment(value.get("timestamp")), value.get("eventType")
    if at is None or not isinstance(what, str):
        return None
    what = what if _WORD.fullmatch(what) else printable(what, 40)
    named = ((name, each) for name, each in value.items() if name not in ("timestamp", "eventType"))
    return Entry(at, what, {printable(str(name), 40): _harmless(each) for name, each in named})


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the first or last day there is, in another time zone
        return None


def _harmless(value: object, depth: int = 0) -> object:
    if isinstance(value, str):
        return printable(value, _LONGEST_TEXT)
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, Sequence) and not depth:
        return tuple(_harmless(each, 1) for each in value[:_LONGEST_LIST])
    return printable(str(type(value).__name__))
