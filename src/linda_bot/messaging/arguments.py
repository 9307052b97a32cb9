"""What a handler is called with: the words after a command as its signature wants them, and what is injected."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from linda_bot.kernel.masking import printable
from linda_bot.messaging.conversions import Conversion
from linda_bot.messaging.parameters import TYPED, Parameter, Source
from linda_bot.messaging.scene import State
from linda_bot.messaging.words import Word, words_of

_LONGEST_ECHO = 40


class WrongArgumentsError(Exception):
    """What was typed does not fit; the text is one plain line for who typed it."""


class Arguments(NamedTuple):
    """What a handler is called with, after the message."""

    positional: list[Any]
    named: dict[str, Any]


def usage_of(parameters: Sequence[Parameter]) -> str:
    """Return how the arguments are typed: `FIRST [SECOND]`."""
    return " ".join(each.usage for each in parameters if each.source in TYPED)


def choices_of(parameters: Sequence[Parameter]) -> list[str]:
    """Return, for each argument with a list of possible words, a line that names them."""
    return [
        f"{each.shown}: {each.conversion.wanted}"
        for each in parameters
        if each.conversion and each.conversion.is_choice
    ]


def bind(
    parameters: Sequence[Parameter], typed: str, *, state: State | None = None, match: re.Match[str] | None = None
) -> Arguments:
    """Return what to call a handler with; raises WrongArgumentsError when what was typed does not fit."""
    bound = Arguments([], {})
    injected = {Source.STATE: state, Source.MATCH: match}
    line = _Line(typed)
    for each in parameters:
        if each.source is Source.WORDS:
            bound.positional.extend(line.words(each))
            continue
        if each.source is Source.WORD:
            value = line.word(each)
        elif each.source is Source.REST_OF_LINE:
            value = line.rest(each)
        else:
            value = injected.get(each.source, each.default)
        if each.is_named:
            bound.named[each.name] = value
        else:
            bound.positional.append(value)
    if any(each.source in TYPED for each in parameters):  # else the handler reads `message.arguments`, or nothing
        line.check_end()
    return bound


class _Line:
    """What was typed, taken from the left."""

    def __init__(self, typed: str) -> None:
        self._typed = typed
        self._words: Iterator[Word] = words_of(typed)
        self._end = 0

    def word(self, parameter: Parameter) -> object:
        """Return the value of the next word, or the default."""
        word = next(self._words, None)
        if word is None:
            return _missing(parameter)
        self._end = word.end
        return _value(parameter, word.text)

    def words(self, parameter: Parameter) -> list[object]:
        """Return the values of all the words that are left."""
        self._end = len(self._typed)
        return [_value(parameter, word.text) for word in self._words]

    def rest(self, parameter: Parameter) -> object:
        """Return what is left, as it was typed, or the default."""
        rest = self._typed[self._end :].strip()
        self._end = len(self._typed)
        return rest or _missing(parameter)

    def check_end(self) -> None:
        """Raise WrongArgumentsError when something is left."""
        rest = self._typed[self._end :].strip()
        if rest:
            raise WrongArgumentsError(f'That is too much: "{printable(rest, _LONGEST_ECHO)}"')


def _missing(parameter: Parameter) -> object:
    if parameter.is_required:
        raise WrongArgumentsError(f"{parameter.shown} is missing")
    return parameter.default


def _value(parameter: Parameter, word: str) -> object:
    conversion = parameter.conversion
    assert conversion is not None  # whatever is typed has one
    try:
        return conversion.convert(word)
    except ValueError:
        must = f"{parameter.shown} must be {_wanted(conversion)}"
        raise WrongArgumentsError(f'{must}, not "{printable(word, _LONGEST_ECHO)}"') from None


def _wanted(conversion: Conversion) -> str:
    return f"one of {conversion.wanted}" if conversion.is_choice and ", " in conversion.wanted else conversion.wanted
