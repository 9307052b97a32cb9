"""A sample of every kind of event, made from the types of its fields."""

import types
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from linda_bot.kernel.events import Event
from linda_bot.whatsapp.events import IncomingMessage

NOW = datetime(2026, 2, 7, 10, 35, 2, 340_000, tzinfo=UTC)


def sample_of(kind: type[Event], text: Callable[[str], str] = lambda name: name) -> Event:
    """Return an event whose texts are what `text` says for a field's name; a message has nothing private then."""
    return kind(**{name: _value(name, hint, text) for name, hint in _fields(kind) if name != "at"}, at=NOW)


def _fields(kind: type[Any]) -> list[tuple[str, Any]]:
    hints = get_type_hints(kind)
    return [(name, hints[name]) for name in kind.__struct_fields__]


def _value(name: str, hint: Any, text: Callable[[str], str]) -> Any:  # noqa: PLR0911 (one case a type)
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _value(name, next(each for each in inside if each is not type(None)), text)
    if origin is tuple:
        return (_value(name, inside[0], text),)
    if origin is dict:
        return {text(name): _value(name, inside[1], text)}
    if hint is IncomingMessage:
        return IncomingMessage(
            id="3EB0AE5512345678",
            chat=text("chat"),
            sender=text("sender"),
            kind="text",
            sent_at=NOW,
            sender_alt="x@lid",
        )
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint(**{field: _value(field, each, text) for field, each in _fields(hint)})
    if hint is datetime:
        return NOW
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    return text(name) if hint is str else hint(1)
