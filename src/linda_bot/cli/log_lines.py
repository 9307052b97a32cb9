"""A line of the event log as a person reads it."""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from linda_bot.cli.story_line import DIM, GREEN, RED, RESET, YELLOW
from linda_bot.connection.ledger.chapters import local
from linda_bot.eventlog.pseudonyms import key_of
from linda_bot.eventlog.reading import Record
from linda_bot.eventlog.redaction import Redactor
from linda_bot.kernel.masking import printable

_UNBOUNDED, _LONGEST_NAME = 100_000, 60
_STYLES = {"debug": DIM, "info": GREEN, "warning": YELLOW, "error": RED}
_TEXTS = frozenset({"text", "sender_name", "caption", "quoted_text", "body"})
"""Facts that a stranger wrote, or that say who did."""

_MASKED_TEXT = re.compile(r"<\d+ characters>")
_TRACES = frozenset({"trace", "exception", "stack"})


class LinePrinter:
    """Writes lines to stdout: local time, level, what has happened, the facts; traces below."""

    def __init__(self, veil: Redactor | None) -> None:
        """Take what hides what is private; None shows everything."""
        self._veil = veil
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
        pairs = _pairs(record, self._veil)
        told = " ".join(f"{self._in(DIM, f'{name}=')}{text}" for name, text in pairs)
        print(f"{self._in(DIM, when)}  {level}  {event}{'  ' if told else ''}{told}")
        for name in sorted(_TRACES & record.facts.keys()):
            for row in str(record.facts[name]).splitlines():
                print(f"    {printable(self._fit(name, row), _UNBOUNDED)}")

    def _fit(self, name: str, text: str) -> str:
        return str(veiled(name, text, self._veil))

    def _in(self, style: str, text: str) -> str:
        return f"{style}{text}{RESET}" if style and self._colours else text


def fact_texts(record: Record, veil: Redactor | None) -> Iterator[str]:
    """Yield what a line says, as `name=value`; without what says nothing, and without traces."""
    return (f"{name}={text}" for name, text in _pairs(record, veil))


def _pairs(record: Record, veil: Redactor | None) -> Iterator[tuple[str, str]]:
    for name, value in (record.facts or {}).items():
        if name in _TRACES or value in ("", [], {}, None):
            continue
        shown = veiled(name, value, veil)
        if isinstance(shown, list) and all(isinstance(each, str) for each in shown):
            shown = "; ".join(shown)
        text = printable(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False), _UNBOUNDED)
        yield printable(name, _LONGEST_NAME), f'"{text}"' if not text or " " in text else text


def veil_over(logs: Path, *, show_numbers: bool) -> Redactor | None:
    """Return what hides what is private in the lines of a log, as the log itself does; None where all may be shown."""
    return None if show_numbers else Redactor(key_of(logs))


def veiled(name: str, value: object, veil: Redactor | None) -> object:
    """Return a fact without numbers and without what a stranger wrote; the log may have been told to have them."""
    if veil is None:
        return value
    if isinstance(value, str):
        if name in _TEXTS:
            return value if _MASKED_TEXT.fullmatch(value) else veil.text(value)
        return veil.field(value)
    if isinstance(value, dict):
        return {veil.field(str(key)): veiled(str(key), each, veil) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [veiled(name, each, veil) for each in value]
    return value
