"""Splitting what a person types into words; pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

# A quotation mark counts where a word begins, and its partner where one ends: "don't" is a plain word. Phones like to
# type curly ones. What a mark encloses never has its opener in it, so that no text makes the search start again often.
_WORD = r"""
    "(?P<straight>(?:[^"\\]|\\.)*)"(?!\S)
    | '(?P<single>(?:[^'\\]|\\.)*)'(?!\S)
    | “(?P<curly>[^“”]*)”(?!\S)
    | „(?P<low>[^„“”]*)[“”](?!\S)
    | ‘(?P<curly_single>[^‘’]*)’(?!\S)
    | «(?P<angled>[^«»]*)»(?!\S)
    | (?P<plain>\S+)
    """
_ESCAPED = re.compile(r"\\([\\\"'])")


class Word(NamedTuple):
    """A word, without its quotation marks."""

    text: str
    end: int
    """Where in the text it ends."""


def words_of(text: str) -> Iterator[Word]:
    r"""Yield the words; quotation marks around several make them one, and `\"` stands for the mark itself.

    A mark without its partner is a letter like others.
    """
    for found in re.finditer(_WORD, text, re.VERBOSE | re.DOTALL):  # compiled with its first use
        name = found.lastgroup or "plain"
        word = found[name]
        yield Word(_ESCAPED.sub(r"\1", word) if name in {"straight", "single"} else word, found.end())


def split_command(text: str, prefix: str) -> tuple[str, str]:
    """Return a command's name in lower case and the rest; two empty texts when it is no command."""
    if not text.startswith(prefix):
        return "", ""
    word, *rest = text.removeprefix(prefix).split(maxsplit=1) or [""]
    return word.lower(), "".join(rest).strip()
