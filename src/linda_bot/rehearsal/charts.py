"""Charts of a run as inline SVG; colours come from the page's style sheet. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

_ROW, _BAR, _TOP = 22, 14, 6
_LABEL, _WIDE, _VALUE = 190, 380, 90
_HIGH, _LEFT, _FOOT = 150, 56, 22
_FEWEST = 2
_FAR = 3
"""A bound so many times above the longest bar is not drawn: it would leave no room for the bars."""


class Bar(NamedTuple):
    """A measurement with what it belongs to."""

    label: str
    value: float
    words: str


def bars(rows: Sequence[Bar], title: str, *, bound: float) -> Markup:
    """Return horizontal bars from zero; a bound is drawn as a line unless it is far off."""
    longest = max((row.value for row in rows), default=0) or 1.0
    near = bound <= longest * _FAR
    scale = max(longest, bound if near else 0.0)
    high = _TOP * 2 + _ROW * len(rows) + (_FOOT if near else 0)
    drawn = Markup("").join(_bar(row, place, scale) for place, row in enumerate(rows))
    if near:
        at = _LABEL + _WIDE * bound / scale
        drawn += Markup(
            '<line class="bound" x1="{0:.1f}" y1="0" x2="{0:.1f}" y2="{1}"/>'
            '<text class="note" x="{0:.1f}" y="{2}" text-anchor="end">target</text>'
        ).format(at, high - _FOOT + 4, high - 4)
    return _picture(title, _LABEL + _WIDE + _VALUE, high, drawn)


def curve(points: Sequence[tuple[float, float]], title: str, *, unit: str) -> Markup:
    """Return a curve of (seconds, value) with its lowest, highest and last values; empty for less than two points."""
    if len(points) < _FEWEST:
        return Markup("")
    begin, end = points[0][0], points[-1][0]
    top = max(value for _, value in points) * 1.1 or 1.0
    wide = _LABEL + _WIDE + _VALUE - _LEFT - 10

    def place(at_s: float, value: float) -> tuple[float, float]:
        share = (at_s - begin) / ((end - begin) or 1.0)
        return _LEFT + wide * share, _TOP + _HIGH * (1 - value / top)

    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
    grid = Markup("").join(
        Markup(
            '<line class="grid" x1="{0}" y1="{1:.1f}" x2="{2}" y2="{1:.1f}"/>'
            '<text class="note" x="{3}" y="{4:.1f}" text-anchor="end">{5:.0f} {6}</text>'
        ).format(_LEFT, y, _LEFT + wide, _LEFT - 6, y + 4, value, unit)
        for value in (0.0, top / 2, top)
        for _, y in (place(begin, value),)
    )
    foot = Markup(
        '<text class="note" x="{}" y="{}">0 s</text><text class="note" x="{}" y="{}" text-anchor="end">{:.0f} s</text>'
    ).format(_LEFT, _TOP + _HIGH + 16, _LEFT + wide, _TOP + _HIGH + 16, end - begin)
    line = Markup('<polyline class="curve" points="{}"/>').format(path)
    return _picture(title, _LABEL + _WIDE + _VALUE, _TOP + _HIGH + _FOOT, grid + line + foot)


def _bar(row: Bar, place: int, scale: float) -> Markup:
    y = _TOP + place * _ROW
    width = max(_WIDE * row.value / scale, 1.0)
    return Markup(
        '<text class="label" x="{0}" y="{1}" text-anchor="end">{2}</text>'
        '<rect class="bar" x="{3}" y="{4}" width="{5:.1f}" height="{6}" rx="2"/>'
        '<text class="value" x="{7:.1f}" y="{1}">{8}</text>'
    ).format(_LABEL - 8, y + _BAR - 2, row.label, _LABEL, y, width, _BAR, _LABEL + width + 6, row.words)


def _picture(title: str, wide: float, high: float, drawn: Markup) -> Markup:
    return Markup('<svg role="img" viewBox="0 0 {} {}"><title>{}</title>{}</svg>').format(wide, high, title, drawn)
