"""What can be printed with colours, and whether a character can be printed at all."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def make_console(*, columns_of_no_terminal: int = 10_000) -> "Console":
    """Return what writes to stdout in colour where that is wanted, as wide as the terminal."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    has_colours = is_terminal and "NO_COLOR" not in os.environ
    return Console(
        width=None if is_terminal else columns_of_no_terminal,
        color_system="auto" if has_colours else None,
        highlight=False,
        soft_wrap=True,
    )


def can_print(text: str) -> bool:
    """Return whether stdout's encoding has all characters of a text."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
