"""What somebody wrote, whoever that was, as it may stand on a page: one harmless line of a bounded size; pure."""

from collections.abc import Iterator
from itertools import accumulate

from markupsafe import escape

from linda_bot.kernel.masking import mask_line, printable

SHORT, USUAL, LONG = 80, 240, 480
"""Bytes of HTML."""

_DEAREST = 5
"""Bytes of HTML that a letter makes at most: a quotation mark."""

_BEYOND = 100
"""How many letters more than bytes are looked at."""


def fit(text: str, most: int = USUAL, *, show_numbers: bool = True) -> str:
    """Return a text that makes at most so many bytes of HTML, plus an ellipsis where it is cut."""
    # Before it is masked, nothing is cut but what is much too long: a number's beginning would be no number.
    shown = printable(text, most + _BEYOND)
    if not show_numbers:
        shown = mask_line(shown)
    if len(shown) * _DEAREST <= most or _size(shown) <= most:
        return shown
    return f"{shown[: sum(1 for size in _sizes(shown) if size <= most)]}…"


def _sizes(text: str) -> Iterator[int]:
    """Yield how much HTML a text makes up to each of its letters."""
    return accumulate(map(_size, text))


def _size(text: str) -> int:
    return len(str(escape(text)).encode(errors="replace"))
