"""A line of the event log as a person reads it."""

import os
import sys
from collections.abc import Iterator

from linda_bot.connection.ledger.chapters import local
from linda_bot.eventlog.readable import pairs_of, readable
from linda_bot.eventlog.reading import Record
from linda_bot.eventlog.redaction import Redactor
from linda_bot.eventlog.veil import veiled, veiled_facts
from linda_bot.kernel.masking import printable

_UNBOUNDED = 100_000


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
        facts = veiled_facts(record.facts, self._veil)
        print(readable(when, record.level, event, facts, colours=self._colours))


def fact_texts(record: Record, veil: Redactor | None) -> Iterator[str]:
    """Yield what a line says, as `name=value`; without what says nothing, and without traces."""
    return (f"{name}={text}" for name, text in pairs_of(veiled_facts(record.facts or {}, veil)))
