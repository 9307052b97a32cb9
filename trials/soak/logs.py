"""What the bot's event log says, read as it grows."""

from collections import Counter
from pathlib import Path

from linda_bot.eventlog.following import follow
from linda_bot.eventlog.reading import Record, Wanted

_LONGEST = 600


class LogWatch:
    """Counts the events of a log, across its rotations, and picks out what is a bug."""

    def __init__(self, directory: Path) -> None:
        self.events: Counter[str] = Counter()
        self.warnings: Counter[str] = Counter()
        self._lines = follow(directory, Wanted(), None, wait=lambda _: None)

    def read_on(self) -> list[str]:
        """Read what has come since; return the bugs among it, shortened. Blocks."""
        bugs = []
        while (record := next(self._lines)) is not None:
            name = record.event or "no event"
            self.events[name] += 1
            if record.level in {"warning", "error"}:
                self.warnings[name] += 1
            if is_bug(record):
                bugs.append(record.text[:_LONGEST])
        return bugs

    def close(self) -> None:
        """Let go of the file."""
        self._lines.close()


def is_bug(record: Record) -> bool:
    """Return whether a line has a trace; an answer that could not be sent has one, too, and is none."""
    facts = record.facts or {}
    return ("trace" in facts or "Traceback" in record.text) and not str(facts.get("error")).startswith("SendError")
