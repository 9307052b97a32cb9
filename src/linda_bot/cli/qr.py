"""QR codes for a terminal."""

from collections.abc import Sequence

_BORDER = 2
_HALVES = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
"""A pair of modules, upper and lower, True for dark, drawn in light on dark."""

_BLACK_ON_WHITE = "\x1b[97;40m"
_RESET = "\x1b[0m"


def qr_lines(text: str, *, colours: bool) -> list[str]:
    """Draw a QR code, two modules a character.

    With colours it is black and white whatever the terminal's theme is; without, it expects a dark background.
    """
    from qrcode.constants import ERROR_CORRECT_L
    from qrcode.main import QRCode

    code: QRCode[object] = QRCode(error_correction=ERROR_CORRECT_L, border=_BORDER)
    code.add_data(text)
    code.make(fit=True)
    lines = half_blocks(code.get_matrix())
    return [f"{_BLACK_ON_WHITE}{line}{_RESET}" for line in lines] if colours else lines


def half_blocks(modules: Sequence[Sequence[bool | None]]) -> list[str]:
    """Draw two rows of modules as one line of half blocks; a missing last row is light."""
    rows = [[bool(module) for module in row] for row in modules]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    return [
        "".join(_HALVES[upper, lower] for upper, lower in zip(rows[at], rows[at + 1], strict=True))
        for at in range(0, len(rows), 2)
    ]
