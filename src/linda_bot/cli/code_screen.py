"""A QR code on a screen, with what to do about it, or why it cannot be drawn."""

from linda_bot.cli.qr import qr_lines
from linda_bot.cli.screen import Screen

HOW_TO_SCAN = "  On your phone: WhatsApp > Settings > Linked devices > Link a device, and scan this code:"


def draw_code(screen: Screen, text: str, number: int, left_s: float, *, otherwise: str) -> None:
    """Draw a code in place of the one before; `otherwise` says what to do where it does not fit."""
    size = screen.size
    picture = qr_lines(text, colours=screen.colours, blocks=screen.has_blocks)
    width = len(qr_lines(text, colours=False, blocks=screen.has_blocks)[0])
    words = [f"  Code {number}, valid for {left_s:.0f} s. Waiting for the scan; Ctrl+C stops."]
    if not screen.has_blocks:
        utf8 = f"{screen.encoding} has no block characters; with PYTHONIOENCODING=utf-8 the code is half as large"
        words.append(f"  ({utf8}.)")
    if size.columns < width:
        narrow = f"The terminal is {size.columns:.0f} columns wide, the QR code needs {width}"
        screen.draw([], [f"{narrow}: widen it, and it is drawn. Or start with {otherwise}."])
        return
    if size.lines <= len(picture) + len(words):
        words.append(f"  The code is {len(picture)} lines high: enlarge the window to see all of it.")
    screen.draw(picture, words)
