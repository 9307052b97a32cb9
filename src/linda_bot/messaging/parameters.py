"""What a handler's signature asks for."""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable
from enum import Enum, auto
from typing import Any, NamedTuple, get_args, get_origin

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.conversions import Conversion, conversion_for
from linda_bot.messaging.scene import State

HandlerFunction = Callable[..., Awaitable[object]]
"""What a bot's author writes: `async def`, with the message and whatever else it asks for."""


class Source(Enum):
    """Where an argument comes from."""

    WORD = auto()
    WORDS = auto()
    REST_OF_LINE = auto()
    STATE = auto()
    MATCH = auto()
    DEFAULT = auto()
    """It is left as it is."""


TYPED = frozenset({Source.WORD, Source.WORDS, Source.REST_OF_LINE})
"""What the sender types."""


class Parameter(NamedTuple):
    """One argument of a handler, after the message."""

    name: str
    source: Source
    conversion: Conversion | None = None
    default: Any = None
    is_required: bool = False
    is_named: bool = False
    """Whether Python wants it by name."""

    @property
    def shown(self) -> str:
        """Its name in a usage text."""
        return self.name.strip("_").upper() or "VALUE"

    @property
    def usage(self) -> str:
        """Its place in a usage text: `NAME`, `[NAME]` or `[NAME...]`."""
        several = "" if self.source is Source.WORD else "..."
        return f"{self.shown}{several}" if self.is_required else f"[{self.shown}{several}]"


def check_async(function: Callable[..., object], example: str) -> None:
    """Raise UsageError for what is not `async def`; the example says how it is written."""
    called = getattr(function, "__call__", None)  # noqa: B004 (an object with an `async def __call__` is one, too)
    if not callable(function):
        raise UsageError(f"{function!r:.60} is no function; write: {example}")
    if not inspect.iscoroutinefunction(function) and not inspect.iscoroutinefunction(called):
        raise UsageError(f"{name_of(function)} must be async; write: {example}")


def name_of(function: Callable[..., object]) -> str:
    """Return what a function is called in logs."""
    name: str = getattr(function, "__qualname__", type(function).__qualname__)
    return name


def read_parameters(function: HandlerFunction, *, is_command: bool, finds: bool) -> tuple[Parameter, ...]:
    """Return what a handler takes beside the message; `finds` tells whether its filters always find a match.

    Raises UsageError, in one line, when that cannot be given.
    """
    name = name_of(function)
    check_async(function, f"async def {getattr(function, '__name__', 'handler')}(message)")
    try:
        first, *others = inspect.signature(function).parameters.values()
    except ValueError:  # nothing to unpack
        raise UsageError(f"{name} takes no message; write: async def {name.rpartition('.')[2]}(message)") from None
    except NameError as error:  # from Python 3.14 on
        raise UsageError(f"{name}: {error}; import it outside of TYPE_CHECKING") from None
    if first.kind in {first.KEYWORD_ONLY, first.VAR_KEYWORD, first.VAR_POSITIONAL}:
        raise UsageError(f"{name} must take the message first; write: async def {name.rpartition('.')[2]}(message)")
    try:
        parameters = [_parameter(each, _annotation(each, function), is_command=is_command) for each in others]
        _check_together(parameters, finds=finds)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None
    return tuple(parameters)


def _annotation(parameter: inspect.Parameter, function: HandlerFunction) -> Any:
    """Return a parameter's type, also where `from __future__ import annotations` made a text of it."""
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return str
    if not isinstance(annotation, str):
        return annotation
    plain: Any = inspect.unwrap(getattr(function, "func", function))  # `func`: of functools.partial
    namespace = getattr(plain, "__globals__", None) or getattr(type(plain).__call__, "__globals__", {})
    try:
        return eval(annotation, namespace)  # noqa: S307 (the author's own words, as typing.get_type_hints does)
    except Exception as error:  # noqa: BLE001 (evaluating may raise whatever there is)
        reason = f"the type {annotation} of {parameter.name} is not known here ({error})"
        raise UsageError(f"{reason}; import it outside of TYPE_CHECKING and of functions") from None


def _parameter(parameter: inspect.Parameter, kind: Any, *, is_command: bool) -> Parameter:
    name, default = parameter.name, parameter.default
    has_default = default is not parameter.empty
    is_named = parameter.kind is parameter.KEYWORD_ONLY
    if parameter.kind is parameter.VAR_KEYWORD:
        raise UsageError(f"**{name} gets nothing; leave it out")
    if kind is State:
        return Parameter(name, Source.STATE, is_named=is_named)
    if _is_match(kind):
        return Parameter(name, Source.MATCH, is_required=True, is_named=is_named)
    if any(_is_match(each) for each in get_args(kind)):
        return Parameter(name, Source.MATCH, is_named=is_named)
    if not is_command:
        if has_default:
            return Parameter(name, Source.DEFAULT, default=default, is_named=is_named)
        raise UsageError(f"only commands have arguments such as {name}; others get message, State and re.Match")
    try:
        conversion = conversion_for(kind)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None
    if parameter.kind is parameter.VAR_POSITIONAL:
        return Parameter(name, Source.WORDS, conversion)
    if is_named and conversion.wanted != conversion_for(str).wanted:
        raise UsageError(f"{name} stands after *, so it gets the rest of the line as it is and must be a str")
    source = Source.REST_OF_LINE if is_named else Source.WORD
    is_required = not has_default and not conversion.is_optional
    return Parameter(name, source, conversion, default if has_default else None, is_required, is_named)


def _is_match(kind: Any) -> bool:
    return kind is re.Match or get_origin(kind) is re.Match


def _check_together(parameters: Iterable[Parameter], *, finds: bool) -> None:
    """Raise UsageError for arguments that are in each other's way."""
    optional = ""
    last: Parameter | None = None
    for each in parameters:
        if each.source is Source.MATCH and each.is_required and not finds:
            message = f"{each.name}: re.Match needs a filters.regex that always has to match"
            raise UsageError(f"{message}; add one, or write {each.name}: re.Match[str] | None")
        if each.source not in TYPED:
            continue
        if last and last.source is not Source.WORD:
            raise UsageError(f"{each.name} would get nothing: {last.name} takes all the rest")
        if each.is_required and optional:
            raise UsageError(f"{each.name} cannot be required when {optional} before it is not")
        if not each.is_required:
            optional = each.name
        last = each
