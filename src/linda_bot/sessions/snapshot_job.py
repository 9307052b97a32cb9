"""What the process that makes a backup is told, and what it tells."""

import msgspec

from linda_bot.sessions.manifest import Manifest


class SharedSource(msgspec.Struct, frozen=True):
    """Where a session is that is in no file; see `sessions.shared.access.SharedStore`."""

    address: str
    """The database's: a secret."""
    maker: tuple[str, ...]
    """Has the client library make an empty file; see `sessions.shared.making.Maker`."""
    fence: int | None = None

    def __repr__(self) -> str:
        """Tell nothing of the address."""
        return "SharedSource()"


class Job(msgspec.Struct, frozen=True):
    """What to back up, why, and how many to keep."""

    data_dir: str
    account: str
    reason: str
    keep: int
    keys: tuple[str, ...] = ()
    """The keys that encrypt it; none for a copy in the clear."""
    shared: SharedSource | None = None
    """The database that the session is in; None for the file under the data directory."""

    def __repr__(self) -> str:
        """Tell of everything but the keys."""
        return f"Job({self.account!r}, {self.reason!r}, keep={self.keep})"


class Outcome(msgspec.Struct, frozen=True):
    """What came of a job: a backup, or an error in one line."""

    name: str = ""
    manifest: Manifest | None = None
    removed: tuple[str, ...] = ()
    error: str = ""
