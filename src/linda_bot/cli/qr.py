"""QR codes for a terminal, and as a picture."""

import io
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import write_atomic
from linda_bot.kernel.qr_code import qr_code

_BORDER = 2
_PICTURE_BORDER = 4
_PNG = b"\x89PNG\r\n\x1a\n"
_HALVES = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
"""A pair of modules, upper and lower, True for dark, drawn in light on dark."""

_BLACK_ON_WHITE = "\x1b[97;40m"
_RESET = "\x1b[0m"
_LIGHT, _DARK = "##", "  "


def qr_lines(text: str, *, colours: bool, blocks: bool = True) -> list[str]:
    """Draw a QR code: two modules a character, or, for a screen that has no block characters, two characters a module.

    With colours it is black and white whatever the terminal's theme is; without, it expects a dark background.
    """
    matrix = qr_code(text, border=_BORDER).get_matrix()
    if not blocks:
        return [_plain_line(row, colours=colours) for row in matrix]
    lines = half_blocks(matrix)
    return [f"{_BLACK_ON_WHITE}{line}{_RESET}" for line in lines] if colours else lines


def _plain_line(row: Sequence[bool | None], *, colours: bool) -> str:
    if not colours:
        return "".join(_DARK if module else _LIGHT for module in row)
    return "".join(("\x1b[40m" if module else "\x1b[107m") + _DARK for module in row) + _RESET


class QrFile:
    """A PNG of the code that is just valid, for phones that cannot see the terminal; whoever reads it can link."""

    def __init__(self, path: Path) -> None:
        """Take where it goes; raises UsageError when nothing can be written there, or something else would be lost."""
        self._path = path
        self._written = False
        if not path.parent.is_dir() or path.is_dir():
            message = f"the QR code cannot be written to {path}: name a file in a directory that exists"
            raise UsageError(message)
        if path.exists() and not path.is_symlink() and not _is_picture(path):
            message = f"the QR code is not written to {path}: there is something else; name a new file, or a PNG"
            raise UsageError(message)

    def show(self, text: str) -> None:
        """Write the picture, which only its owner can read; a link is replaced, not followed. Raises OSError."""
        picture = io.BytesIO()
        qr_code(text, border=_PICTURE_BORDER).make_image().save(picture)
        write_atomic(self._path, picture.getvalue())
        self._written = True

    def remove(self) -> None:
        """Take the picture away, if there is one of ours: its code is of no use any more."""
        if self._written:
            self._written = False
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


def _is_picture(path: Path) -> bool:
    """Return whether it is a PNG, such as a killed bot leaves, or an empty file."""
    if not path.is_file():  # reading a pipe or a device might never end
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_PNG)) in (_PNG, b"")
    except OSError:
        return False


def half_blocks(modules: Sequence[Sequence[bool | None]]) -> list[str]:
    """Draw two rows of modules as one line of half blocks; a missing last row is light."""
    rows = [[bool(module) for module in row] for row in modules]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    return [
        "".join(_HALVES[upper, lower] for upper, lower in zip(rows[at], rows[at + 1], strict=True))
        for at in range(0, len(rows), 2)
    ]
