"""Faults that wait for a client to come: what the next login, pairing, connection or message meets."""

import math
from collections import deque
from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

from linda_bot.sandbox.nodes import Node

T = TypeVar("T")

EVERYBODY = ""
"""In the place of a number: whoever it is."""

CLOSING_STEPS: Mapping[str, str] = {
    "before-hello": "before the server's hello, on any next connection",
    "after-handshake": "after the handshake, before there are codes",
    "after-codes": "while codes are shown, at once where they are",
    "on-scan": "at the scan, before the device is told of it",
    "after-success": "after the device was told of the scan, before it has answered",
    "after-answer-registered": "after its answer: linked, but never told to log in",
    "after-answer-unregistered": "after its answer, which was lost: not linked",
    "after-515": "at the login that follows",
}
"""Where the line of a device that is being linked can be cut."""


class Disguise(NamedTuple):
    """Other attributes for a message, and for what is encrypted in it."""

    attrs: Mapping[str, str]
    share: Mapping[str, str]

    def put_on(self, message: Node) -> Node:
        """Return a message with it."""
        shares = [
            child._replace(attrs={**child.attrs, **self.share}) if child.tag == "enc" else child
            for child in message.children
        ]
        return Node(message.tag, {**message.attrs, **self.attrs}, shares)


class Turns(Generic[T]):
    """What happens to the next so many, each of a number or of anybody."""

    def __init__(self) -> None:
        self._coming: deque[tuple[str, T]] = deque()

    def add(self, what: T, *, count: int = 1, number: str = EVERYBODY) -> None:
        """Have it happen so many times."""
        self._coming.extend([(number, what)] * count)

    def take(self, number: str) -> T | None:
        """Return what happens to a number now, or None; it has happened then."""
        for place, (whose, what) in enumerate(self._coming):
            if whose in (EVERYBODY, number):
                del self._coming[place]
                return what
        return None

    def clear(self) -> None:
        """Forget what was to come."""
        self._coming.clear()


class Allowance:
    """Something that happens to the next so many, or to all until it is ended."""

    def __init__(self) -> None:
        self._left = 0.0

    def give(self, times: float = math.inf) -> None:
        """Allow it so many times, for ever when nothing is said."""
        self._left = times

    def take(self) -> bool:
        """Return whether it happens now."""
        if self._left <= 0:
            return False
        self._left -= 1
        return True


class Armed:
    """Everything that waits to happen."""

    def __init__(self) -> None:
        self.refusals: Turns[Node] = Turns()
        """How logins are refused."""
        self.silent_logins: Turns[bool] = Turns()
        """Logins that are never answered."""
        self.disguises: Turns[Disguise] = Turns()
        """How messages are delivered."""
        self.doubles: Turns[bool] = Turns()
        """Messages that are delivered twice."""
        self.lost_acks: Turns[bool] = Turns()
        """Messages that are taken and not acknowledged."""
        self.message_errors: Turns[str] = Turns()
        """Codes with which messages are refused."""
        self.false_tls: Allowance = Allowance()
        self.false_noise: Allowance = Allowance()
        self.passkey: Allowance = Allowance()
        self._closing_step = ""
        self._cut_login: tuple[str, int] | None = None
        self._delays_s: dict[str, float] = {}

    def clear(self) -> None:
        """Forget everything."""
        self.refusals.clear()
        self.silent_logins.clear()
        self.disguises.clear()
        self.doubles.clear()
        self.lost_acks.clear()
        self.message_errors.clear()
        for allowance in (self.false_tls, self.false_noise, self.passkey):
            allowance.give(0)
        self._closing_step, self._cut_login = "", None
        self._delays_s.clear()

    def close_pairing(self, step: str) -> None:
        """Have the line cut at a step of CLOSING_STEPS, once."""
        self._closing_step = step

    def closes_pairing(self, step: str) -> bool:
        """Return whether the line is cut at this step; counts as having happened."""
        if self._closing_step != step:
            return False
        self._closing_step = ""
        return True

    def cut_login(self, number: str, device: int) -> None:
        """Have the line cut at the next login of a device."""
        self._cut_login = (number, device)

    def cuts_login(self, number: str, device: int) -> bool:
        """Return whether the line is cut at this login; counts as having happened."""
        if self._cut_login != (number, device):
            return False
        self._cut_login = None
        return True

    def delay(self, number: str, delay_s: float) -> None:
        """Delay every frame of a number's devices, or of everybody's; none for 0."""
        self._delays_s.pop(number, None)
        if delay_s:
            self._delays_s[number] = delay_s

    def delay_s(self, number: str) -> float:
        """Return how much later a frame arrives, in seconds; before its login a client has no number."""
        return self._delays_s.get(number) or self._delays_s.get(EVERYBODY, 0)
