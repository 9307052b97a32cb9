"""What the daemon's mailbox lies on: a file, or a database."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from linda_bot.whatsapp.mailbox import MailConnection

T = TypeVar("T")


class Ground(Protocol):
    """Does work with a mailbox, one piece after the other; what passes by itself is waited out and told."""

    @property
    def shelf(self) -> Path | None:
        """Where files that are to be sent lie on this host, if the mailbox itself has to hold them for other hosts."""

    async def begin(self) -> None:
        """Open the mailbox; raises UsageError, OSError, MailboxError or DatabaseTroubleError when it cannot be."""

    async def read(self, work: Callable[[MailConnection], T], *, size: int = 0) -> T:
        """Read something; it may be read again from the beginning. `size` is that of a file."""

    async def write(self, work: Callable[[MailConnection], T], *, size: int = 0) -> T:
        """Do several writes or none; they may be tried again from the beginning. `size` is that of files among them."""

    async def check(self) -> None:
        """Look whether the mailbox is whole, where that is our business."""

    async def tidy(self) -> None:
        """Do what makes it smaller or faster, where that is our business."""

    async def close(self) -> None:
        """Let go of the mailbox."""
