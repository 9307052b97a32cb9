"""Charts as inline SVG, with colours and sizes from the style sheet, and the same in words; pure.

A strip's cells differ in shape as well as in colour. Both kinds are stretched to whatever width there is.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup

from linda_bot.app.status_words import CELLS
from linda_bot.health.stats import Cell

_CELL, _GAP, _TALL = 10, 1, 24
"""A cell of a strip, of which a part is left free, in units of the picture."""

_SHAPES = {
    Cell.UP: ((0, _TALL),),
    Cell.PARTLY: ((10, _TALL - 10),),
    Cell.DOWN: ((0, 9), (_TALL - 9, 9)),
    Cell.OFF: ((_TALL - 3, 3),),
}
"""From where to how far down, for each piece of a cell."""

WIDE, HIGH = 480, 96
"""The size of a curve's picture."""

_GAP_SHARE = 1 / 24
"""A curve has a hole where nothing is known for so much of its time."""


class Place(NamedTuple):
    """A point of a curve."""

    when: float
    """0 at the left end of the chart, 1 at the right one."""
    value: float


def strip(cells: Sequence[Cell], words: str) -> Markup:
    """Return a row of cells; the words say the same to those who do not see it."""
    shapes = Markup("").join(
        Markup('<path class="cell-{}" d="{}"/>').format(kind.value, _outline(cells, kind))
        for kind in _SHAPES
        if kind in cells
    )
    width = max(len(cells), 1) * _CELL
    return Markup(
        '<svg class="strip" role="img" viewBox="0 0 {} {}" preserveAspectRatio="none"><title>{}</title>{}</svg>'
    ).format(width, _TALL, words, shapes)


def key(cell: Cell) -> Markup:
    """Return what a cell looks like, for a legend."""
    return Markup(
        '<svg class="key" viewBox="0 0 {} {}" aria-hidden="true"><path class="cell-{}" d="{}"/></svg>'
    ).format(_CELL, _TALL, cell.value, _outline((cell,), cell))


def curve(places: Sequence[Place], *, top: float, title: str, words: str) -> Markup:
    """Return a curve of values from 0 to `top`; the words say what it shows to those who do not see it."""
    lines = [_spread(run) for run in _runs(places)]
    path = " ".join("M" + "L".join(f"{x:g} {y:g}" for x, y in _drawn(run, top)) for run in lines)
    area = " ".join(
        f"M{drawn[0][0]:g} {HIGH}L{'L'.join(f'{x:g} {y:g}' for x, y in drawn)}L{drawn[-1][0]:g} {HIGH}Z"
        for run in lines
        if (drawn := _drawn(run, top))
    )
    return Markup(
        '<svg class="curve" role="img" viewBox="0 0 {wide} {high}" preserveAspectRatio="none">'
        "<title>{title}</title><desc>{words}</desc>"
        '<path class="half" d="M0 {middle}H{wide}"/>'
        '<path class="area" d="{area}"/><path class="line" d="{path}"/></svg>'
    ).format(wide=WIDE, high=HIGH, middle=HIGH // 2, title=title, words=words, area=area, path=path)


def ceiling(most: float) -> float:
    """Return a round figure above a value, so that half of it is round as well."""
    if not math.isfinite(most) or most <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(most))
    return next((step * size for step in (1, 2, 4, 6, 8) if step * size >= most), 10 * size)


def in_words(cells: Sequence[Cell], since: datetime, each: timedelta) -> str:
    """Return what a strip shows: what it is for the most part, and when it is anything else."""
    known = [cell for cell in cells if cell is not Cell.TO_COME]
    if not known:
        return "nothing is known yet"
    usual = max(dict.fromkeys(known), key=known.count)
    others, number = [], 0
    for cell, run in groupby(cells):
        begin, number = number, number + len(list(run))
        if cell not in (usual, Cell.TO_COME):
            others.append(f"{CELLS[cell]} from {since + begin * each:%H:%M} to {since + number * each:%H:%M}")
    most_at_once = 8
    if len(others) > most_at_once:
        others = [*others[: most_at_once - 1], f"and {len(others) - most_at_once + 1} times more something else"]
    return "; ".join([CELLS[usual], *others])


def _outline(cells: Sequence[Cell], kind: Cell) -> str:
    pieces = (
        f"M{number * _CELL} {top}h{_CELL - _GAP}v{height}h-{_CELL - _GAP}z"
        for number, cell in enumerate(cells)
        if cell is kind
        for top, height in _SHAPES[kind]
    )
    return "".join(pieces)


def _runs(places: Sequence[Place]) -> Iterator[list[Place]]:
    """Yield the pieces of a curve between its holes, from left to right."""
    run: list[Place] = []
    fit = [
        place for place in places if math.isfinite(place.when) and math.isfinite(place.value) and 0 <= place.when <= 1
    ]
    for place in sorted(fit):
        if run and place.when - run[-1].when > _GAP_SHARE:
            yield run
            run = []
        run.append(place)
    if run:
        yield run


def _spread(run: list[Place]) -> list[Place]:
    """Return a run that can be seen: of a single point a short line."""
    if len(run) > 1:
        return run
    return [run[0], Place(min(run[0].when + 1 / WIDE * 2, 1.0), run[0].value)]


def _drawn(run: Sequence[Place], top: float) -> list[tuple[float, float]]:
    high = top if math.isfinite(top) and top > 0 else 1.0
    return [
        (round(place.when * WIDE, 1), round(HIGH - min(max(place.value / high, 0.0), 1.0) * (HIGH - 3), 1))
        for place in run
    ]
