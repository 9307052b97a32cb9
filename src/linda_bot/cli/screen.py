"""Where the story of a run is written: lines, and a picture that is redrawn in place where the terminal can do that."""

import math
import os
import shutil
import textwrap
from collections.abc import Sequence
from typing import NamedTuple, TextIO

from linda_bot.cli.story_line import RESET

_BLOCKS = "█▀▄"
_NO_ESCAPES = frozenset({"", "dumb"})


class Size(NamedTuple):
    """How much fits on a screen; a file has room for everything."""

    columns: float = math.inf
    lines: float = math.inf


class Screen:
    """Writes to a stream; a broken one is not an error of the bot's."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tty = stream.isatty()
        self._height = 0
        """Of the picture that was written last; 0 when something stands below it."""
        self.can_move = self._tty and os.environ.get("TERM", "") not in _NO_ESCAPES
        """Whether the cursor can be moved."""
        self.colours = self.can_move and "NO_COLOR" not in os.environ
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.has_blocks = _can_encode(_BLOCKS, self.encoding)

    @property
    def size(self) -> Size:
        """How large it is now."""
        if not self._tty:
            return Size()
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            size = shutil.get_terminal_size()
        return Size(size.columns or math.inf, size.lines or math.inf)  # a serial line knows neither

    def say(self, line: str, style: str = "") -> None:
        """Write one line."""
        self._height = 0
        self._write(f"{style}{line}{RESET}\n" if style and self.colours else f"{line}\n")

    def draw(self, picture: Sequence[str], words: Sequence[str]) -> None:
        """Draw a picture that fits, and a few sentences below, in place of the picture before."""
        columns = self.size.columns
        if columns < math.inf:
            words = [row for line in words for row in textwrap.wrap(line, int(columns), break_on_hyphens=False)]
        above = f"\x1b[{self._height}A\r\x1b[J" if self._height and self.can_move else ""
        self._write(above + "\n".join([*picture, *words, ""]))
        self._height = len(picture) + len(words)

    def clear(self) -> None:
        """Wipe what is seen; where the cursor cannot be moved, do nothing."""
        self._height = 0
        if self.can_move:
            self._write("\x1b[H\x1b[2J")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            return  # nobody reads any more; the bot lives on


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
