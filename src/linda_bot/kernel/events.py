"""The root of all events: facts in the past tense, as frozen values.

Events are msgspec structs, so the same class is the value in memory, the message on the engine's pipe, and
the source of a log line.
"""

import re
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import cache
from typing import Annotated, ClassVar, get_type_hints

import msgspec

_SECRET = {"secret": True}

Secret = Annotated[str, msgspec.Meta(extra=_SECRET)]
"""A text that may cross a pipe but is never shown in a repr, a log line or a status page."""


def utc_now() -> datetime:
    """Return the wall-clock time, in UTC."""
    return datetime.now(UTC)


class Category(StrEnum):
    """What an event is about."""

    SESSION = "session"
    CONNECTION = "connection"
    MESSAGE = "message"
    HEALTH = "health"
    ERROR = "error"
    """Whatever it is about: what is an error is to be found by this word."""


class Severity(IntEnum):
    """How much an event matters; the numbers are those of `logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something that has happened; never edited, never un-happened."""

    category: ClassVar[Category] = Category.CONNECTION
    severity: ClassVar[Severity] = Severity.INFO
    at: datetime = msgspec.field(default_factory=utc_now)

    @property
    def weight(self) -> Severity:
        """How much this one matters, where not all of its kind are alike."""
        return self.severity

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in facts(self).items())
        return f"{type(self).__name__}({shown})"


def facts(event: Event) -> dict[str, object]:
    """Return what an event says beside its time, without its secrets."""
    return {name: getattr(event, name) for name in shown_fields(type(event))}


@cache
def log_name(kind: type[Event]) -> str:
    """Name a kind of event as the log does: `LoggedOut` is `logged_out`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


@cache
def shown_fields(kind: type[Event]) -> tuple[str, ...]:
    """Return the names of what a kind of event says beside its time, without its secrets."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(name for name in kind.__struct_fields__ if name != "at" and not _is_secret(hints[name]))


def _is_secret(hint: object) -> bool:
    return any(
        isinstance(extra, msgspec.Meta) and extra.extra is not None and extra.extra.get("secret") is True
        for extra in getattr(hint, "__metadata__", ())
    )
