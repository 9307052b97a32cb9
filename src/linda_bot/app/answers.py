"""What a running bot answers to those who ask it through a door; values only, cheap to import."""

import msgspec


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a request."""


class Reconnected(_Answer, frozen=True, kw_only=True):
    """What came of a request for a new connection."""

    connected: bool
    states: tuple[str, ...]
    """What the link was when it was asked, where nothing was begun, and what it went through since."""
    why_not: str = ""
    """Why no connection is to be expected soon; empty when one is there or may come."""


class BackupMade(_Answer, frozen=True, kw_only=True):
    """A verified backup is there."""

    backup: str
    """Its name."""


class Sent(_Answer, frozen=True, kw_only=True):
    """What is known of a message that a person has sent."""

    outcome: str
    """`sent`; `queued`: it waits in the outbox; `sending`: WhatsApp has not confirmed it yet; `failed`; `unknown`: it
    may have arrived.
    """
    key: int
    """Its number in the outbox."""
    message_id: str = ""
    """Its id at WhatsApp."""
    because: str = ""
    """Why it was not sent, or waits."""


class Lasting(_Answer, frozen=True, kw_only=True):
    """What came of a pause or its end."""

    changed: bool
    """Whether it was the other way round before."""
    paused_since: str | None
    not_kept: str = ""
    """Why the next start will know nothing of it; empty when it will."""


class LoggedOut(_Answer, frozen=True, kw_only=True):
    """What came of a logout."""

    set_aside: str | None
    """Where the session's files are now."""
