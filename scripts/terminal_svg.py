"""Recorded screens as one SVG that plays them, over and over; where nothing may move it shows how they ended.

It refers to no font and no host, and needs no script. Characters keep their columns in whatever font there is.
"""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

from scripts.recording import Line, Span

_ACROSS, _DOWN = 7, 14  # a cell is twice as high as wide, so a QR code's modules are squares
_BASELINE = 10.5
_OVERLAP = 0.4  # else a seam is seen between the lines of a picture that is not shown in its own size
_MARGIN, _BAR, _GAP = 14, 28, 12
_KEY_S, _THINK_S, _LONGEST_WAIT_S, _LAST_LOOK_S = 0.03, 0.7, 0.9, 5.0
_BLOCKS = frozenset("█▀▄ ")
_CLASSES = {1: "bold", 2: "dim", 31: "red", 32: "green", 33: "yellow", 36: "cyan"}
_STYLE = """
text{font:11.6px ui-monospace,SFMono-Regular,"SF Mono",Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace;\
fill:#c9d1d9;white-space:pre}
.window{fill:#0d1117;stroke:#3d444d}.bar{fill:#21262d}.title{font-size:11px;fill:#8b949e;text-anchor:middle}
.bold{font-weight:bold;fill:#f0f6fc}.dim{fill:#8b949e}.red{fill:#ff7b72}.green{fill:#56d364}.yellow{fill:#e3b341}
.cyan{fill:#76e3ea}.prompt{fill:#79c0ff}.command{fill:#f0f6fc}.cover{opacity:0}.cover>:first-child{fill:#0d1117}
.cover>:last-child{fill:#c9d1d9}.dark{fill:#010409}.light{fill:#fff}
"""


class Window(NamedTuple):
    """A terminal's screen, what it is called, and its size in characters."""

    title: str
    columns: int
    rows: int
    lines: Sequence[Line]


class _Shown(NamedTuple):
    """A line with when it is seen, in seconds after the start of the play; a command is typed from one to another."""

    line: Line
    at: float
    typed: tuple[float, float] | None = None


def draw(windows: Sequence[Window], *, prompt: str, title: str) -> str:
    """Return the SVG: the windows one below the other; a line that begins with the prompt is typed."""
    shown, length_s = _schedule(windows, prompt)
    film = _Film(length_s)
    parts: list[str] = []
    top = 0.0
    for window, lines in zip(windows, shown, strict=True):
        height = _BAR + window.rows * _DOWN + _MARGIN
        parts += [
            f'<g transform="translate(0.5 {top + 0.5:g})">',
            *_window(window, lines, prompt, height, film),
            "</g>",
        ]
        top += height + _GAP
    across, down = _width(windows[0]) + 1, top - _GAP + 1
    size = f'viewBox="0 0 {across:g} {down:g}" width="{across:g}" height="{down:g}"'
    told = f"<title>{escape(title)}</title><desc>A recording; pauses are shortened.</desc>"
    still = "@media (prefers-reduced-motion:reduce){*{animation:none!important}}"
    style = f"<style>{_STYLE}{film.rules}{still}</style>"
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">', told, style, *parts, "</svg>", ""])


class _Film:
    """The rules by which things appear and move, in one loop."""

    def __init__(self, length_s: float) -> None:
        self.rules = ""
        self._length_s = length_s
        self._count = 0

    def appears(self, at: float) -> str:
        """Return the class of what is seen from a moment on."""
        return self._add(f"0%{{opacity:0}}{self._share(at)},to{{opacity:1}}")

    def scrolls(self, steps: Sequence[tuple[float, float]]) -> str:
        """Return the class of what moves up: so far, from when on."""
        moves = "".join(f"{self._share(at)}{{transform:translateY({-up:g}px)}}" for at, up in steps)
        return self._add(f"{moves}to{{transform:translateY({-steps[-1][1]:g}px)}}")

    def uncovers(self, typed: tuple[float, float], keys: int) -> str:
        """Return the class of what gives way to the right, key by key, and is gone then."""
        begin, end = (self._share(at) for at in typed)
        away = f"transform:translateX({keys * _ACROSS:g}px)"
        return self._add(
            f"0%{{opacity:1}}{begin}{{opacity:1;transform:none;animation-timing-function:steps({keys})}}"
            f"{end}{{opacity:1;{away};animation-timing-function:step-start}}to{{opacity:0;{away}}}"
        )

    def _share(self, at: float) -> str:
        return f"{100 * at / self._length_s:.2f}%"

    def _add(self, frames: str) -> str:
        self._count += 1
        name = f"k{self._count}"
        self.rules += (
            f"@keyframes {name}{{{frames}}}.{name}{{animation:{name} {self._length_s:g}s infinite step-end}}\n"
        )
        return name


