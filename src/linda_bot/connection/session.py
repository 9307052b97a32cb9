"""What the link needs to know of a session, and asks of its files."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol


class SessionLook(NamedTuple):
    """What was found where the session should be."""

    linked: bool
    damaged: bool = False
    why: str = ""
    """Why there is nothing to restore, or what is damaged."""
    previous_status: str = ""
    last_activity: datetime | None = None
    verdict: str = ""
    points: tuple[str, ...] = ()
    """What was checked, each with its result."""
    went_back: str = ""
    """Why the store was older than what was sent from it; it was treated."""
    login_in_s: float = 0.0
    """How long the login must wait, because there were many lately."""


class PutBack(NamedTuple):
    """What came of looking for a backup."""

    backup: str = ""
    """Which one is in place now; empty for none."""
    made_at: datetime | None = None
    quarantined: Path | str | None = None
    passed_over: tuple[str, ...] = ()


class SessionFiles(Protocol):
    """What the link asks of the session's files; while an engine runs, only `still_linked` and `proved`."""

    @property
    def store(self) -> Path:
        """Where the client library keeps its store."""

    async def look(self) -> SessionLook:
        """Check the session and make it ready for an engine, whose login counts as one from here on.

        Raises SessionInaccessibleError when that is not possible for now.
        """

    async def still_linked(self) -> bool:
        """Return whether the store still holds a device; safe while an engine has it open."""

    async def set_aside(self, because: str) -> Path | str | None:
        """Move the session out of the way and return where to; None when there was nothing."""

    async def recover(self, because: str) -> PutBack:
        """Put the newest backup back that can be used, if there is one; raises SessionInaccessibleError."""

    async def retire(self, because: str) -> None:
        """Have no backup of this linking be put back any more: the phone has removed the device."""

    def proved(self) -> None:
        """Note that the session logged in: whatever was put back is good."""
