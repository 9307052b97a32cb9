"""The files that follow an account, as they are on this host."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from linda_bot.sessions.mirror.following import Follower, follower, state_files
from linda_bot.sessions.paths import SessionPaths


class Stamp(NamedTuple):
    """What changes when a file does."""

    inode: int
    size: int
    changed_ns: int


class Found(NamedTuple):
    """A file that is there."""

    follower: Follower
    stamp: Stamp


def look(paths: SessionPaths) -> dict[str, Found]:
    """Return the files that are there, by path; what is no plain file counts as not there."""
    found = {}
    for each in (*state_files(paths.account), *_in_backups(paths)):
        stamp = stamp_of(paths.data_dir / each.path)
        if stamp is not None:
            found[each.path] = Found(each, stamp)
    return found


def stamp_of(path: Path) -> Stamp | None:
    """Return a plain file's stamp; None for everything else."""
    try:
        there = path.lstat()
    except OSError:
        return None
    return Stamp(there.st_ino, there.st_size, there.st_mtime_ns) if stat.S_ISREG(there.st_mode) else None


def content_of(path: Path) -> bytes | None:
    """Return what is in a plain file; None where there is none that can be read."""
    # Not blocking: a pipe may have come into its place meanwhile.
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return file.read()
    return None


def digest_of(content: bytes) -> str:
    """Return what tells one content from another; the database reckons the same."""
    return hashlib.sha256(content).hexdigest()


def _in_backups(paths: SessionPaths) -> Iterator[Follower]:
    """Yield what is in the backups that are whole: one that is taking shape, or leaving, has another name."""
    for directory in _entries(paths.cache):
        if directory.name.startswith(f"backup-{paths.account}-") and not directory.is_symlink():
            for file in _entries(directory):
                found = follower(paths.account, file.relative_to(paths.data_dir).as_posix())
                if found is not None:
                    yield found


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []
