"""Times in which the link was not up, and how they are told; pure."""

from dataclasses import dataclass, field
from datetime import datetime

from linda_bot.connection.ledger.chapters import Chapter, after, length
from linda_bot.connection.ledger.entries import Entry
from linda_bot.connection.ledger.words import NOTABLE, ROUTINE, TROUBLES
from linda_bot.connection.lifecycle import Finding

_LONG_DOWN_S = 600.0
_SAID_ALREADY = "the connection was lost and did not come back"
_ENGINE_DIED = "engine_lost"
RARER = "too many attempts failed in a row, so they were made more rarely"


@dataclass
class Outage:
    """A time in which the link was not up, as far as it is known."""

    since: datetime
    kind: str
    """`start`, `lost`, `renewed`, or the word of the chapter that ended the link."""
    position: int
    """Where in the story it belongs."""
    text: str = ""
    is_first_start: bool = False
    troubles: list[Entry] = field(default_factory=list)
    last_words: list[str] = field(default_factory=list)
    """Of the engines that died."""
    circuit_opened: bool = False

    def add_trouble(self, entry: Entry, last_words: str = "") -> None:
        """Take note of an attempt that failed, and of what the engine said last if it died."""
        self.troubles.append(entry)
        if last_words and last_words not in self.last_words:
            self.last_words.append(last_words)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return what is known of why, in lines, none twice."""
        times: dict[str, int] = {}
        for trouble in self.troubles:
            because = trouble.text("because")
            if because and because != _SAID_ALREADY:
                times[because] = times.get(because, 0) + trouble.times
        said = [_times(because, count) for because, count in times.items()]
        said += [f"the engine's last words: {line}" for line in self.last_words]
        return tuple(dict.fromkeys([*said, *([RARER] if self.circuit_opened else [])]))

    @property
    def start_text(self) -> str:
        """Return the sentence for a start."""
        return f"The bot was started{' for the first time' if self.is_first_start else ''}"

    @property
    def trouble(self) -> tuple[str, str]:
        """Return the machine's word and the sentence for what began it."""
        if self.kind == "renewed":
            return "renewed", self.text
        found = finding_of(self.troubles[0]) if self.troubles else None
        return TROUBLES.get(found or Finding.SOCKET_LOST, TROUBLES[Finding.SOCKET_LOST])


def came_back(outage: Outage, at: datetime) -> Chapter:
    """Tell of an outage at whose end the link was up again, as one chapter."""
    took_s = max((at - outage.since).total_seconds(), 0.0)
    was_long = took_s >= _LONG_DOWN_S or outage.circuit_opened
    if outage.kind == "start":
        word, text = "started", f"{outage.start_text}, and was connected {after(took_s)}"
        was_long = was_long and bool(outage.troubles)
    elif outage.kind in ("lost", "renewed"):
        word, said = outage.trouble
        text = f"{said}; connected again {after(took_s)}"
    else:
        return Chapter(
            at, "back", NOTABLE, f"The link was up again, {length(took_s)} later", details=outage.reasons, took_s=took_s
        )
    weight = NOTABLE if was_long or word == _ENGINE_DIED else ROUTINE
    return Chapter(outage.since, word, weight, text, details=outage.reasons, took_s=took_s, until=at)


def came_back_later(outage: Outage, at: datetime) -> tuple[Chapter, Chapter]:
    """Tell of an outage in which more has happened: its beginning, and its end."""
    took_s = max((at - outage.since).total_seconds(), 0.0)
    if outage.kind == "start":
        word, text, end = "started", outage.start_text, f"The link was up, {length(took_s)} after the start"
    else:
        word, text = outage.trouble
        end = f"The link was up again {after(took_s)}"
    begin = Chapter(outage.since, word, ROUTINE, text, details=outage.reasons)
    return begin, Chapter(at, "back", ROUTINE, end, took_s=took_s)


def still_down(outage: Outage, *, so_far: bool) -> Chapter | None:
    """Tell of an outage that nothing has ended yet (`so_far`), or only the end of the run; None for nothing to tell."""
    back = "is not up yet" if so_far else "was not up again by the end of that run"
    if outage.kind == "start":
        text = f"{outage.start_text}, and {'is not connected yet' if so_far else 'was not connected by its end'}"
        weight = NOTABLE if outage.troubles else ROUTINE
        return Chapter(outage.since, "started", weight, text, details=outage.reasons)
    if outage.kind in ("lost", "renewed"):
        word, said = outage.trouble
        return Chapter(outage.since, word, NOTABLE, f"{said}, and {back}", details=outage.reasons)
    if not outage.troubles:
        return None
    return Chapter(outage.since, "not_back", NOTABLE, f"The link {back}", details=outage.reasons)


def finding_of(entry: Entry) -> Finding | None:
    """Return the finding that an entry tells of; None for none that is known."""
    word = entry.text("finding")
    return Finding(word) if word in Finding.__members__.values() else None


def reasons_of(entry: Entry) -> tuple[str, ...]:
    """Return what an entry says of why, with how often it came."""
    because = entry.text("because")
    return (_times(because, entry.times),) if because else ()


def _times(because: str, times: int) -> str:
    return f"{because} ({times} times)" if times > 1 else because
