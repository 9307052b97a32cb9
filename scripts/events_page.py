"""Write docs/events.md: every kind of event, what it is about, how much it matters, what it says."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import linda_bot
from linda_bot.eventlog.lines import LEFT_OUT
from linda_bot.kernel.events import Category, Event, log_name, shown_fields
from linda_bot.whatsapp.events import IncomingMessage

PAGE = Path(__file__).parents[1] / "docs" / "events.md"

_HEAD = """# Events

Everything that happens is an event, and every event is one line in `logs/events.jsonl`:

```json
{"timestamp":"2026-02-07T10:35:02.340Z","level":"info","category":"session","event":"restore_completed","account":"default","attempt":1,"duration_ms":212,"number":"97*56~a4520c"}
```

`timestamp` is when it happened, in UTC. `level` is debug, info, warning or error. `category` says what it is about; of
an error it is always `error`, so that one filter finds them all. `account` is whose bot it is. What follows are the
event's own facts; durations end in `_s` (seconds) or `_ms` (milliseconds). What the client library prints, and what
libraries and your own handlers log with Python's `logging` or with structlog, stands between them: `engine_printed`,
and lines whose `event` is the text that was logged, with a `logger`.

Unless `LINDA_LOG__MASK=false`, numbers are pseudonyms (`97*56~a4520c`: how it begins and ends, and a fingerprint that
is the same in every line and another in every data directory), texts and names only lengths. QR texts, pairing codes
and keys are in no line, whatever is set.

The files are rotated by size and number (`LINDA_LOG__FILE_BYTES`, `LINDA_LOG__FILES`). A line that comes again and
again is written 50 times in 10 seconds; how often it came beyond that is told by `lines_held_back`. What becomes of
messages is never held back. While the disk is full or hangs the bot goes on; what is missing is counted, and told by
`log_recovered`.

`linda-bot logs --event NAME` shows the lines of one kind; `kill -USR1` on the bot's process switches debug lines on and
off again.

This page is made from the program: `make docs`.
"""
_ABOUT = {
    Category.SESSION: "The session: linking, restoring, backups, the bot's own start and end",
    Category.CONNECTION: "The connection: the link's states, the client library, attempts and waits",
    Category.MESSAGE: "Messages",
    Category.HEALTH: "Health: samples, alerts, round trips, the log itself",
}


def event_kinds() -> list[type[Event]]:
    """Return every kind of event of the product, by name."""
    for module in pkgutil.walk_packages(linda_bot.__path__, "linda_bot."):
        if module.name.rpartition(".")[2] in ("events", "alerts"):
            importlib.import_module(module.name)
    return sorted(set(_below(Event)), key=lambda kind: kind.__name__)


def page() -> str:
    """Return the whole page."""
    parts = [_HEAD]
    kinds = event_kinds()
    for category, about in _ABOUT.items():
        rows = [_row(kind) for kind in kinds if kind.category is category]
        parts.append(
            f"## {about}\n\n| event | level | what has happened | facts |\n| --- | --- | --- | --- |\n"
            + "\n".join(rows)
        )
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _below(kind: type[Event]) -> Iterator[type[Event]]:
    for each in kind.__subclasses__():
        if each.__module__.startswith("linda_bot."):
            yield each
        yield from _below(each)


def _row(kind: type[Event]) -> str:
    meaning = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    level = kind.severity.name.lower()
    if kind.weight is not Event.weight:
        level = f"{level}, or as it says"
    return f"| `{log_name(kind)}` | {level} | {meaning.replace('|', chr(92) + '|')} | {_facts(kind)} |"


def _facts(kind: type[Event]) -> str:
    names: list[str] = []
    for name in shown_fields(kind):
        names += IncomingMessage.__struct_fields__ if name == "message" else [name]
    shown = ["message_id" if name == "id" else name for name in names if name not in LEFT_OUT]
    return ", ".join(f"`{name}`" for name in shown) or "none"


if __name__ == "__main__":
    PAGE.write_text(page())
