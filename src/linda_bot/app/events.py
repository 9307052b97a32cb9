"""What happens to one of several accounts of a process."""

from typing import ClassVar

from linda_bot.kernel.events import Category, Event, Severity


class AccountChanged(Event, frozen=True, kw_only=True):
    """An account has begun, ended, waits, is paused, or was removed."""

    category: ClassVar[Category] = Category.SESSION

    account: str
    phase: str
    """A word of `app.resident.Phase`, or `removed`."""
    because: str

    @property
    def weight(self) -> Severity:
        """A failure matters more."""
        return Severity.WARNING if self.phase in ("failed", "unlinked", "ended") else Severity.INFO


class AccountCrashed(Event, frozen=True, kw_only=True):
    """A bug of linda-bot has ended an account; the others live on, and it begins again."""

    category: ClassVar[Category] = Category.SESSION
    severity: ClassVar[Severity] = Severity.ERROR

    error: str
    trace: str
