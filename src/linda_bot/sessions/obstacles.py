"""What stands in the place of a session's files and cannot be one: renamed, never deleted."""

from collections.abc import Callable
from pathlib import Path

from linda_bot.kernel.files import UnreadableFileError, put_unreadable_aside
from linda_bot.sessions.aftercare import read_aftercare
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.rollback import read_run_mark
from linda_bot.sessions.store import side_files


def clear_the_way(paths: SessionPaths) -> bool:
    """Rename what would keep the session's files from being written; return whether the store's log was in its place.

    Only with the session's lock held and no engine running. The store itself is left to the validation, the rest of
    the state files to the book. Raises OSError.
    """
    log, *others = side_files(paths.store)
    draft = paths.next_store.with_name(f"{paths.next_store.name}.draft")
    for file in (*others, paths.next_store, draft, *side_files(draft)):
        _away_unless_file(file)
    _away_unless_readable(paths.run_mark, read_run_mark)
    _away_unless_readable(paths.aftercare, read_aftercare)
    return _away_unless_file(log)


def _away_unless_file(path: Path) -> bool:
    if path.is_file() and not path.is_symlink():
        return False
    return put_unreadable_aside(path) is not None


def _away_unless_readable(path: Path, read: Callable[[Path], object]) -> None:
    try:
        read(path)
    except UnreadableFileError:
        put_unreadable_aside(path)
