"""What a sink is."""

from typing import Protocol

from linda_bot.health.alerting.notice import Notice

DEADLINE_S = 10.0
"""How long one try may take."""


class SinkError(Exception):
    """A notice was not taken; the text says why, without any part of an address that may be a secret."""

    def __init__(self, text: str, *, again: bool = True, after_s: float | None = None) -> None:
        super().__init__(text)
        self.again = again
        """Whether another try may help."""
        self.after_s = after_s
        """When the receiver wants it, in seconds."""


class Sink(Protocol):
    """Takes notices to a person."""

    @property
    def name(self) -> str:
        """What it is called in log and lists."""

    async def send(self, notice: Notice) -> None:
        """Send one notice, once; raises SinkError. Whoever waits no longer cancels it, and nothing goes on then."""
