"""Alerts: what a person should be told although nobody looks; one an incident, and one notice when it is over."""

from linda_bot.kernel.events import Category, Event, Severity


class AlertRaised(Event, frozen=True, kw_only=True):
    """Something needs a person, or may do soon."""

    category = Category.HEALTH
    severity = Severity.WARNING

    topic: str = "link"
    """What it is about (`link`, `health`, `log`): at most one incident of a topic is open, whatever its kinds are."""
    kind: str
    """What is wrong, in one word for programs."""
    because: str
    advice: str
    """What the person can do."""


class AlertCleared(Event, frozen=True, kw_only=True):
    """All is well again."""

    category = Category.HEALTH

    topic: str = "link"
    kind: str
    """The gravest kind that the incident had."""
    after_s: float
    """How long the incident lasted, in seconds."""
