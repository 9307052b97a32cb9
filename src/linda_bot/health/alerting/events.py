"""What becomes of the notices, as events."""

from linda_bot.kernel.events import Category, Event, Severity


class NoticeSent(Event, frozen=True, kw_only=True):
    """A sink has taken a notice."""

    category = Category.HEALTH

    sink: str
    notice: str
    """Its id."""
    purpose: str
    tries: int


class NoticeFailed(Event, frozen=True, kw_only=True):
    """A sink did not take a notice; it is not tried again."""

    category = Category.HEALTH
    severity = Severity.ERROR

    sink: str
    notice: str
    """Its id."""
    error: str