def _schedule(windows: Sequence[Window], prompt: str) -> tuple[list[list[_Shown]], float]:
    """Return when each line is seen, and how long all of it takes: commands are typed, long waits are cut."""
    shown: list[list[_Shown]] = [[] for _ in windows]
    order = sorted(
        (line.at, number, at) for number, window in enumerate(windows) for at, line in enumerate(window.lines)
    )
    clock, before = 0.3, 0.0
    for at, number, index in order:
        line = windows[number].lines[index]
        keys = len(line.text) - len(prompt) if line.text.startswith(prompt) else 0
        if keys > 0:
            begin = clock + _THINK_S
            clock = begin + keys * _KEY_S
            last = shown[number][-1].at if shown[number] else 0.0
            shown[number].append(_Shown(line, last, (begin, clock)))
        else:
            clock += min(at - before, _LONGEST_WAIT_S)
            shown[number].append(_Shown(line, clock))
        before = at
    return shown, clock + _LAST_LOOK_S


def _window(window: Window, lines: Sequence[_Shown], prompt: str, height: float, film: _Film) -> Iterator[str]:
    width, name = _width(window), film.appears(0).replace("k", "clip")
    yield f'<rect class="window" width="{width:g}" height="{height:g}" rx="8"/>'
    corners = f"V8a7.5 7.5 0 0 1 7.5-7.5H{width - 8:g}a7.5 7.5 0 0 1 7.5 7.5V{_BAR - 4}z"
    yield f'<path class="bar" d="M.5 {_BAR - 4}{corners}"/>'
    for at, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        yield f'<circle cx="{16 + 16 * at}" cy="12.5" r="5" fill="{colour}"/>'
    yield f'<text class="title" x="{width / 2:g}" y="16.5">{escape(window.title)}</text>'
    yield f'<clipPath id="{name}"><path d="M0 0h{width - 2 * _MARGIN:g}v{window.rows * _DOWN:g}H0z"/></clipPath>'
    yield f'<g transform="translate({_MARGIN} {_BAR + 2})" clip-path="url(#{name})">'
    steps = [(0.0, 0.0)]
    for index, each in enumerate(lines):
        up = max(index + 1 - window.rows, 0) * _DOWN
        if up > steps[-1][1]:
            steps = [step for step in steps if step[0] < each.at] + [(each.at, up)]
    moving = f'class="{film.scrolls(steps)}" transform="translate(0 {-steps[-1][1]:g})"' if len(steps) > 1 else ""
    yield f"<g {moving}>"
    for at, together in groupby(enumerate(lines), lambda item: item[1].at):
        yield f'<g class="{film.appears(at)}">' if at else "<g>"
        for index, each in together:
            yield from _line(each, index * _DOWN, prompt, film)
        yield "</g>"
    yield "</g></g>"


def _line(shown: _Shown, top: float, prompt: str, film: _Film) -> Iterator[str]:
    if shown.line.text.startswith(prompt):
        command = shown.line.text.removeprefix(prompt)
        yield _text(prompt, 0, top, "prompt")
        yield _text(command, len(prompt), top, "command")
        if shown.typed is not None:
            place = f'x="{len(prompt) * _ACROSS:g}" y="{top:g}" height="{_DOWN:g}"'
            yield f'<g class="cover {film.uncovers(shown.typed, len(command))}">'
            yield f'<rect {place} width="{(len(command) + 1) * _ACROSS:g}"/><rect {place} width="{_ACROSS:g}"/></g>'
        return
    column = 0
    for span in shown.line.spans:
        if _BLOCKS.issuperset(span.text) and span.text.strip():
            yield from _picture(span, column, top)
        else:
            yield _text(span.text, column, top, " ".join(_CLASSES[code] for code in sorted(span.style)))
        column += len(span.text)


def _text(text: str, column: int, top: float, style: str) -> str:
    """Return text that is as wide as its columns, whatever the font."""
    words = text.strip(" ")
    if not words:
        return ""
    left = (column + len(text) - len(text.lstrip(" "))) * _ACROSS
    kind = f' class="{style}"' if style else ""
    width = f'textLength="{len(words) * _ACROSS:g}" lengthAdjust="spacingAndGlyphs"'
    return f'<text{kind} x="{left:g}" y="{top + _BASELINE:g}" {width}>{escape(words, quote=False)}</text>'


def _picture(span: Span, column: int, top: float) -> Iterator[str]:
    """Draw half blocks as areas: the glyphs of fonts leave gaps."""
    left = column * _ACROSS
    yield f'<path class="dark" d="M{left:g} {top:g}h{len(span.text) * _ACROSS:g}v{_DOWN:g}H{left:g}z"/>'
    areas: list[str] = []
    for filled, half in (("█▀", 0.0), ("█▄", _DOWN / 2)):
        at = 0
        for is_light, cells in groupby(span.text, lambda cell, filled=filled: cell in filled):  # type: ignore[misc]
            wide = len(list(cells))
            if is_light:
                across = wide * _ACROSS
                corner = f"M{left + at * _ACROSS:g} {top + half - _OVERLAP:g}"
                areas.append(f"{corner}h{across:g}v{_DOWN / 2 + _OVERLAP:g}h-{across:g}z")
            at += wide
    yield f'<path class="light" d="{"".join(areas)}"/>'


def _width(window: Window) -> float:
    return window.columns * _ACROSS + 2 * _MARGIN
