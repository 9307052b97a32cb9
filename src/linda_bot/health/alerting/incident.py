"""An incident and a moment, as values; pure."""

from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Now(NamedTuple):
    """A moment on two clocks."""

    wall: datetime
    """What people read; it may jump."""
    loop_s: float
    """What waits are measured with; it does not jump, and means nothing to another process."""


class Trouble(msgspec.Struct, frozen=True):
    """What is wrong."""

    kind: str
    because: str
    advice: str
    at: Instant


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which something was wrong, with what a person was told of it."""

    id: str
    topic: str
    troubles: tuple[Trouble, ...]
    """In the order in which they came, each graver than the one before; never empty."""
    began_at: Instant
    over_at: Instant | None = None
    lasted_s: float = 0.0
    """Once it is over: how long it was open."""
    told: int = 0
    """How many notices there were."""
    told_troubles: int = 0
    """How many of the troubles a person knows of."""
    reminders: int = 0
    """How often the log was told that it is still open since the last trouble."""
    owes_reminder: bool = False
    """Whether only the log was reminded, because the person was not to be woken."""
    told_at: Instant | None = None
    """When anything was last told, be it to the log; in another process the next field follows from it."""
    told_s: float = 0.0
    """The same on the loop's clock."""
    began_s: float = 0.0

    @property
    def kind(self) -> str:
        """The gravest kind so far."""
        return self.troubles[-1].kind

    def open_for(self, now: Now) -> float:
        """Return for how many seconds it has been open."""
        return max(now.loop_s - self.began_s, 0.0)


def carried_over(incident: Incident, now: Now) -> Incident:
    """Return an incident of another process with this one's loop clock; a wall clock that went back is no time."""

    def on_the_loop(at: datetime) -> float:
        return now.loop_s - max((now.wall - at).total_seconds(), 0.0)

    return msgspec.structs.replace(
        incident,
        began_s=on_the_loop(incident.began_at),
        told_s=on_the_loop(incident.told_at or incident.began_at),
    )
