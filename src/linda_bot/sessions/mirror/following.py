"""Which files follow an account from host to host; pure.

What is not named here stays where it is: locks, sockets, the event log, and what says how this host ran. A row of the
database that is not named here is a stranger's, or a newer version's: it is left alone and never laid down.
"""

import re
from typing import NamedTuple

from linda_bot.sessions.manifest import COPY, MANIFEST, RETIRED, SEALED_COPY

_IN_BACKUP = frozenset({MANIFEST, COPY, SEALED_COPY, RETIRED})
_LARGEST_STATE = 64 * 1024 * 1024
_LARGEST_COPY = 256 * 1024 * 1024


class Follower(NamedTuple):
    """A file that follows."""

    path: str
    """Relative to the data directory, with slashes."""
    group: str
    """Files of one group are only of use together: they come and go in one step."""
    largest: int
    """What is larger, in bytes, stays behind."""
    every_s: float = 0.0
    """It is pushed at most so often; for what changes all the time."""

    @property
    def is_in_backup(self) -> bool:
        """Whether it is part of a backup."""
        return self.group != self.path


def state_files(account: str) -> tuple[Follower, ...]:
    """Return the single files that follow an account, whether they are there or not."""
    session = f"sessions/session-{account}"
    often = (
        f"{session}/device-status.json",
        f"{session}/session-history.json",
        f"{session}/paused.json",
        f"{session}/after-restore.json",
        f"{session}/recent-logins",
        f"{session}/made-in-sandbox",
        f"logs/.alerts-{account}.json",
    )
    seldom = (f"logs/health-{account}.jsonl", f"logs/.health-now-{account}.json")
    return (
        *(Follower(path, path, _LARGEST_STATE) for path in often),
        *(Follower(path, path, _LARGEST_STATE, every_s=60.0) for path in seldom),
    )


def follower(account: str, path: str) -> Follower | None:
    """Return what follows under a path, exactly as it is written; None for everything else."""
    found = re.fullmatch(rf"(\.session-cache/backup-{re.escape(account)}-[0-9]{{3,9}})/([a-z.]+)", path, re.ASCII)
    if found is not None:
        return Follower(path, found[1], _LARGEST_COPY) if found[2] in _IN_BACKUP else None
    return next((each for each in state_files(account) if each.path == path), None)
