"""What a parameter of a fault may look like: every parameter is a text, as people and scripts write it."""

from collections.abc import Callable, Collection
from math import isfinite
from typing import NamedTuple

_LONGEST_S = 86_400.0
_MOST = 10_000
_MOST_DIGITS = 9
_CODES = range(100, 1000)
_NUMBER_DIGITS = range(7, 16)


class Form(NamedTuple):
    """What is right, in words, and whether a text is that."""

    says: str
    fits: Callable[[str], bool]


class Parameter(NamedTuple):
    """A parameter of a fault."""

    summary: str
    """What it means, in one line for people."""
    default: str | None
    """What counts when it is left out; None when it must be given."""
    form: Form


def one_of(names: Collection[str]) -> Form:
    """Return the form of a choice."""
    return Form(f"one of {', '.join(names)}", lambda text: text in names)


def _is_seconds(text: str) -> bool:
    try:
        seconds = float(text)
    except ValueError:
        return False
    return isfinite(seconds) and 0 <= seconds <= _LONGEST_S


def _is_natural(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS


SECONDS = Form(f"a number of seconds from 0 to {_LONGEST_S:.0f}", _is_seconds)
MILLISECONDS = Form(
    f"a whole number of milliseconds from 0 to {_LONGEST_S:.0f}",
    lambda text: _is_natural(text) and int(text) <= _LONGEST_S,
)
WHOLE_SECONDS = Form("a whole number of seconds", _is_natural)
COUNT = Form(f"a whole number from 1 to {_MOST}", lambda text: _is_natural(text) and 1 <= int(text) <= _MOST)
CODE = Form("a code of three digits", lambda text: _is_natural(text) and int(text) in _CODES)
NUMBER = Form(
    "a phone number of 7 to 15 digits in international format, without +",
    lambda text: text.isascii() and text.isdecimal() and text[0] != "0" and len(text) in _NUMBER_DIGITS,
)
WORD = Form(
    "a word of letters, digits, - and _",
    lambda text: text.isascii() and text.replace("-", "").replace("_", "").isalnum() and len(text) <= 40,  # noqa: PLR2004 (a bound)
)
