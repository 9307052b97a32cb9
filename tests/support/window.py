"""What stands in a terminal's window after a program has written to it: the few escapes that ours uses."""

import re

_PIECE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r|\n)|([^\x1b\r\n]+)")


class Window:
    """A grid of characters; long lines are continued on the next row, the top rows scroll out of sight."""

    def __init__(self, columns: int, lines: int) -> None:
        self._columns = columns
        self._lines = lines
        self._rows: list[list[str]] = [[] for _ in range(lines)]
        self._row = 0
        self._column = 0

    @property
    def text(self) -> str:
        """What can be seen."""
        return "\n".join("".join(row).rstrip("\n") for row in self._rows)

    def feed(self, written: bytes) -> None:
        """Take what a program wrote; raises ValueError for an escape that is unknown here."""
        text = written.decode()
        place = 0
        while place < len(text):
            piece = _PIECE.match(text, place)
            if piece is None:
                raise ValueError(repr(text[place : place + 20]))
            place = piece.end()
            parameters, action, control, letters = piece.groups()
            if letters:
                self._put(letters)
            elif control == "\r":
                self._column = 0
            elif control == "\n":
                self._line_feed()
            else:
                self._act(parameters, action)

    def _act(self, parameters: str, action: str) -> None:
        match action, parameters:
            case "m", _:
                pass
            case "A", _:
                self._row = max(self._row - int(parameters or 1), 0)
            case "H", "":
                self._row = self._column = 0
            case "J", "":
                self._rows[self._row] = self._rows[self._row][: self._column]
                self._rows[self._row + 1 :] = [[] for _ in range(self._lines - self._row - 1)]
            case "J", "2":
                self._rows = [[] for _ in range(self._lines)]
            case _:
                raise ValueError(parameters + action)

    def _put(self, letters: str) -> None:
        for letter in letters:
            if self._column == self._columns:  # the line is continued only when something follows
                self._column = 0
                self._line_feed()
            row = self._rows[self._row]
            row.extend(" " * (self._column + 1 - len(row)))
            row[self._column] = letter
            self._column += 1

    def _line_feed(self) -> None:
        if self._row + 1 < self._lines:
            self._row += 1
        else:
            self._rows = [*self._rows[1:], []]
