"""What the watch over the bot's health tells, in our words."""

from linda_bot.health.grades import Grade
from linda_bot.kernel.events import Category, Event, Severity


class HealthChecked(Event, frozen=True, kw_only=True):
    """The bot was looked at; the health record has all of it."""

    category = Category.HEALTH
    severity = Severity.DEBUG

    grade: str
    reasons: tuple[str, ...]
    """In words for programs, the gravest first."""
    state: str
    up_share: float
    """For how much of the time since the last look the link was up: 0 to 1."""
    memory_mb: float | None
    """Of daemon and engine together."""
    round_trip_ms: float | None
    loop_lag_ms: float | None
    inbox: int | None
    """How many messages wait to be handled."""
    outbox: int | None
    """How many wait to be sent."""


class HealthChanged(Event, frozen=True, kw_only=True):
    """The bot's health has become better or worse."""

    category = Category.HEALTH

    old: Grade
    new: Grade
    because: str
    """What is wrong, in words; what was, where it has become better."""

    @property
    def weight(self) -> Severity:
        """A warning where it has become worse."""
        return Severity.WARNING if self.new.gravity > self.old.gravity else Severity.INFO


class HealthRecordFailed(Event, frozen=True, kw_only=True):
    """The health record cannot be written; what it would have is kept in memory and written as soon as that works."""

    category = Category.HEALTH
    severity = Severity.WARNING

    because: str


class HealthRecordRecovered(Event, frozen=True, kw_only=True):
    """The health record is written again."""

    category = Category.HEALTH

    after_s: float
