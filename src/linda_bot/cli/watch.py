"""`linda-bot watch`: how the bot is, live, on the whole screen."""

import argparse
import os
import select
import signal
import sys
import termios
import tty
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from linda_bot.cli.health_record import UnreadableRecordError, load_record
from linda_bot.cli.paper import can_print, make_console
from linda_bot.cli.places import Place, place_for
from linda_bot.cli.status import look
from linda_bot.cli.strip_chart import BLOCKS
from linda_bot.cli.watch_page import Paper, View, page
from linda_bot.eventlog.following import follow
from linda_bot.eventlog.reading import Record, Wanted, parts_of, read_log, whole_lines
from linda_bot.eventlog.veil import veil_over
from linda_bot.health.stats import Day, last_day
from linda_bot.kernel.errors import ExitCode, UsageError

_SHORTEST_S, _LONGEST_S = 0.2, 3600.0
_REMEMBERED = 200
_CHART_EVERY_S = 60.0
_ENDING_KEYS = frozenset("qQ\x03\x04\x1b")


def watch(options: argparse.Namespace) -> int:
    """Show the bot until `q` is pressed; it does not matter to the bot."""
    if not _SHORTEST_S <= options.every <= _LONGEST_S:  # not a number is not in between either
        raise UsageError(f"--every {options.every:g} is wrong: it must be seconds, {_SHORTEST_S:g} to {_LONGEST_S:g}")
    if options.json or not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise UsageError("watch needs a terminal; for programs there is `linda-bot status --json`")
    place = place_for(options, here=True)
    look(place)  # what is wrong with the place itself is said on a screen that stays
    with _keys() as pressed, _screen() as draw:
        watched = _Watched(place, show_numbers=options.show_numbers)
        while True:
            draw(watched)
            if pressed(options.every) in _ENDING_KEYS:
                return ExitCode.OK


class _Watched:
    """What is known of the bot; each look takes in what is new."""

    def __init__(self, place: Place, *, show_numbers: bool) -> None:
        self._place, paths = place, place.paths
        self.show_numbers = show_numbers
        self._veil = veil_over(paths.logs, show_numbers=show_numbers)
        parts = parts_of(paths.logs)
        parts = [*parts[:-1], *(whole_lines(part) for part in parts[-1:])]
        self._records: deque[Record] = deque(read_log(parts, Wanted(), newest=_REMEMBERED), maxlen=_REMEMBERED)
        self._coming = follow(paths.logs, Wanted(), parts[-1] if parts else None, wait=lambda _seconds: None)
        self._day: Day | None = None
        self._day_until = datetime.min.replace(tzinfo=UTC)

    def view(self) -> View:
        """Look once."""
        now = datetime.now(UTC)
        for record in self._coming:
            if record is None:
                break
            self._records.append(record)
        if now - self._day_until >= timedelta(seconds=_CHART_EVERY_S):
            self._day_until = now
            with suppress(UnreadableRecordError):
                self._day = last_day(load_record(self._place.paths).everything, now)
        status, trouble = look(self._place)
        return View(status, trouble, self._day, tuple(self._records), self._veil, now)


@contextmanager
def _screen() -> Iterator["_Draw"]:
    from rich.live import Live

    console, blocks = make_console(), can_print(f"{BLOCKS}●─…")  # while stdout is still the terminal's own
    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield _Draw(live, blocks=blocks)


class _Draw:
    """Draws a page on the whole screen."""

    def __init__(self, live: object, *, blocks: bool) -> None:
        self._live = live
        self._blocks = blocks

    def __call__(self, watched: _Watched) -> None:
        from rich.console import Group
        from rich.live import Live

        assert isinstance(self._live, Live)
        size = self._live.console.size
        paper = Paper(size.width, size.height, self._blocks, watched.show_numbers)
        self._live.update(Group(*page(watched.view(), paper)), refresh=True)


@contextmanager
def _keys() -> Iterator["_Pressed"]:
    """Read keys as they are pressed, and give the terminal back as it was, however this ends."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.OK))
    try:
        tty.setcbreak(descriptor)
        yield _Pressed(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class _Pressed:
    """Waits for a key."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, within_s: float) -> str:
        """Return the first of the keys that were pressed; empty for none."""
        try:
            ready, _, _ = select.select([self._descriptor], [], [], within_s)
        except InterruptedError:
            return ""
        if not ready:
            return ""
        pressed = os.read(self._descriptor, 64).decode(errors="replace") or "q"  # nobody is there any more
        return pressed[:1] if len(pressed) == 1 or pressed[:1] != "\x1b" else ""  # an arrow is no Escape
