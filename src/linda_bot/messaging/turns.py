"""Whose turn it is: the chats for which something waits to be sent; pure."""

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

_LONGEST_REST_S = 60.0


class _Rest(NamedTuple):
    until: float
    tries: int


class Turns:
    """The chats in the order in which something was wanted for them; one that was put off lets the others go first."""

    def __init__(self) -> None:
        self._wanted: OrderedDict[str, float] = OrderedDict()
        self._rests: dict[str, _Rest] = {}

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def __contains__(self, chat: str) -> bool:
        return chat in self._wanted

    def want(self, chat: str, now: float) -> None:
        """Say that something waits for a chat; a chat that is wanted already keeps its place."""
        self._wanted.setdefault(chat, now)

    def next(self, now: float, hold_s: Callable[[str, float], float]) -> tuple[str | None, float]:
        """Return the chat whose turn it is and forget that it is wanted; None when it is nobody's for so many seconds.

        `hold_s` says for how long a chat that is wanted since a moment must be left alone.
        """
        soonest = math.inf
        for chat, since in self._wanted.items():
            rest = self._rests.get(chat)
            wait_s = max(hold_s(chat, since), rest.until - now if rest else 0.0)
            if wait_s <= 0:
                del self._wanted[chat]
                return chat, 0.0
            soonest = min(soonest, wait_s)
        return None, soonest

    def put_off(self, chat: str, now: float) -> None:
        """Leave a chat alone for a while, which is longer each time until it is forgiven."""
        tries = self._rests[chat].tries if chat in self._rests else 0
        self._rests[chat] = _Rest(now + min(2.0**tries, _LONGEST_REST_S), tries + 1)

    def forgive(self, chat: str) -> None:
        """Do not leave a chat alone any longer."""
        self._rests.pop(chat, None)

    def forgive_all(self) -> None:
        """Do not leave any chat alone any longer."""
        self._rests.clear()

    def clear(self) -> None:
        """Forget them all."""
        self._wanted.clear()
        self._rests.clear()
