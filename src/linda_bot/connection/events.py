"""What happens to the link, in our words."""

from datetime import datetime

from linda_bot.kernel.events import Event


class LinkStateChanged(Event, frozen=True, kw_only=True):
    """The link moved from one state to another."""

    old: str
    new: str
    because: str


class SessionValidated(Event, frozen=True, kw_only=True):
    """The session's files were checked; the points in order, up to the first that cannot be lived with."""

    verdict: str
    points: tuple[str, ...]


class RestoreStarted(Event, frozen=True, kw_only=True):
    """An existing session is being brought back."""

    attempt: int
    attempts: int
    previous_status: str
    last_activity: datetime | None


class RestoreAuthenticated(Event, frozen=True, kw_only=True):
    """WhatsApp accepted the stored identity."""

    attempt: int
    duration_ms: int


class RestoreCompleted(Event, frozen=True, kw_only=True):
    """The session is whole again and the bot listens."""

    attempt: int
    duration_ms: int
    number: str


class LinkingStarted(Event, frozen=True, kw_only=True):
    """A round of QR codes begins."""

    round: int
    rounds: int
    why: str


class LinkingCompleted(Event, frozen=True, kw_only=True):
    """The device is linked and the bot listens."""

    number: str


class AttemptFailed(Event, frozen=True, kw_only=True):
    """An engine's life ended, or could not begin; what follows is decided next."""

    finding: str
    because: str


class RetryScheduled(Event, frozen=True, kw_only=True):
    """Another attempt follows."""

    in_s: float
    attempt: int
    """How many attempts have failed in a row."""
    attempts: int
    """After how many the circuit opens."""
    because: str


class SessionSetAside(Event, frozen=True, kw_only=True):
    """The session's files were moved out of the way, not deleted."""

    to: str
    because: str


class LinkGaveUp(Event, frozen=True, kw_only=True):
    """No retry can help; the process ends."""

    exit_code: int
    because: str
    advice: str
