"""What a story is made of, and how a long list of the same becomes one sentence; pure."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from linda_bot.kernel.spans import span

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOMENT_S, _SHORT_S = 0.95, 9.95
_FEWEST = 3
"""So many of the same are told as one."""


class Cause(NamedTuple):
    """An earlier chapter that led to this one."""

    word: str
    at: datetime


class Chapter(NamedTuple):
    """Something that happened, in one sentence without its full stop."""

    at: datetime
    word: str
    """What it is, for machines."""
    weight: int
    text: str
    because: str = ""
    """Why, as the second half of the sentence; empty where nothing is known or the text says it."""
    cause: Cause | None = None
    details: tuple[str, ...] = ()
    until: datetime | None = None
    took_s: float | None = None
    """For how long the link was down because of it."""
    times: int = 1

    @property
    def sentence(self) -> str:
        """Return the whole sentence, cause and effect."""
        return f"{self.text}, because {self.because}." if self.because else f"{self.text}."


class Chronicle:
    """The chapters, in the order of what they tell."""

    def __init__(self) -> None:
        self.chapters: list[Chapter] = []

    def add(self, chapter: Chapter) -> Chapter:
        """Put a chapter at the end."""
        self.chapters.append(chapter)
        return chapter

    def insert(self, position: int, chapter: Chapter) -> None:
        """Put a chapter where it began, which was known later."""
        self.chapters.insert(position, chapter)

    def replace(self, old: Chapter, new: Chapter) -> None:
        """Say more of a chapter that is there."""
        position = max(position for position, chapter in enumerate(self.chapters) if chapter is old)
        self.chapters[position] = new

    def newest(self, weight: int) -> Chapter | None:
        """Return the newest that matters so much, or more."""
        return next((chapter for chapter in reversed(self.chapters) if chapter.weight >= weight), None)


_LOST = frozenset({"lost", "silent", "unreachable", "refused"})
_REPEATED = {
    ("lost",): "The connection was lost {count} times until {until}, {each}",
    ("engine_lost",): "The engine, the process with the client library, died {count} times until {until}, {each}",
    ("renewed",): "The link was renewed in good order {count} times until {until}",
    ("stopped", "started"): "The bot was stopped and started again {count} times until {until}, {each}",
    ("killed", "started"): "The bot ended without a word and was started again {count} times until {until}, {each}",
    ("crashed", "started"): "The bot crashed and was started again {count} times until {until}, {each}",
    ("backup_failed",): "A backup could not be made {count} times until {until}",
    ("reconnect_asked",): "A person asked for a new connection {count} times until {until}",
    ("left_out",): "Much of this time is no longer kept",
}
"""What is told as one when it comes again and again."""


def condensed(chapters: Sequence[Chapter], zone: tzinfo | None) -> tuple[Chapter, ...]:
    """Return a story in which what comes again and again is one chapter."""
    told: list[Chapter] = []
    position = 0
    while position < len(chapters):
        for pattern, text in _REPEATED.items():
            times = _repetitions(chapters, position, pattern)
            if times >= _FEWEST:
                run = chapters[position : position + times * len(pattern)]
                told.append(_as_one(run, times, text, zone))
                position += len(run)
                break
        else:
            told.append(chapters[position])
            position += 1
    return tuple(told)


def _repetitions(chapters: Sequence[Chapter], start: int, pattern: tuple[str, ...]) -> int:
    times, position = 0, start
    while position + len(pattern) <= len(chapters):
        some = chapters[position : position + len(pattern)]
        if any(_family(chapter.word) != word for chapter, word in zip(some, pattern, strict=True)):
            break
        times += 1
        position += len(pattern)
    return times


def _family(word: str) -> str:
    return "lost" if word in _LOST else word


def _as_one(run: Sequence[Chapter], times: int, text: str, zone: tzinfo | None) -> Chapter:
    first = run[0]
    until = max(chapter.until or chapter.at for chapter in run)
    downs = [chapter.took_s for chapter in run if chapter.took_s is not None]
    each = f"each time connected again within {length(max(downs))}" if downs else "as far as the history tells"
    reasons: dict[str, int] = {}
    for chapter in run:
        for detail in chapter.details:
            reasons[detail] = reasons.get(detail, 0) + chapter.times
    often = sorted(reasons.items(), key=lambda found: -found[1])[:_FEWEST]
    return Chapter(
        first.at,
        _family(first.word) if len({chapter.word for chapter in run}) > 1 else first.word,
        max(chapter.weight for chapter in run),
        text.format(count=times, until=clock(until, zone, beside=first.at), each=each),
        details=tuple(f"{reason}{f', {count} times' if count > 1 else ''}" for reason, count in often),
        until=until,
        took_s=max(downs, default=None),
        times=times,
    )


def after(seconds: float) -> str:
    """Say after how long something was over."""
    return f"after {length(seconds)}" if seconds >= _MOMENT_S else "within a second"


def clock(at: datetime, zone: tzinfo | None, *, beside: datetime | None = None) -> str:
    """Return a time of the day, with the date unless it is that of another moment; no zone is the machine's own."""
    here = local(at, zone)
    time = f"{here.hour:02}:{here.minute:02}"
    if beside is not None and local(beside, zone).date() == here.date():
        return time
    return f"{here.day} {_MONTHS[here.month - 1]} {time}"


def local(at: datetime, zone: tzinfo | None) -> datetime:
    """Return a moment in a time zone; the first and the last day there is are left as they are."""
    try:
        return at.astimezone(zone)
    except (OverflowError, ValueError, OSError):
        return at


def between(
    since: datetime, until: datetime, zone: tzinfo | None, *, beside: datetime | None = None
) -> tuple[str, str]:
    """Return the two ends of a time as `clock` tells them, with dates only where they are needed."""
    return clock(since, zone, beside=beside), clock(until, zone, beside=since)


def length(seconds: float) -> str:
    """Say how long something took, short times with a decimal."""
    if seconds < _MOMENT_S:
        return "a second"
    return f"{seconds:.1f}".removesuffix(".0") + " s" if seconds < _SHORT_S else span(seconds)
