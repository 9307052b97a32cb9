"""Curves over time as SVG files that need nothing beside them, for light and dark pages; pure."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

_WIDE, _HIGH = 900, 400
_LEFT, _RIGHT, _FOOT = 64, 20, 46
_MARGIN, _TITLE_Y, _LEGEND_Y, _ROW = 20, 28, 54, 20
_BELOW_LEGEND = 30
"""What is written at the marks stands there."""
_LETTER = 7.2
"""How wide a letter of the legend is, about."""
_MOST_POINTS = 500
_FEW_TICKS = 5
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_ROOM = 1.08

_STYLE = """
svg { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; }
.paper { fill: #ffffff; } .title { fill: #1b1f24; font-size: 16px; font-weight: 600; }
.word, .tick { fill: #57606a; } .tick { font-size: 12px; } .mark { fill: #8c6d1f; font-size: 11px; }
.grid { stroke: #d8dee4; stroke-width: 1; } .axis { stroke: #8c959f; stroke-width: 1; }
.event { stroke: #bf8700; stroke-width: 1; stroke-dasharray: 2 3; opacity: .7; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
.c0 { stroke: #0969da; } .c1 { stroke: #bc4c00; } .c2 { stroke: #1a7f37; } .c3 { stroke: #8250df; }
.c4 { stroke: #bf3989; } .c5 { stroke: #6e7781; } .c6 { stroke: #9a6700; } .c7 { stroke: #1b7c83; }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117; } .title { fill: #e6edf3; } .word, .tick { fill: #9aa4af; } .mark { fill: #d4a72c; }
.grid { stroke: #262c34; } .axis { stroke: #6e7681; } .event { stroke: #d4a72c; }
.c0 { stroke: #58a6ff; } .c1 { stroke: #f0883e; } .c2 { stroke: #3fb950; } .c3 { stroke: #bc8cff; }
.c4 { stroke: #f778ba; } .c5 { stroke: #8b949e; } .c6 { stroke: #d29922; } .c7 { stroke: #39c5cf; }
}
"""
_COLOURS = 8

Point = tuple[float, float]


class Line(NamedTuple):
    """A series with its name; it is drawn in pieces, because between two processes there is nothing."""

    name: str
    pieces: Sequence[Sequence[Point]]


class Mark(NamedTuple):
    """A moment at which something happened."""

    at: float
    word: str


class _Scale(NamedTuple):
    """From values to places on the picture."""

    low: float
    high: float
    begin: float
    end: float
    is_log: bool = False

    def place(self, value: float) -> float:
        """Return where a value is drawn."""
        value, low, high = max(value, self.low), self.low, self.high
        if self.is_log:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        share = (value - low) / ((high - low) or 1.0)
        return self.begin + (self.end - self.begin) * share


def plot(
    title: str,
    lines: Sequence[Line],
    *,
    time: str,
    until: float,
    marks: Sequence[Mark] = (),
    log_from: float = 0.0,
    tick: Callable[[float], str] = "{:,g}".format,
) -> Markup:
    """Return a picture of lines from 0 to `until` on the axis of time; one without points has axes only.

    With `log_from` the values' axis is logarithmic and begins there; what is less is drawn on the axis. `tick` words a
    value of that axis.
    """
    values = [value for line in lines for piece in line.pieces for _, value in piece]
    legend, rows = _legend(lines)
    top, bottom = _LEGEND_Y + rows * _ROW + _BELOW_LEGEND - _ROW, _HIGH - _FOOT
    across = _Scale(0.0, until or 1.0, _LEFT, _WIDE - _RIGHT)
    if log_from:
        powers = max(math.ceil(math.log10(max([*values, log_from]) / log_from)), 1)
        ticks = [log_from * 10**power for power in range(powers + 1)]
        up = _Scale(log_from, ticks[-1], bottom, top, is_log=True)
    else:
        up = _Scale(0.0, max(values, default=1.0) * _ROOM or 1.0, bottom, top)
        ticks = nice_ticks(up.high)
    parts = [
        Markup('<rect class="paper" width="{}" height="{}" rx="6"/>').format(_WIDE, _HIGH),
        Markup('<text class="title" x="{}" y="{}">{}</text>').format(_MARGIN, _TITLE_Y, title),
        *legend,
        *_axes(across, up, [(value, tick(value)) for value in ticks], time),
        *_events(marks, across, up),
        *(
            Markup('<path class="line c{}" d="{}"/>').format(number % _COLOURS, path)
            for number, line in enumerate(lines)
            if (path := _path(line, across, up))
        ),
    ]
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {0} {1}" width="{0}" height="{1}">'
        "<title>{2}</title><style>{3}</style>{4}</svg>\n"
    ).format(_WIDE, _HIGH, title, Markup(_STYLE), Markup("\n").join(parts))


def nice_ticks(high: float, few: int = _FEW_TICKS) -> list[float]:
    """Return round values from zero up to a value, about so many."""
    if high <= 0 or not math.isfinite(high):
        return [0.0]
    rough = high / few
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in _STEPS if each * power >= rough * 0.999)
    return [number * step for number in range(int(high / step * 1.0001) + 1)]


def thinned(piece: Sequence[Point], at_most: int) -> list[Point]:
    """Return a piece with about so many points; of those that go together the lowest and the highest stay."""
    size = -(-len(piece) * 2 // max(at_most, 2))
    if len(piece) <= at_most:
        return list(piece)
    kept: list[Point] = []
    for at in range(0, len(piece), size):
        group = piece[at : at + size]
        ends = {min(group, key=lambda point: point[1]), max(group, key=lambda point: point[1])}
        kept += sorted(ends)
    return kept


def _legend(lines: Sequence[Line]) -> tuple[list[Markup], int]:
    """Return the names with their colours, and in how many rows they are."""
    drawn, at, row = [], float(_MARGIN), 0
    for number, line in enumerate(lines):
        wide = 24 + len(line.name) * _LETTER
        if at + wide > _WIDE - _RIGHT and at > _MARGIN:
            at, row = float(_MARGIN), row + 1
        y = _LEGEND_Y + row * _ROW
        drawn.append(
            Markup(
                '<line class="line c{0}" x1="{1:.0f}" y1="{2}" x2="{3:.0f}" y2="{2}"/>'
                '<text class="word" x="{4:.0f}" y="{5}">{6}</text>'
            ).format(number % _COLOURS, at, y - 4, at + 18, at + 24, y, line.name)
        )
        at += wide + 18
    return drawn, row + 1


def _axes(across: _Scale, up: _Scale, ticks: Sequence[tuple[float, str]], time: str) -> Iterator[Markup]:
    for value, word in ticks:
        yield Markup(
            '<line class="grid" x1="{0}" y1="{1:.1f}" x2="{2}" y2="{1:.1f}"/>'
            '<text class="tick" x="{3}" y="{4:.1f}" text-anchor="end">{5}</text>'
        ).format(_LEFT, up.place(value), _WIDE - _RIGHT, _LEFT - 8, up.place(value) + 4, word)
    yield Markup('<line class="axis" x1="{0}" y1="{1}" x2="{2}" y2="{1}"/>').format(_LEFT, up.begin, _WIDE - _RIGHT)
    for value in nice_ticks(across.high, 8):
        yield Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{:,g}</text>').format(
            across.place(value), up.begin + 18, value
        )
    yield Markup('<text class="word" x="{}" y="{}" text-anchor="end">{}</text>').format(
        _WIDE - _RIGHT, up.begin + 38, time
    )


def _events(marks: Sequence[Mark], across: _Scale, up: _Scale) -> Iterator[Markup]:
    for mark in marks:
        x = across.place(mark.at)
        # Of two that are close together the sooner one is written to the left, else they would overlap.
        to_left = any(0 < other.at - mark.at < across.high / 10 for other in marks)
        side, anchor = (-3, "end") if to_left else (3, "start")
        yield Markup(
            '<line class="event" x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2}"/>'
            '<text class="mark" x="{3:.1f}" y="{1}" text-anchor="{4}">{5}</text>'
        ).format(x, up.end - 6, up.begin, x + side, anchor, mark.word)


def _path(line: Line, across: _Scale, up: _Scale) -> str:
    points = sum(len(piece) for piece in line.pieces)
    found = []
    for piece in line.pieces:
        kept = thinned(piece, max(_MOST_POINTS * len(piece) // (points or 1), 2))
        if kept:
            places = [f"{across.place(at):.1f},{up.place(value):.1f}" for at, value in kept]
            # A line of no length is drawn as a dot, because its ends are round.
            found.append("M" + "L".join(places if len(places) > 1 else places * 2))
    return "".join(found)
