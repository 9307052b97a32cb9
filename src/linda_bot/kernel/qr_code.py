"""A QR code, for whoever draws it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qrcode.main import QRCode


def qr_code(text: str, *, border: int) -> "QRCode[Any]":
    """Return the QR code of a text, with a light border of so many modules."""
    from qrcode.constants import ERROR_CORRECT_L  # a quarter of a second with what it brings along
    from qrcode.main import QRCode

    code: QRCode[Any] = QRCode(error_correction=ERROR_CORRECT_L, border=border)
    code.add_data(text)
    code.make(fit=True)
    return code
