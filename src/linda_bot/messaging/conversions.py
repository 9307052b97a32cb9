"""From a word that a stranger types to the type that a handler's argument has; pure."""

import math
import re
import types
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from linda_bot.kernel.errors import UsageError

_WHOLE_NUMBER = re.compile(r"[+-]?\d+")
_YES = frozenset({"yes", "y", "true", "on", "1"})
_NO = frozenset({"no", "n", "false", "off", "0"})
_MOST_LISTED = 20


class Conversion(NamedTuple):
    """How a word becomes a value."""

    convert: Callable[[str], object]
    """Returns the value; raises ValueError when the word stands for none."""
    wanted: str
    """What the word must be, for people."""
    is_optional: bool = False
    """Whether there may be no word, which stands for None."""
    is_choice: bool = False
    """Whether `wanted` is a list of words."""


def conversion_for(kind: Any) -> Conversion:
    """Return the conversion to a type; raises UsageError for a type that words cannot become."""
    while type(kind).__name__ == "TypeAliasType":  # from Python 3.12 on: `type Colour = Literal[...]`
        kind = kind.__value__
    origin = get_origin(kind)
    if origin is Annotated:
        return conversion_for(get_args(kind)[0])
    if origin in {Union, types.UnionType}:
        return _any_of(get_args(kind))
    if origin is Literal:
        return _one_of_literals(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _one_of_members(kind)
    found = _PLAIN.get(kind) if isinstance(kind, type) or kind is Any else None
    if found is None:
        raise UsageError(_refusal(kind))
    return found


def _whole_number(word: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(word):
        raise ValueError
    return int(word)


def _number(word: str) -> float:
    value = float(word)
    if "_" in word or not math.isfinite(value):
        raise ValueError
    return value


def _yes_or_no(word: str) -> bool:
    answer = word.casefold()
    if answer not in _YES | _NO:
        raise ValueError
    return answer in _YES


_TEXT = Conversion(str, "a word")
_PLAIN: Mapping[Any, Conversion] = {
    str: _TEXT,
    Any: _TEXT,
    int: Conversion(_whole_number, "a whole number"),
    float: Conversion(_number, "a number"),
    bool: Conversion(_yes_or_no, "yes or no"),
}


def _any_of(kinds: Iterable[Any]) -> Conversion:
    """Return a conversion to the first type that fits; to a text only when nothing else does."""
    kinds = tuple(kinds)
    others = [conversion_for(kind) for kind in kinds if kind is not types.NoneType]
    others.sort(key=lambda each: each is _TEXT)

    def convert(word: str) -> object:
        for each in others:
            try:
                return each.convert(word)
            except ValueError:
                continue
        raise ValueError

    return Conversion(
        convert,
        " or ".join(each.wanted for each in others),
        is_optional=types.NoneType in kinds or any(each.is_optional for each in others),
        is_choice=len(others) == 1 and others[0].is_choice,
    )


def _one_of_literals(values: tuple[Any, ...]) -> Conversion:
    if not all(isinstance(value, str | int) for value in values):
        raise UsageError("of Literal values only texts and numbers can be typed")
    return _one_of({str(value): value for value in values}, map(str, values))


def _one_of_members(kind: type[Enum]) -> Conversion:
    """Return a conversion to an Enum's member, by its value when that is a text or a number, or by its name."""
    members = list(kind)
    if not members:
        raise UsageError(f"{kind.__name__} has no members to choose from")
    shown = [str(each.value) if isinstance(each.value, str) and each.value else each.name for each in members]
    by_value = {str(each.value): each for each in members if isinstance(each.value, str | int)}
    return _one_of(by_value | {each.name: each for each in members}, shown)


def _one_of(values: Mapping[str, object], shown: Iterable[str]) -> Conversion:
    """Return a conversion to what a word stands for, in whatever case; of two that differ in case the first counts."""
    whatever_case = {word.casefold(): value for word, value in reversed(tuple(values.items()))}

    def convert(word: str) -> object:
        try:
            return values[word] if word in values else whatever_case[word.casefold()]
        except KeyError:
            raise ValueError from None

    listed = list(shown)
    more = ["..."] if len(listed) > _MOST_LISTED else []
    return Conversion(convert, ", ".join(listed[:_MOST_LISTED] + more), is_choice=True)


def _refusal(kind: Any) -> str:
    name = getattr(kind, "__name__", str(kind))
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return f"{name} would let strangers name files on this machine; take a str and check it"
    return f"words do not become {name}, but str, int, float, bool, Literal, Enum and these with None"
