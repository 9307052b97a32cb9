"""Good links: times in which the link was up, short breaks not counted; pure."""

from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from linda_bot.connection.ledger.chapters import between
from linda_bot.kernel.spans import span

_SHORT_BREAK = timedelta(minutes=5)
"""A break that a good link may have."""


class Stretch(NamedTuple):
    """A time in which the link was up."""

    since: datetime
    until: datetime

    @property
    def lasted_s(self) -> float:
        """Return how long it was, in seconds."""
        return max((self.until - self.since).total_seconds(), 0.0)


class Stretches:
    """Follows when the link is up."""

    def __init__(self) -> None:
        self.newest: Stretch | None = None
        """The last good link, or the present one."""
        self.before: Stretch | None = None
        """The one before that."""
        self._is_up = False

    def begins(self, at: datetime, *, anew: bool) -> None:
        """Take note that the link is up; `anew` if it is another linking than before."""
        newest, self._is_up = self.newest, True
        if newest is not None and not anew and timedelta(0) <= at - newest.until <= _SHORT_BREAK:
            self.newest = newest._replace(until=at)
            return
        self.before, self.newest = newest or self.before, Stretch(at, at)

    def goes_on(self, at: datetime) -> None:
        """Take note of a moment; if the link is up, it was until then."""
        if self._is_up and self.newest is not None:
            self.newest = self.newest._replace(until=max(at, self.newest.until))

    def ends(self, at: datetime) -> None:
        """Take note that the link is not up from here on."""
        self.goes_on(at)
        self._is_up = False

    def forget(self) -> None:
        """Take note that what follows does not come right after what was before."""
        self._is_up = False

    def told(self, zone: tzinfo | None, *, beside: datetime) -> tuple[str, ...]:
        """Say from when to when the last good link was, if there was one."""
        if self.newest is None or not self.newest.lasted_s:
            return ()
        since, until = between(self.newest.since, self.newest.until, zone, beside=beside)
        return (f"the last good link was from {since} to {until} ({span(self.newest.lasted_s)})",)
