"""A line for a person, and the words that it is made of; pure."""

from typing import NamedTuple

from linda_bot.kernel.ansi import BOLD, DIM, GREEN, RED, RESET, YELLOW
from linda_bot.kernel.spans import span

__all__ = ["BOLD", "DIM", "GREEN", "RED", "RESET", "YELLOW", "Line", "span"]


class Line(NamedTuple):
    """A line for a person."""

    text: str
    style: str = ""
