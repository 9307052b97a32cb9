"""A QR code as a picture in a page; pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from markupsafe import Markup

from linda_bot.kernel.qr_code import qr_code

Modules = Sequence[Sequence[bool]]
"""Rows from above, True for dark; without a border."""

QUIET = 4
"""How wide the light margin must be that readers look for, in modules."""

_PICTURE = Markup(
    '<svg class="qr" role="img" aria-label="{label}" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
    '<rect width="{side}" height="{side}" fill="#fff"/><path fill="none" stroke="#000" d="{path}"/></svg>'
)
"""Its colours are its own: a light code on a dark page is one that many phones do not read."""


def modules_of(text: str) -> Modules:
    """Return the QR code of a text."""
    return [[bool(module) for module in row] for row in qr_code(text, border=0).get_matrix()]


def svg_of(modules: Modules, *, label: str) -> Markup:
    """Draw a QR code dark on light, with a margin; `label` is what is said to those who do not see it."""
    return _PICTURE.format(label=label, side=len(modules) + 2 * QUIET, path="".join(_strokes(modules)))


def _strokes(modules: Modules) -> Iterator[str]:
    """Yield the rows as lines that are one module thick: half as long as what rectangles would take."""
    for y, row in enumerate(modules, start=QUIET):
        runs = [(dark, len(tuple(run))) for dark, run in groupby(row)]
        if any(dark for dark, _ in runs):
            yield f"M{QUIET} {y}.5"
            yield from (f"h{length}" if dark else f"m{length} 0" for dark, length in runs)
