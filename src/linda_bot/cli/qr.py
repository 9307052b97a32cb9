"""QR codes for a terminal, and as a picture."""

import io
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import write_atomic

if TYPE_CHECKING:
    from qrcode.main import QRCode

_BORDER = 2
_PICTURE_BORDER = 4
_HALVES = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
"""A pair of modules, upper and lower, True for dark, drawn in light on dark."""

_BLACK_ON_WHITE = "\x1b[97;40m"
_RESET = "\x1b[0m"


def qr_lines(text: str, *, colours: bool) -> list[str]:
    """Draw a QR code, two modules a character.

    With colours it is black and white whatever the terminal's theme is; without, it expects a dark background.
    """
    lines = half_blocks(_code(text, border=_BORDER).get_matrix())
    return [f"{_BLACK_ON_WHITE}{line}{_RESET}" for line in lines] if colours else lines


class QrFile:
    """A PNG of the code that is just valid, for phones that cannot see the terminal; whoever reads it can link."""

    def __init__(self, path: Path) -> None:
        """Take where it goes; raises UsageError when nothing can be written there."""
        self._path = path
        if not path.parent.is_dir() or path.is_dir():
            message = f"the QR code cannot be written to {path}: name a file in a directory that exists"
            raise UsageError(message)

    def show(self, text: str) -> None:
        """Write the picture; only its owner can read it. Raises OSError."""
        picture = io.BytesIO()
        _code(text, border=_PICTURE_BORDER).make_image().save(picture)
        write_atomic(self._path, picture.getvalue())

    def remove(self) -> None:
        """Take the picture away: its code is of no use any more."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _code(text: str, *, border: int) -> "QRCode[Any]":
    from qrcode.constants import ERROR_CORRECT_L
    from qrcode.main import QRCode

    code: QRCode[Any] = QRCode(error_correction=ERROR_CORRECT_L, border=border)
    code.add_data(text)
    code.make(fit=True)
    return code


def half_blocks(modules: Sequence[Sequence[bool | None]]) -> list[str]:
    """Draw two rows of modules as one line of half blocks; a missing last row is light."""
    rows = [[bool(module) for module in row] for row in modules]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    return [
        "".join(_HALVES[upper, lower] for upper, lower in zip(rows[at], rows[at + 1], strict=True))
        for at in range(0, len(rows), 2)
    ]
