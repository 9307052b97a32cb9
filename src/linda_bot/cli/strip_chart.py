"""The chart of the link in a terminal: a row a day, a character an hour or half of one; pure."""

from collections.abc import Sequence
from typing import NamedTuple

from linda_bot.app.status_words import CELLS
from linda_bot.health.stats import Cell, Day
from linda_bot.kernel.amounts import percent

HALF_HOURS_FROM = 72
"""How many columns a chart of half hours needs; below, it is one of hours."""

_LABEL = 11
_LOOKS = {
    Cell.UP: ("█", "#", "green"),
    Cell.PARTLY: ("▄", "+", "yellow"),
    Cell.DOWN: ("x", "x", "red"),
    Cell.OFF: ("·", ".", "dim"),
    Cell.TO_COME: (" ", " ", ""),
}
"""As a block, in ASCII, and in which colour: each tells by itself what it means."""
BLOCKS = "".join(block for block, _, _ in _LOOKS.values())
"""What must be printable for a chart with blocks."""


class Piece(NamedTuple):
    """A text in one colour."""

    text: str
    style: str = ""


def chart_lines(days: Sequence[Day], *, blocks: bool) -> list[list[Piece]]:
    """Return the lines of a chart: the hours, the days, the legend."""
    per_hour = len(days[0].cells) // 24 if days else 1
    hours = "".join(f"{hour:<{6 * per_hour}}" for hour in (0, 6, 12, 18))
    lines = [[Piece(" " * _LABEL), Piece(hours.rstrip(), "dim")]]
    lines += [_row(day, blocks=blocks) for day in days]
    legend = [Piece(" " * _LABEL)]
    for cell, meaning in CELLS.items():
        block, plain, style = _LOOKS[cell]
        legend += [Piece(block if blocks else plain, style), Piece(f" {meaning}   ")]
    legend[-1] = Piece(legend[-1].text.rstrip())
    return [*lines, [], legend]


def cells_of(day: Day, *, blocks: bool) -> list[Piece]:
    """Return the cells of a row, neighbours that look the same in one piece."""
    pieces: list[Piece] = []
    for cell in day.cells:
        block, plain, style = _LOOKS[cell]
        character = block if blocks else plain
        if pieces and pieces[-1].style == style:
            pieces[-1] = Piece(pieces[-1].text + character, style)
        else:
            pieces.append(Piece(character, style))
    return pieces


def _row(day: Day, *, blocks: bool) -> list[Piece]:
    label = Piece(f"{day.midnight:%a %d %b} "[:_LABEL].ljust(_LABEL))
    return [label, *cells_of(day, blocks=blocks), Piece(f"  {percent(day.up_share):>7}")]
