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


class AlertReminded(Event, frozen=True, kw_only=True):
    """An incident is still open."""

    category = Category.HEALTH
    severity = Severity.WARNING

    topic: str = "link"
    kind: str
    """The gravest kind that the incident has had so far."""
    advice: str
    """What the person can do."""
    after_s: float
    """How long the incident has lasted, in seconds."""


NOTICE_VARIABLES = frozenset(
    f"LINDA_ALERT_{name}"
    for name in (
        "ID", "PURPOSE", "TOPIC", "KIND", "SUBJECT", "BODY", "BECAUSE", "ADVICE", "ACCOUNT", "HOST", "INCIDENT",
        "BEGAN_AT", "LASTED_S",
    )
)  # fmt: skip
"""The variables in which a command is told of an alert; they are no settings."""
