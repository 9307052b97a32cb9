"""A line of the event log as a person reads it."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from linda_bot.connection.ledger.chapters import local
from linda_bot.eventlog.pseudonyms import key_of
from linda_bot.eventlog.readable import TRACES, pairs_of, readable
from linda_bot.eventlog.reading import Record
from linda_bot.eventlog.redaction import Redactor
from linda_bot.kernel.masking import printable

_UNBOUNDED = 100_000
_TEXTS = frozenset({"text", "sender_name", "caption", "quoted_text", "body"})
"""Facts that a stranger wrote, or that say who did."""

_MASKED_TEXT = re.compile(r"<\d+ characters>")


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
            print(printable(str(veiled("line", record.text, self._veil)), _UNBOUNDED))
            return
        when = f"{local(record.at, None):%Y-%m-%d %H:%M:%S.%f}"[:-3] if record.at else "no time"
        event = str(veiled("event", record.event, self._veil))
        facts = _veiled_facts(record, self._veil)
        print(readable(when, record.level, event, facts, colours=self._colours))


def fact_texts(record: Record, veil: Redactor | None) -> Iterator[str]:
    """Yield what a line says, as `name=value`; without what says nothing, and without traces."""
    return (f"{name}={text}" for name, text in pairs_of(_veiled_facts(record, veil)))


def _veiled_facts(record: Record, veil: Redactor | None) -> dict[str, object]:
    facts = record.facts or {}
    shown = {name: veiled(name, value, veil) for name, value in facts.items() if name not in TRACES}
    for name in TRACES & facts.keys():  # line by line: each is cut by itself
        shown[name] = "\n".join(str(veiled(name, row, veil)) for row in str(facts[name]).splitlines())
    return shown


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
