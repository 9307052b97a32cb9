"""Which backups and quarantines go when there are too many; pure."""

from collections.abc import Sequence


def surplus_backups(newest_first: Sequence[str], *, keep: int, good: str) -> list[str]:
    """Name the backups beyond the newest `keep`, oldest first; `good`, the newest that verifies, is never named."""
    return [name for name in newest_first[max(keep, 1) :] if name != good][::-1]


def surplus_quarantines(newest_first: Sequence[str], *, keep: int) -> list[str]:
    """Name what was set aside beyond the newest `keep`, oldest first."""
    return list(newest_first[max(keep, 1) :])[::-1]
