"""One log line an event: its name, its category, its facts, masked."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from linda_bot.kernel.events import Event, facts, log_name
from linda_bot.kernel.masking import hide_codes, mask_line, mask_text, printable

_LONGEST = 2000
_TEXTS = frozenset({"text"})
_NAMES = frozenset({"sender_name"})
_LEFT_OUT = frozenset(
    {"raw", "quoted", "media", "place", "contacts", "poll", "mentions", "emoji", "sender_alt", "chat_alt"}
)
"""What a message has beside what the log tells of it."""

_LEVELS = {
    "handler_failed": "error",
    "hook_failed": "error",
    "message_set_aside": "error",
    "mailbox_trouble": "error",
    "handlers_kept": "error",
    "handler_blocked": "warning",
    "send_expired": "warning",
    "message_missing": "warning",
    "message_repeated": "debug",
    "receipt_received": "debug",
    "inbox_blocked": "warning",
    "guard_withdrawn": "warning",
    "send_failed": "error",
    "link_gave_up": "error",
    "engine_printed": "debug",
    "disconnected": "warning",
    "logged_out": "warning",
    "stream_replaced": "warning",
    "stream_failed": "warning",
    "temporarily_banned": "warning",
    "client_outdated": "warning",
    "connect_failed": "warning",
    "connect_ended": "warning",
    "keep_alive_timed_out": "warning",
    "pair_failed": "warning",
    "attempt_failed": "warning",
    "retry_scheduled": "warning",
    "session_quarantined": "warning",
    "session_restored": "warning",
    "session_went_back": "warning",
    "restore_gave_up": "warning",
    "backup_failed": "warning",
    "message_undecryptable": "warning",
    "alert_raised": "warning",
    "login_put_off": "warning",
    "pairing_code_refused": "warning",
    "phone_not_seen": "warning",
    "ping_answered": "debug",
    "ping_missed": "warning",
    "refresh_put_off": "warning",
}
"""The level of each event that is not merely information."""


class Line(msgspec.Struct, frozen=True):
    """What is logged of an event."""

    level: str
    name: str
    facts: dict[str, object]


def line_of(event: Event, *, mask: bool) -> Line:
    """Return the log line of an event."""
    name = log_name(type(event))
    level = _LEVELS.get(name, "info")
    shown = _shown(facts(event), mask=mask)
    if name == "engine_printed":
        printed = shown.pop("level", "info")
        level = str(printed) if printed in ("warning", "error") else "warning" if printed == "warn" else "debug"
    return Line(level, name, {"category": _category(event, level), "at": time_text(event.at), **shown})


def record(event: Event, log: Callable[..., object], *, mask: bool) -> None:
    """Write an event's line; `log` is called with the level's number, the name and the facts."""
    line = line_of(event, mask=mask)
    log(_NUMBERS[line.level], line.name, **line.facts)


def fit_line(line: str, *, mask: bool) -> str:
    """Make a stranger's text fit to be logged: one harmless line without QR texts, masked if asked for."""
    return printable(mask_line(line) if mask else hide_codes(line), _LONGEST)


def fit_text(text: str, *, mask: bool) -> str:
    """Make a text fit to be logged that keeps its lines, such as a traceback."""
    return "\n".join(fit_line(line, mask=mask) for line in text.splitlines())


def time_text(moment: datetime) -> str:
    """Return a moment as the log writes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_MESSAGE_WORDS = ("message", "handler", "send", "hook", "inbox", "mailbox", "receipt")
_HEALTH = ("alert_", "milestone_", "ping_")
_NUMBERS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def _category(event: Event, level: str) -> str:
    if level == "error":
        return "error"
    name = log_name(type(event))
    if name.startswith(_HEALTH):
        return "health"
    if any(word in name for word in _MESSAGE_WORDS):
        return "message"
    if (
        "restore" in name
        or "session" in name
        or "backup" in name
        or "pair" in name
        or "qr_" in name
        or "linking" in name
        or "phone" in name
    ):
        return "session"
    return "connection"


def _shown(values: dict[str, object], *, mask: bool) -> dict[str, object]:
    shown: dict[str, object] = {}
    for name, value in values.items():
        if name in _LEFT_OUT:
            continue
        if isinstance(value, msgspec.Struct):  # of a message only what is worth saying
            said = {field: each for field, each in msgspec.structs.asdict(value).items() if each}
            shown |= _shown(said, mask=mask)
        else:
            shown["message_id" if name == "id" else name] = _fit(name, value, mask=mask)
    return shown


def _fit(name: str, value: object, *, mask: bool) -> object:
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, tuple):
        return [_fit(name, item, mask=mask) for item in value]
    if not isinstance(value, str):
        return value
    if mask and name in _TEXTS | _NAMES:
        return mask_text(value) if value else ""
    if name == "trace":
        return fit_text(value, mask=mask)
    return fit_line(value, mask=mask)
