"""What a rule of health is, and what it looks at; pure."""

import math
from collections.abc import Callable
from typing import NamedTuple

from linda_bot.health.samples import Readings
from linda_bot.health.trends import Recent

LINK, HEALTH = "link", "health"
"""The topics: what is wrong with the link has its own alerts."""

NOTHING = -math.inf
"""The value of what is not wrong, or not known."""


class Limits(NamedTuple):
    """What the settings have to say."""

    memory_mb: float = 1024.0
    backup_every_s: float = 21600.0


class Look(NamedTuple):
    """What the rules look at."""

    state: str
    readings: Readings
    limits: Limits = Limits()
    recent: Recent = Recent()
    inbox_floor: float = NOTHING
    """How many messages have waited to be handled, at the least, in the last samples."""
    outbox_floor: float = NOTHING
    lines_lost: int = 0
    """Since the sample before."""
    full_in_h: float | None = None
    """In how many hours the memory reaches its limit, if it goes on like this."""


class Rule(NamedTuple):
    """One thing that may be wrong; the higher the value, the worse it is."""

    word: str
    topic: str
    value: Callable[[Look], float]
    enter: tuple[float, float]
    """From which value on it makes the bot degraded, and unhealthy."""
    leave: tuple[float, float]
    """Below which value it does not any more; in between all stays as it is."""
    text: Callable[[Look], str]
    advice: str
    patient: bool = False
    """Whether a single bad value is noise: it takes two in a row."""
