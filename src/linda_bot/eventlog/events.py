"""What happens to the log itself."""

from linda_bot.kernel.events import Category, Event, Severity


class LogTrouble(Event, frozen=True, kw_only=True):
    """The log cannot be written for now; the bot lives on, and counts the lines that are lost."""

    category = Category.HEALTH
    severity = Severity.ERROR

    because: str


class LogRecovered(Event, frozen=True, kw_only=True):
    """The log is written again."""

    category = Category.HEALTH

    lost: int
    """How many lines are missing."""
    after_s: float


class LinesHeldBack(Event, frozen=True, kw_only=True):
    """The same line came so often that most of them were not written."""

    category = Category.HEALTH
    severity = Severity.WARNING

    of: str
    """The event's name, or the logger's."""
    count: int
    for_s: float
    example: str = ""


class LogLevelChanged(Event, frozen=True, kw_only=True):
    """From here on more is logged, or less."""

    category = Category.HEALTH

    to: str
    because: str
