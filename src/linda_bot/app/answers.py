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


class AccountView(_Answer, frozen=True, kw_only=True):
    """One of several accounts; times in UTC with milliseconds and a Z."""

    id: str
    """What stands for it in addresses of pages; it is no number, and stays the same."""
    account: str
    """Its number, masked unless asked for, or `default`."""
    phase: str
    """A word of `app.resident.Phase`, or `removed`."""
    why: str = ""
    since: str | None = None
    """Of the phase."""
    state: str = ""
    """Of its link, where it runs: a word of `connection.lifecycle.LinkState`."""
    state_since: str | None = None
    because: str = ""
    """Why the link is in this state."""
    linked_number: str = ""
    """Empty for none."""
    health: str = "unknown"
    alerts: int = 0
    """Incidents that are open."""
    host: str = ""
    """Which host has it, where several share a database."""
    next_try_s: float | None = None
    is_named: bool = False
    """Whether the settings name it, so that it cannot be removed."""


class Accounts(_Answer, frozen=True, kw_only=True):
    """All accounts of a process, in order."""

    accounts: tuple[AccountView, ...]
