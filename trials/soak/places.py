"""Which files of a data directory belong together, and how large they may become; pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from linda_bot.health.thinning import MOST as MOST_SAMPLES
from linda_bot.sessions.history import AT_MOST as MOST_ENTRIES
from linda_bot.settings import Settings

LOG, HEALTH, MESSAGES, STORE = "event log", "health record", "messages", "session store"
AHEAD = "write-ahead logs"
BACKUPS, ASIDE, HISTORY, OTHER = "backups", "set aside", "history", "everything else"
KINDS = (LOG, HEALTH, MESSAGES, STORE, AHEAD, BACKUPS, ASIDE, HISTORY, OTHER)

_WHERE = (
    (AHEAD, r"(messages|sessions)/.*-(wal|shm)"),
    (LOG, r"logs/events\.jsonl(\.\d+)?"),
    (HEALTH, r"logs/\.?health-.*"),
    (MESSAGES, r"messages/.*"),
    (BACKUPS, r"\.session-cache/backup-.*"),
    (ASIDE, r"\.session-cache/quarantine-.*"),
    (STORE, r"sessions/session-[^/]+/session\.db.*"),
    (HISTORY, r"sessions/session-[^/]+/session-history\.json"),
)
_MB, _KB = 1024 * 1024, 1024
_WAL = 4 * _MB
"""Where SQLite brings a write-ahead log into its database by itself: 1,000 pages."""


class Bound(NamedTuple):
    """How large the files of a kind may become."""

    size: int
    because: str


def kind_of(path: str) -> str:
    """Return to which kind a file belongs, by its path in the data directory."""
    return next((kind for kind, pattern in _WHERE if re.fullmatch(pattern, path)), OTHER)


def bounds(messages: int, largest: Mapping[str, int]) -> dict[str, Bound]:
    """Return the bounds of all kinds, after so many messages, with the largest sizes that were seen."""
    usual = Settings.model_construct()
    log, keep = usual.log, usual.backup.keep
    store = largest.get(STORE, 0)
    return {
        LOG: Bound(log.files * log.file_bytes + _MB, f"{log.files} files of {log.file_bytes / 1e6:g} MB"),
        HEALTH: Bound(MOST_SAMPLES * _KB + _MB, f"{MOST_SAMPLES:,} samples of 1 kB"),
        MESSAGES: Bound(_MB + messages * _KB, "1 MB, and 1 kB a message"),
        STORE: Bound(_MB, "the keys and sessions of a device with three friends"),
        AHEAD: Bound(2 * 2 * _WAL, "messages and session store, each twice 1,000 pages"),
        BACKUPS: Bound((keep + 1) * (store + 64 * _KB), f"{keep} of the store, and one that is being made"),
        ASIDE: Bound(0, "nothing was damaged"),
        HISTORY: Bound(MOST_ENTRIES * _KB, f"{MOST_ENTRIES} entries of 1 kB"),
        OTHER: Bound(_MB, "small files"),
    }
