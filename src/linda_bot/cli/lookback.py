"""What the commands that look back have in common: the history, and a page that fits a terminal."""

import os
import shutil
import sys
import textwrap
from typing import TextIO

from linda_bot.cli.story_line import BOLD, DIM, RED, RESET, YELLOW
from linda_bot.connection.ledger.entries import Reading, read_entries
from linda_bot.kernel.errors import ExitCode, LindaError
from linda_bot.kernel.files import UnreadableFileError, read_json
from linda_bot.kernel.masking import mask_line, printable
from linda_bot.sessions.paths import SessionPaths

__all__ = ["BOLD", "DIM", "RED", "YELLOW", "NoHistoryError", "Page", "load_reading"]

_COLUMNS = 80
_NARROWEST = 30
_UNBOUNDED = 10_000


class NoHistoryError(LindaError):
    """There is no history, or it cannot be read."""

    exit_code = ExitCode.UNWELL


def load_reading(paths: SessionPaths) -> Reading:
    """Return the entries of a session's history; raises NoHistoryError, one line that says what to do."""
    try:
        document = read_json(paths.history)
    except UnreadableFileError as error:
        if not paths.history.exists() and not paths.history.is_symlink():
            begin = "it begins with the first `linda-bot run`"
            message = f"there is no history of the session {paths.account} in {paths.data_dir} yet; {begin}"
            raise NoHistoryError(message) from None
        raise NoHistoryError(f"{_cannot_be_read(paths)} ({printable(str(error))}); {_ADVICE}") from None
    if not isinstance(document, list):
        raise NoHistoryError(f"{_cannot_be_read(paths)} (it is no list of entries); {_ADVICE}")
    return read_entries(document)


_ADVICE = "`linda-bot doctor --fix` sets it aside, and a new one begins"


def _cannot_be_read(paths: SessionPaths) -> str:
    return f"the history {paths.history} cannot be read"


class Page:
    """Lines on stdout or another stream, wrapped, coloured where that is wanted, numbers masked unless shown."""

    def __init__(self, *, show_numbers: bool, stream: TextIO | None = None) -> None:
        self._mask = not show_numbers
        self._stream = stream or sys.stdout
        self._tty = self._stream.isatty()
        self._colours = self._tty and "NO_COLOR" not in os.environ and os.environ.get("TERM") not in (None, "", "dumb")
        columns = shutil.get_terminal_size((_COLUMNS, 24)).columns if self._tty else _COLUMNS
        self._columns = max(min(columns, _COLUMNS), _NARROWEST)

    def line(self, text: str = "", style: str = "", *, lead: str = "") -> None:
        """Write a text, wrapped; `lead` stands before its first line, and its width before the others."""
        text = printable(mask_line(text) if self._mask else text, _UNBOUNDED)
        rows = textwrap.wrap(
            text,
            self._columns,
            initial_indent=lead,
            subsequent_indent=" " * len(lead),
            break_on_hyphens=False,
        ) or [lead.rstrip()]
        for row in rows:
            print(f"{style}{row}{RESET}" if style and self._colours else row, file=self._stream)
