"""A line of the event log as a person reads it."""

import json
import os
import re
import sys
from collections.abc import Iterator

from linda_bot.cli.story_line import DIM, GREEN, RED, RESET, YELLOW
from linda_bot.connection.ledger.chapters import local
from linda_bot.eventlog.reading import Record
from linda_bot.kernel.masking import mask_line, mask_text, printable

_UNBOUNDED, _LONGEST_NAME = 100_000, 60
_STYLES = {"debug": DIM, "info": GREEN, "warning": YELLOW, "error": RED}
_TEXTS = frozenset({"text", "sender_name", "caption", "quoted_text", "body"})
"""Facts that a stranger wrote, or that say who did."""

_MASKED_TEXT = re.compile(r"<\d+ characters>")
_TRACES = frozenset({"trace", "exception", "stack"})


class LinePrinter:
    """Writes lines to stdout: local time, level, what has happened, the facts; traces below."""

    def __init__(self, *, show_numbers: bool) -> None:
        self._show_numbers = show_numbers
        dumb = os.environ.get("TERM", "") in ("", "dumb")
        self._colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and not dumb

    def show(self, record: Record) -> None:
        """Write one line."""
        if record.facts is None:
            print(printable(self._fit("line", record.text), _UNBOUNDED))
            return
        when = f"{local(record.at, None):%Y-%m-%d %H:%M:%S.%f}"[:-3] if record.at else "no time"
        level = self._in(_STYLES.get(record.level, ""), f"{printable(record.level, 10):<7}")
        event = printable(self._fit("event", record.event).replace("_", " "), _UNBOUNDED)
        pairs = _pairs(record, show_numbers=self._show_numbers)
        told = " ".join(f"{self._in(DIM, f'{name}=')}{text}" for name, text in pairs)
        print(f"{self._in(DIM, when)}  {level}  {event}{'  ' if told else ''}{told}")
        for name in sorted(_TRACES & record.facts.keys()):
            for row in str(record.facts[name]).splitlines():
                print(f"    {printable(self._fit(name, row), _UNBOUNDED)}")

    def _fit(self, name: str, text: str) -> str:
        return str(masked(name, text, show_numbers=self._show_numbers))

    def _in(self, style: str, text: str) -> str:
        return f"{style}{text}{RESET}" if style and self._colours else text


def fact_texts(record: Record, *, show_numbers: bool) -> Iterator[str]:
    """Yield what a line says, as `name=value`; without what says nothing, and without traces."""
    return (f"{name}={text}" for name, text in _pairs(record, show_numbers=show_numbers))


def _pairs(record: Record, *, show_numbers: bool) -> Iterator[tuple[str, str]]:
    for name, value in (record.facts or {}).items():
        if name in _TRACES or value in ("", [], {}, None):
            continue
        shown = masked(name, value, show_numbers=show_numbers)
        if isinstance(shown, list) and all(isinstance(each, str) for each in shown):
            shown = "; ".join(shown)
        text = printable(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False), _UNBOUNDED)
        yield printable(name, _LONGEST_NAME), f'"{text}"' if not text or " " in text else text


def masked(name: str, value: object, *, show_numbers: bool) -> object:
    """Return a fact without numbers and without what a stranger wrote, unless that may be shown."""
    if show_numbers:
        return value
    if isinstance(value, str):
        if name in _TEXTS:
            return value if not value or _MASKED_TEXT.fullmatch(value) else mask_text(value)
        return mask_line(value)
    if isinstance(value, dict):
        return {mask_line(str(key)): masked(str(key), each, show_numbers=False) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [masked(name, each, show_numbers=False) for each in value]
    return value
