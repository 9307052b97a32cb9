"""What is remembered of a session whose store is older than its life: until when it is watched, and why."""

from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import msgspec

from linda_bot.kernel.files import UnreadableFileError, fit_json, read_json, write_json
from linda_bot.sessions.device_status import moment, timestamp

WATCHED_FOR = timedelta(minutes=10)
_WORTH_A_RELINK = 5


class RestoreVerdict(StrEnum):
    """How a session that was put back turned out; the words that users see."""

    RESTORED = "restored"
    DEGRADED = "degraded"
    RELINK_ADVISED = "re-link advised"


class Aftercare(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The content of `after-restore.json`; there from the moment of a restore until its verdict."""

    since: str
    because: str
    backup: str = ""
    """Which one was put back; empty when the store went back by itself."""
    backup_made_at: str = ""
    received: int = 0
    recovered: int = 0
    pending: tuple[str, ...] = ()
    """The ids of messages that could not be read and have not come again."""

    @property
    def ends_at(self) -> datetime | None:
        """When the verdict is due."""
        begun = moment(self.since)
        try:
            return begun + WATCHED_FOR if begun else None
        except OverflowError:
            return begun


def load_aftercare(path: Path) -> Aftercare | None:
    """Return what is watched; None for nothing, or nothing that can be read."""
    try:
        return read_aftercare(path)
    except UnreadableFileError:
        return None


def read_aftercare(path: Path) -> Aftercare:
    """Return what is watched; raises UnreadableFileError."""
    return fit_json(read_json(path), Aftercare)


def begin_aftercare(path: Path, *, because: str, now: datetime, backup: str = "", made_at: str = "") -> None:
    """Remember a restore; raises OSError."""
    aftercare = Aftercare(since=timestamp(now), because=because, backup=backup, backup_made_at=made_at)
    write_json(path, msgspec.to_builtins(aftercare))


def save_aftercare(
    path: Path, aftercare: Aftercare, *, received: int, recovered: int, pending: tuple[str, ...]
) -> None:
    """Remember what was counted so far; raises OSError."""
    changed = msgspec.structs.replace(aftercare, received=received, recovered=recovered, pending=pending)
    write_json(path, msgspec.to_builtins(changed))


def judge(*, received: int, pending: int) -> RestoreVerdict:
    """Return the verdict on a restore from how many messages came, and how many of them could never be read."""
    if not pending:
        return RestoreVerdict.RESTORED
    if pending >= _WORTH_A_RELINK and pending > received:
        return RestoreVerdict.RELINK_ADVISED
    return RestoreVerdict.DEGRADED
