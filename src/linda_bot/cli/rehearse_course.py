"""The course of a rehearsal before somebody's eyes: one line that is renewed, or a line for each where none can be."""

import math
import textwrap
import time
from typing import TYPE_CHECKING, TextIO

from linda_bot.cli.screen import Screen
from linda_bot.kernel.masking import printable

if TYPE_CHECKING:
    from linda_bot.rehearsal.values import Outcome, Rehearsal

_GREEN, _RED = "\x1b[32m", "\x1b[1;31m"
_LONGEST = 400


class Course:
    """Tells what goes on; a terminal that can move its cursor has one line for what is not over."""

    def __init__(self, stream: TextIO, *, count: int) -> None:
        self._screen = Screen(stream)
        self._stream = stream
        self._count = count
        self._over = 0
        self._running = ""
        self._since = 0.0

    def begins(self, rehearsal: "Rehearsal") -> None:
        """Say what begins."""
        self._running, self._since = f"{rehearsal.name} {rehearsal.title}", time.monotonic()
        self.renew()

    def renew(self) -> None:
        """Show for how long it has been going on."""
        if self._screen.can_move and self._running:
            share = f"{self._over}/{self._count}"
            self._draw(f"[{share}] {self._running} ... {time.monotonic() - self._since:.0f} s")

    def ended(self, outcome: "Outcome") -> None:
        """Say what came of it."""
        self._over += 1
        self._running = ""
        self._draw("")
        passed = outcome.verdict.value == "pass"
        line = f"{outcome.verdict.value}  {outcome.name} {outcome.title}"
        if not passed:
            line += f": {outcome.reason}"
        elif not self._screen.can_move:  # on a terminal the table follows soon
            line += f": {outcome.figure}"
        for row in self._wrapped(printable(line, _LONGEST)):
            self._screen.say(row, _GREEN if passed else _RED)

    def close(self) -> None:
        """Take the line away."""
        self._running = ""
        self._draw("")

    def _wrapped(self, line: str) -> list[str]:
        width = self._screen.size.columns
        return textwrap.wrap(line, int(width), subsequent_indent="      ") if width < math.inf else [line]

    def _draw(self, line: str) -> None:
        if not self._screen.can_move:
            return
        width = self._screen.size.columns
        shown = line if len(line) < width else f"{line[: int(width) - 2]}…"
        self._stream.write(f"\r\x1b[K{shown}")
        self._stream.flush()
