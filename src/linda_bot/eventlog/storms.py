"""Holding back a line that comes again and again; pure."""

import re
from collections import OrderedDict
from typing import NamedTuple

_LONGEST = 80
_VARYING = re.compile(r"[0-9A-Fa-f]{8,}|\d+")


class Held(NamedTuple):
    """What was held back of one kind of line."""

    name: str
    lines: int
    for_s: float
    example: str


class _Storm:
    """One kind of line within its window."""

    __slots__ = ("admitted", "began_at", "example", "held")

    def __init__(self, began_at: float, example: str) -> None:
        self.began_at = began_at
        self.example = example
        self.admitted = 0
        self.held = 0


class StormLimit:
    """Lets so many lines of a kind pass in a window of time, and counts the others; times are seconds of one clock."""

    def __init__(self, *, most: int = 50, window_s: float = 10.0, kinds: int = 500) -> None:
        """Follow at most so many `kinds` of lines; of more, those that came longest ago are forgotten."""
        self._most = most
        self._window_s = window_s
        self._kinds = kinds
        self._storms: OrderedDict[tuple[str, str], _Storm] = OrderedDict()
        self._over: list[Held] = []
        self._next_look = 0.0

    def admits(self, name: str, example: str, now: float) -> bool:
        """Return whether a line may be written."""
        kind = (name, pattern_of(example))
        storm = self._storms.get(kind)
        if storm is not None and now - storm.began_at >= self._window_s:
            self._end(kind, now)
            storm = None
        if storm is None:
            storm = self._storms[kind] = _Storm(now, example)
            if len(self._storms) > self._kinds:
                self._end(next(iter(self._storms)), now)
        if storm.admitted < self._most:
            storm.admitted += 1
            return True
        storm.held += 1
        return False

    def over(self, now: float) -> list[Held]:
        """Return what was held back in windows that are over, each once."""
        if now >= self._next_look:
            self._next_look = now + self._window_s / 10
            for kind in [kind for kind, storm in self._storms.items() if now - storm.began_at >= self._window_s]:
                self._end(kind, now)
        over, self._over = self._over, []
        return over

    def end(self, now: float) -> list[Held]:
        """Return all that was held back: the log is about to be closed."""
        for kind in list(self._storms):
            self._end(kind, now)
        return self.over(now)

    @property
    def is_holding(self) -> bool:
        """Whether something is to be told later."""
        return bool(self._over) or any(storm.held for storm in self._storms.values())

    def _end(self, kind: tuple[str, str], now: float) -> None:
        storm = self._storms.pop(kind)
        if storm.held:
            self._over.append(Held(kind[0], storm.held, round(now - storm.began_at, 1), storm.example))


def pattern_of(text: str) -> str:
    """Return what stays the same in lines that differ by their numbers and ids."""
    return _VARYING.sub("#", text[:_LONGEST])
