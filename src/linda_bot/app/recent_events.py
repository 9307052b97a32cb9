"""What has happened last, masked whatever the settings say: from the bus while somebody watches, else from the log."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from linda_bot.eventlog.lines import Line, line_of, remember_texts
from linda_bot.eventlog.pseudonyms import key_of
from linda_bot.eventlog.readable import pairs_of
from linda_bot.eventlog.reading import Record, Wanted, parts_of, read_log, whole_lines
from linda_bot.eventlog.redaction import Redactor
from linda_bot.eventlog.veil import veiled_facts
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event, Severity
from linda_bot.kernel.tasks import spawn_task

SHOWN = 20
_LOOKED_THROUGH = 500
"""So many of the log's last lines are looked through for those that are shown."""

_DEPTH = 500


class Happening(NamedTuple):
    """An event as it is shown; each text is one harmless line of any length."""

    at: datetime | None
    level: str
    name: str
    facts: str


class RecentEvents:
    """The last events of a bot: those that are more than details."""

    def __init__(self, bus: EventBus, logs: Path, account: str) -> None:
        self._bus = bus
        self._logs = logs
        self._account = account
        self._redactor: Redactor | None = None
        self._heard: deque[Event] = deque(maxlen=SHOWN)
        self._watchers = 0
        self._listening: asyncio.Task[None] | None = None
        self._revision = 0
        self._changed = asyncio.Event()

    @property
    def revision(self) -> int:
        """A number that grows with every event, while somebody watches."""
        return self._revision

    async def changed_since(self, revision: int) -> int:
        """Wait until something has happened since a revision; return the revision now."""
        while self._revision == revision:
            await self._changed.wait()
        return self._revision

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Listen to the bus until the end of the block."""
        self._watchers += 1
        if self._listening is None:
            self._listening = spawn_task(self._listen(), name="recent events")
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers and self._listening is not None:
                self._listening.cancel()
                self._listening = None
                self._heard.clear()

    def read_log(self) -> tuple[Happening, ...]:
        """Return the last events that the log has, oldest first; blocks."""
        veil = self._veil()
        parts = parts_of(self._logs)
        parts = [*parts[:-1], *(whole_lines(part) for part in parts[-1:])]
        records = list(read_log(parts, Wanted(), newest=_LOOKED_THROUGH))
        wanted = Wanted(level="info", accounts=frozenset({self._account, veil.field(self._account)}))
        newest = [record for record in records if wanted.lets_through(record)][-SHOWN:]
        return tuple(_of_record(record, veil) for record in newest)

    def with_heard(self, logged: Sequence[Happening]) -> tuple[Happening, ...]:
        """Return what the log has and what was heard since somebody watches, in order; what both have once."""
        veil = self._veil()
        heard = [_of_line(line_of(event, veil), veil) for event in self._heard]
        # The log may be behind, or have been told to say more or less of the same events.
        known = Counter((each.at, each.name) for each in heard)
        both: list[Happening] = []
        for each in logged:
            if known[each.at, each.name] > 0:
                known[each.at, each.name] -= 1
            else:
                both.append(each)
        both += heard
        both.sort(key=lambda each: each.at.timestamp() if each.at else 0.0)
        return tuple(both[-SHOWN:])

    async def _listen(self) -> None:
        veil = self._veil()
        with self._bus.subscribe(Event, name="status page", depth=_DEPTH) as events:
            async for event in events:
                remember_texts(event, veil)
                if event.weight >= Severity.INFO:
                    self._heard.append(event)
                self._revision += 1
                self._changed.set()
                self._changed = asyncio.Event()

    def _veil(self) -> Redactor:
        if self._redactor is None:
            self._redactor = Redactor(key_of(self._logs))
        return self._redactor


def _of_record(record: Record, veil: Redactor) -> Happening:
    return Happening(record.at, record.level, veil.field(record.event), _told(record.facts or {}, veil))


def _of_line(line: Line, veil: Redactor) -> Happening:
    at = line.at.replace(microsecond=line.at.microsecond // 1000 * 1000)  # as the log has it
    return Happening(at, line.severity.name.lower(), line.name, _told(line.facts, veil))


def _told(facts: Mapping[str, object], veil: Redactor) -> str:
    return " ".join(f"{name}={text}" for name, text in pairs_of(veiled_facts(facts, veil)))
