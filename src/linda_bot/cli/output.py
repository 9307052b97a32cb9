"""What commands print: one JSON document or a readable table on stdout; everything else goes to stderr."""

import json
import os
import sys
from collections.abc import Iterable, Sequence

from linda_bot.kernel.masking import mask_line, printable

_UNBOUNDED = 10_000


def say(line: str) -> None:
    """Tell the person something that is not the command's data."""
    print(printable(line, _UNBOUNDED), file=sys.stderr)


def print_json(value: object, *, show_numbers: bool) -> None:
    """Print a value as JSON, numbers masked unless asked for."""
    shown = value if show_numbers else _masked(value)
    print(json.dumps(shown, indent=2, ensure_ascii=False, default=str))


def print_facts(facts: Iterable[tuple[str, str]], *, show_numbers: bool) -> None:
    """Print names and what they are, one a line."""
    print_table(("", ""), facts, show_numbers=show_numbers)


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, show_numbers: bool) -> None:
    """Print a table that fits the terminal; where there is none, lines are as long as they are."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    tty = sys.stdout.isatty()
    console = Console(width=None if tty else _UNBOUNDED, no_color="NO_COLOR" in os.environ, highlight=False)
    table = Table(box=SIMPLE_HEAD if any(heads) else None, show_header=any(heads), pad_edge=False, show_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, no_wrap=number == 0, overflow="fold")
    for row in rows:
        cells = [printable(cell if show_numbers else mask_line(cell), _UNBOUNDED) for cell in row]
        table.add_row(*(Text(cell, style=_style(cell)) for cell in cells))
    console.print(table)


def asked(question: str, *, yes: bool) -> bool:
    """Return whether the person agrees; `yes` says so beforehand. Raises UsageError where nobody can be asked."""
    from linda_bot.kernel.errors import UsageError

    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is nobody to ask: add --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _style(cell: str) -> str:
    return {"ok": "green", "NOT WELL": "bold red", "note": "yellow"}.get(cell, "")


def _masked(value: object) -> object:
    if isinstance(value, str):
        return mask_line(value)
    if isinstance(value, dict):
        return {name: _masked(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(each) for each in value]
    return value
