"""Events as a live view shows them: the log's lines, masked whatever the settings say."""

from pathlib import Path

from linda_bot.eventlog.lines import line_of, remember_texts, time_text
from linda_bot.eventlog.pseudonyms import key_of
from linda_bot.eventlog.redaction import Redactor
from linda_bot.kernel.events import Event, utc_now


class LiveLines:
    """Makes lines, one for each event."""

    def __init__(self, logs: Path, account: str) -> None:
        """Take where the log is, whose pseudonyms these are, and the account."""
        self._redactor = Redactor(key_of(logs))
        self._account = self._redactor.field(account)

    def of(self, event: Event) -> dict[str, object]:
        """Return an event's line."""
        remember_texts(event, self._redactor)
        line = line_of(event, self._redactor)
        return {
            "timestamp": time_text(line.at),
            "level": line.severity.name.lower(),
            "category": str(line.category),
            "event": line.name,
            "account": self._account,
            **line.facts,
        }

    def dropped(self, count: int) -> dict[str, object]:
        """Return the line that says how many events are missing here."""
        return dropped_line(self._account, count)


def dropped_line(account: str, count: int) -> dict[str, object]:
    """Return the line that says how many events are missing; the account is one as lines have it."""
    head = {"timestamp": time_text(utc_now()), "level": "warning", "category": "health", "event": "events_dropped"}
    return {**head, "account": account, "count": count}
