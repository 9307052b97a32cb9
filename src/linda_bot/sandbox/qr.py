"""Reading the QR code off a terminal, as a phone's camera would."""

import re

from linda_bot.kernel.errors import LindaError

_BLOCKS = {"█": (False, False), "▀": (False, True), "▄": (True, False), " ": (True, True)}
"""A character as its upper and lower module, True for dark; drawn in light on dark."""

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SMALLEST = 25
_SCALE = 4
_QUIET = 4
_WHITE, _BLACK = b"\xff", b"\x00"


class UnreadableQrError(LindaError):
    """There is no QR code in the text, or it cannot be read."""


def qr_from_terminal(screen: str) -> str:
    """Return the text of the last QR code that was drawn on a screen; raises UnreadableQrError."""
    picture = _last_picture(screen)
    if not picture:
        message = "there is no QR code on the screen"
        raise UnreadableQrError(message)
    import zxingcpp

    found = zxingcpp.read_barcode(_render(picture))
    if found is None or not found.text:
        message = "the QR code on the screen cannot be read"
        raise UnreadableQrError(message)
    return str(found.text)


def _last_picture(screen: str) -> list[str]:
    """Return the lines of the last complete picture: alike in width, of block characters only."""
    pictures: list[list[str]] = [[]]
    for line in _ESCAPE.sub("", screen).splitlines():
        part = pictures[-1]
        if len(line) < _SMALLEST or not set(line) <= _BLOCKS.keys():
            if part:
                pictures.append([])
        elif part and len(part[0]) != len(line):
            pictures.append([line])
        else:
            part.append(line)
    # A picture that is still being drawn has fewer lines than half its width.
    whole = [part for part in pictures if part and 2 * len(part) >= len(part[0])]
    return whole[-1] if whole else []


def _render(lines: list[str]) -> memoryview:
    """Return a greyscale picture, several pixels a module, with a quiet zone."""
    rows = [[_BLOCKS[char][half] for char in line] for line in lines for half in (0, 1)]
    width = (len(rows[0]) + 2 * _QUIET) * _SCALE
    margin = _WHITE * (width * _QUIET * _SCALE)
    side = _WHITE * (_QUIET * _SCALE)
    picture = [margin]
    for row in rows:
        pixels = b"".join((_BLACK if dark else _WHITE) * _SCALE for dark in row)
        picture.append((side + pixels + side) * _SCALE)
    picture.append(margin)
    data = b"".join(picture)
    return memoryview(data).cast("B", (len(data) // width, width))
