"""The thread that writes the log: whatever the disk does, nobody else waits for it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from linda_bot.eventlog.events import LinesHeldBack, LogRecovered, LogTrouble
from linda_bot.eventlog.lines import Line, Logged, line_of, line_of_logged, remember_texts, time_text
from linda_bot.eventlog.redaction import Redactor
from linda_bot.eventlog.storms import Held, StormLimit
from linda_bot.eventlog.structured import structlog
from linda_bot.kernel.current import ACCOUNT
from linda_bot.kernel.errors import reason_of
from linda_bot.kernel.events import Category, Event, Severity, utc_now

DEPTH = 20_000
"""How many lines may wait for the disk; of more, the oldest are lost and counted."""

_AT_ONCE = 2000
_IN_A_ROW = 50
"""So many lines are made until others may have the interpreter: about a millisecond."""
_LOOK_EVERY_S = 1.0
_AGAIN_AFTER_S = 1.0
"""How long a place that could not be written is left alone."""

_EXAMPLES = ("because", "error", "line", "reason")


class Place(Protocol):
    """Where lines go."""

    name: str
    """What a person is told of it, when it fails."""

    def render(self, line: dict[str, Any]) -> str:
        """Return a line as text, without its newline."""

    def write(self, lines: Sequence[str]) -> None:
        """Take lines; raises OSError."""

    def close(self) -> None:
        """Take no more."""


class _Keeping:
    """A place, and what could not be written there."""

    def __init__(self, place: Place, tell: Callable[[Event], None]) -> None:
        self.place = place
        self.rendered: list[str] = []
        self._tell = tell
        self._failing_since: float | None = None
        self._again_at = 0.0
        self.lost = 0
        self._lost_now = 0

    def add(self, line: dict[str, Any]) -> None:
        self.rendered.append(self.place.render(line))

    def flush(self, now: float) -> None:
        """Write what was rendered; what cannot be written is lost, counted, and told once."""
        lines, self.rendered = self.rendered, []
        if not lines and self._failing_since is None:
            return
        if now < self._again_at:
            self._lose(len(lines))
            return
        try:
            self.place.write(lines)
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            self._lose(len(lines))
            self._again_at = now + _AGAIN_AFTER_S
            if self._failing_since is None:
                self._failing_since = now
                self._tell(LogTrouble(because=f"{self.place.name} cannot be written: {_reason(error)}"))
            return
        if self._failing_since is not None and lines:
            self._tell(LogRecovered(lost=self._lost_now, after_s=round(now - self._failing_since, 1)))
            self._failing_since, self._lost_now = None, 0

    def _lose(self, count: int) -> None:
        self.lost += count
        self._lost_now += count


class LogWriter:
    """Makes lines of what it is given, and writes them in batches, on a thread of its own."""

    def __init__(
        self,
        places: Sequence[Place],
        redactor: Redactor,
        *,
        account: str,
        level: Severity = Severity.INFO,
        tell: Callable[[Event], None] = lambda _event: None,
        depth: int = DEPTH,
    ) -> None:
        """Write lines of this level and worse; `tell` is called on the writer's thread."""
        self._places = [_Keeping(place, tell) for place in places]
        self._redactor = redactor
        self._account = account
        self._waiting: deque[tuple[str, Event | Logged]] = deque()
        self._depth = depth
        self._dropped = 0
        self._dropped_told = 0
        self._wake = threading.Event()
        self._ending = False
        self._storms: dict[str, StormLimit] = {}
        self._thread = threading.Thread(target=self._run, name="event log", daemon=True)
        self.set_level(level)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, what: Event | Logged) -> None:
        """Have something written soon, as of the account whose work it is; never waits. From any thread."""
        if len(self._waiting) >= self._depth:
            with suppress(IndexError):
                self._waiting.popleft()
            self._dropped += 1
        self._waiting.append((ACCOUNT.get() or self._account, what))
        if not self._wake.is_set():
            self._wake.set()

    def set_level(self, level: Severity) -> None:
        """Write lines of this level and worse from here on."""
        self.level = level
        self._log = structlog.wrap_logger(
            None,
            processors=[structlog.processors.add_log_level, self._hand_out],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            cache_logger_on_first_use=True,
        )

    @property
    def waiting(self) -> int:
        """How many lines wait to be written."""
        return len(self._waiting)

    @property
    def lost(self) -> int:
        """How many lines are in none of the places, or not in all of them."""
        return self._dropped + sum(keeping.lost for keeping in self._places)

    def close(self, *, within_s: float = 2.0) -> None:
        """Write what waits and end; a disk that hangs is not waited for any longer than this."""
        self._ending = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(within_s)

    def _run(self) -> None:
        while not self._ending or self._waiting:
            is_holding = any(storms.is_holding for storms in self._storms.values())
            self._wake.wait(_LOOK_EVERY_S if is_holding else None)
            self._wake.clear()
            while self._waiting:
                self._write_some()
            self._look()
        for account, storms in self._storms.items():
            for held in storms.end(time.monotonic()):
                self._write(account, _line_of_held(held, self._redactor))
        self._flush()
        for keeping in self._places:
            keeping.place.close()

    def _write_some(self) -> None:
        for number in range(1, _AT_ONCE):
            if number % _IN_A_ROW == 0:
                time.sleep(0)
            try:
                account, what = self._waiting.popleft()
            except IndexError:
                break
            try:
                self._take(account, what)
            except Exception as error:  # noqa: BLE001 (one line that cannot be made must not end all others)
                self._write_fault(account, what, error)
        self._look()

    def _look(self) -> None:
        """Write what nobody has put in, and everything."""
        for account, storms in self._storms.items():
            for held in storms.over(time.monotonic()):
                self._write(account, _line_of_held(held, self._redactor))
        if self._dropped > self._dropped_told:
            lost, self._dropped_told = self._dropped - self._dropped_told, self._dropped
            self._write(self._account, line_of(LogRecovered(lost=lost, after_s=0.0), self._redactor))
        self._flush()

    def _flush(self) -> None:
        now = time.monotonic()
        for keeping in self._places:
            keeping.flush(now)

    def _take(self, account: str, what: Event | Logged) -> None:
        if isinstance(what, Logged):
            if what.severity >= self.level:
                self._write_unless_storm(account, line_of_logged(what, self._redactor))
            return
        remember_texts(what, self._redactor)
        if what.weight < self.level:
            return
        line = line_of(what, self._redactor)
        # What becomes of a message is never left out: somebody may look for that one.
        if line.category is Category.MESSAGE and line.severity <= Severity.INFO:
            self._write(account, line)
        else:
            self._write_unless_storm(account, line)

    def _write_unless_storm(self, account: str, line: Line) -> None:
        # Each account has limits of its own: the storm of one silences no other.
        storms = self._storms.get(account)
        if storms is None:
            storms = self._storms[account] = StormLimit()
        example = next((str(line.facts[name]) for name in _EXAMPLES if name in line.facts), "")
        if storms.admits(line.name, example, time.monotonic()):
            self._write(account, line)

    def _write(self, account: str, line: Line) -> None:
        whose = self._redactor.field(account)
        self._log.log(
            line.severity,
            line.name,
            **{"timestamp": time_text(line.at), "category": line.category, "account": whose, **line.facts},
        )

    def _write_fault(self, account: str, what: object, error: Exception) -> None:
        text = f"a line of {type(what).__name__} could not be made: {error!r}"
        fault = Logged(utc_now(), Severity.ERROR, __name__, text, {}, "")
        self._write(account, line_of_logged(fault, self._redactor))

    def _hand_out(self, _logger: object, _method: str, line: structlog.typing.EventDict) -> str:
        """Give a line to all places: the last step of structlog's chain."""
        for keeping in self._places:
            keeping.add(dict(line))
        raise structlog.DropEvent


def _line_of_held(held: Held, redactor: Redactor) -> Line:
    return line_of(LinesHeldBack(of=held.name, count=held.lines, for_s=held.for_s, example=held.example), redactor)


def _reason(error: OSError | ValueError) -> str:
    return reason_of(error) if isinstance(error, OSError) else str(error)
