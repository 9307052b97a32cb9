"""One log line an event: when, how grave, what about, its name, its facts, fit to be shown."""

import logging
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

import msgspec

from linda_bot.eventlog.redaction import Redactor
from linda_bot.kernel.events import Category, Event, Severity, facts, log_name

_STRANGERS_TEXTS = frozenset({"text", "sender_name"})
_OURS = frozenset(
    {"category", "chat", "conversation", "field", "handler", "id", "ids", "kind", "new", "old", "outcome", "sender"}
)
"""What is never a piece of a stranger's text, of the events that come in floods; all else may quote anything."""
LEFT_OUT = frozenset(
    {"raw", "quoted", "media", "place", "contacts", "poll", "mentions", "emoji", "sender_alt", "chat_alt", "level"}
)
"""What a message has beside what the log tells of it; and the level, which is the line's own."""

HEAD = ("timestamp", "level", "category", "event", "account")
"""What every line has, in this order."""

_KNOWN_RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Line(NamedTuple):
    """What is logged of something."""

    at: datetime
    severity: Severity
    category: Category
    name: str
    facts: Mapping[str, object]


class Logged(NamedTuple):
    """A line of a library's, or of an author's own, on its way to the log."""

    at: datetime
    severity: int
    logger: str
    text: str
    facts: Mapping[str, object]
    trace: str


def line_of(event: Event, redactor: Redactor) -> Line:
    """Return the log line of an event."""
    severity = event.weight
    category = Category.ERROR if severity >= Severity.ERROR else event.category
    shown: dict[str, object] = {}
    _show(facts(event), shown, redactor)
    return Line(event.at, severity, category, log_name(type(event)), shown)


def logged_of(record: logging.LogRecord) -> Logged:
    """Return what a record of Python's logging says; raises whatever its arguments raise when they are formatted."""
    trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info and record.exc_info[0] else ""
    more = {name: value for name, value in vars(record).items() if name not in _KNOWN_RECORD_FIELDS}
    at = datetime.fromtimestamp(record.created, UTC)
    # Texts now: what an argument says may be another thing by the time at which the line is written.
    shown = {name: value if isinstance(value, int | float | None) else str(value) for name, value in more.items()}
    return Logged(at, record.levelno, record.name, record.getMessage(), shown, trace)


def line_of_logged(logged: Logged, redactor: Redactor) -> Line:
    """Return the log line of what a library logged."""
    severity = max((each for each in Severity if each <= logged.severity), default=Severity.DEBUG)
    category = Category.ERROR if severity >= Severity.ERROR else Category.CONNECTION
    shown: dict[str, object] = {"logger": logged.logger}
    for name, value in logged.facts.items():
        shown[_own_name(redactor.field(name))] = redactor.line(value) if isinstance(value, str) else value
    if logged.trace:
        shown["trace"] = redactor.lines(logged.trace)
    return Line(logged.at, severity, category, redactor.line(logged.text), shown)


def _own_name(name: str) -> str:
    """Return the name of an author's fact, which must not take the place of what every line has."""
    return f"{name}_" if name in HEAD or name == "logger" else name


def remember_texts(event: Event, redactor: Redactor) -> None:
    """Have the redactor know what a stranger wrote, whether that event is logged or not."""
    message = getattr(event, "message", None)
    if isinstance(message, msgspec.Struct):
        redactor.remember(getattr(message, "text", ""), getattr(message, "sender_name", ""))


def time_text(moment: datetime) -> str:
    """Return a moment as the log writes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def _show(values: Mapping[str, object], shown: dict[str, object], redactor: Redactor) -> None:
    for name, value in values.items():
        if name in LEFT_OUT:
            continue
        if isinstance(value, msgspec.Struct):  # of a message only what is worth saying
            said = {field: each for field in _fields(type(value)) if (each := getattr(value, field))}
            _show(said, shown, redactor)
        else:
            shown["message_id" if name == "id" else name] = _fit(name, value, redactor)


def _fit(name: str, value: object, redactor: Redactor) -> object:
    match value:
        case str():
            return _fit_text(name, value, redactor)
        case datetime():
            return time_text(value)
        case float():
            return round(value, 3)
        case tuple():
            return [_fit(name, item, redactor) for item in value]
        case dict():
            return {redactor.field(str(key)): _fit(name, item, redactor) for key, item in value.items()}
        case _:
            return value


def _fit_text(name: str, text: str, redactor: Redactor) -> str:
    if name in _STRANGERS_TEXTS:
        return redactor.text(text)
    if name == "trace":
        return redactor.lines(text)
    return redactor.field(text) if name in _OURS else redactor.line(text)


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field for field in kind.__struct_fields__ if field not in LEFT_OUT)
