"""What a person gives to `linda-bot sandbox scan`: the text of a QR code, a picture of one, a copied screen."""

import io
import os
import select
import stat
from pathlib import Path

from linda_bot.cli.output import say
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.masking import printable

_LARGEST_PICTURE = 20 * 1024 * 1024
_MOST_PIXELS = 50_000_000
_LARGEST_SCREEN = 1024 * 1024
"""Of a longer one the end is read: the last code counts."""
_LONGEST_CODE = 2000
_QUIET_S = 0.3
_CHUNK = 65536
_STDIN = 0
_PICTURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}
_BLOCK = "█"


def qr_text_from(what: str) -> str:
    """Return the text of the QR code that is meant: the text itself, a file, or `-` for what comes on stdin.

    A stream that goes on, like the screen of a bot that runs, is read until there is a code on it. Raises UsageError.
    """
    if _is_code(what):
        return what
    name = "what came on stdin" if what == "-" else printable(what, 200)
    try:
        if what == "-":
            return _from_stream(_STDIN, name)
        path = Path(what)
        if not path.exists():
            raise UsageError(
                f"{name} is neither a file nor the text of a QR code; give the text (2@...), a picture of the code, "
                "or a file with the bot's screen"
            )
        with path.open("rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return _from_stream(file.fileno(), name)
            return _decode(_tail(file), name)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise UsageError(f"{name} cannot be read: {reason}; give a picture or a file with the bot's screen") from None


def _tail(file: io.FileIO) -> bytes:
    """Return a picture, or the end of a text."""
    size = os.fstat(file.fileno()).st_size
    if not _picture_format(file.read(16)):
        file.seek(max(size - _LARGEST_SCREEN, 0))
        return file.read(_LARGEST_SCREEN)
    if size > _LARGEST_PICTURE:
        raise UsageError(f"the picture is too large: {size} bytes; {_LARGEST_PICTURE} are enough")
    file.seek(0)
    return file.read(_LARGEST_PICTURE)


def _from_stream(descriptor: int, name: str) -> str:
    """Read until there is a code, or the end."""
    if os.isatty(descriptor):
        say("Paste the text of the code, or the screen with it; Ctrl+D ends.")
    data = b""
    while True:
        if len(data) > _LARGEST_PICTURE:
            raise UsageError(f"{name} is too long and has no QR code in its first {_LARGEST_PICTURE} bytes")
        ready, _, _ = select.select([descriptor], [], [], _QUIET_S if data else None)
        if ready:
            chunk = os.read(descriptor, _CHUNK)
            if not chunk:
                return _decode(data, name)
            data += chunk
        elif not _picture_format(data):  # whoever writes has paused: perhaps for the scan
            try:
                return _decode(data, name)
            except UsageError:
                select.select([descriptor], [], [])


def _decode(data: bytes, name: str) -> str:
    from linda_bot.sandbox.qr import UnreadableQrError, qr_from_terminal

    kind = _picture_format(data)
    if kind:
        return _from_picture(data, kind, name)
    text = data[-_LARGEST_SCREEN:].decode(errors="replace")
    if _is_code(text.strip()):
        return text.strip()
    try:
        found = qr_from_terminal(text)
    except UnreadableQrError:
        raise UsageError(_why_unreadable(text, name)) from None
    if not _is_code(found):
        raise UsageError(f"the QR code in {name} is not one of WhatsApp's; scan the one that the bot shows")
    return found


def _why_unreadable(text: str, name: str) -> str:
    if not text.strip():
        return f"{name} is empty; copy the bot's screen with the whole QR code"
    if _BLOCK in text:
        return (
            f"no QR code in {name} can be read; copy a whole one, without line breaks that a narrow terminal has added"
        )
    return (
        f"there is no QR code in {name}; copy the bot's screen while it shows one, or take a picture of it (PNG, JPEG)"
    )


def _from_picture(data: bytes, kind: str, name: str) -> str:
    import zxingcpp
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the size is looked at here, before anything is unpacked
    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise UsageError(f"{name} is too large: {picture.width} x {picture.height} pixels; cut the code out")
            grey = picture.convert("L")
    except (OSError, ValueError, SyntaxError):
        raise UsageError(f"{name} is a damaged picture; take it anew") from None
    view = memoryview(grey.tobytes()).cast("B", (grey.height, grey.width))
    seen = zxingcpp.read_barcodes(view, zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    found = {each.text for each in seen if _is_code(each.text)}
    if len(found) > 1:
        raise UsageError(f"there are {len(found)} linking codes in {name}; cut the right one out")
    if not found and seen:
        raise UsageError(f"the QR code in {name} is not one of WhatsApp's; scan the one that the bot shows")
    if not found:
        raise UsageError(f"there is no QR code in the picture {name}; take the whole code, straight and sharp")
    return found.pop()


def _picture_format(head: bytes) -> str:
    return next((kind for mark, kind in _PICTURES.items() if head.startswith(mark)), "")


def _is_code(text: str) -> bool:
    """Return whether it looks like what a linking code says: the server's part, then the device's keys."""
    return 0 < len(text) <= _LONGEST_CODE and text.isprintable() and text.count(",") >= 4 and "2@" in text  # noqa: PLR2004
