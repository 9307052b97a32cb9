"""An account comes to this host: the database's files are laid down, what it does not know is moved aside."""

import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from linda_bot.database.connecting import Database
from linda_bot.kernel.files import make_private_dir, sync_directory, write_atomic
from linda_bot.kernel.flock import locked
from linda_bot.sessions.catalogue import clear_leftovers, draft_name
from linda_bot.sessions.manifest import RETIRED
from linda_bot.sessions.mirror.following import Follower, follower
from linda_bot.sessions.mirror.local import content_of, digest_of, look, stamp_of
from linda_bot.sessions.mirror.table import Entry, FilesTable, files_of
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.retention import surplus_quarantines

_LOCK_WAIT_S = 30.0
_NAME, _KEEP = "replaced", 5


class Pulled(NamedTuple):
    """What came of it."""

    laid_down: int
    """How many files are new or changed here."""
    aside: Path | None = None
    """Where what was here and not in the database is now; None when there was nothing."""
    passed_over: tuple[str, ...] = ()
    """Rows of the database that no version of linda-bot this old would have written: they are left alone."""


def pull(database: Database, paths: SessionPaths, fence: int | None, *, now: datetime | None = None) -> Pulled:
    """Bring an account's small files here; only with its session's lock held, and before anything of it is read.

    What was here and is not in the database is moved, not deleted; of such the newest few are kept. A death at any
    point leaves whole files, and the next pull goes on. Raises DatabaseTroubleError, UsageError, OSError, and
    BlockingIOError while somebody makes a backup for too long.
    """
    for directory in (paths.directory, paths.cache, paths.logs):
        make_private_dir(directory)
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = _Aside(paths, paths.cache / f"{_NAME}-{paths.account}-{stamp}")
    with (
        files_of(database, paths.account, "pull", fence) as table,
        locked(paths.backup_lock, wait_s=_LOCK_WAIT_S),
    ):
        pulled = _pull(table, paths, aside)
        if pulled.aside is not None:
            _clean_up(paths, pulled.aside)
        return pulled


def _pull(table: FilesTable, paths: SessionPaths, aside: "_Aside") -> Pulled:
    clear_leftovers(paths)
    wanted, passed_over = _sorted(table.entries(), paths.account)
    groups = {each.group for each in wanted}
    for found in look(paths).values():
        if found.follower.group not in groups:
            aside.take(found.follower.group)
    laid_down = 0
    for group in sorted(groups):
        laid_down += _bring(
            table, paths, [(each, entry) for each, entry in wanted.items() if each.group == group], aside
        )
    return Pulled(laid_down, aside.place if aside.is_used else None, passed_over)


def _clean_up(paths: SessionPaths, newest: Path) -> None:
    others = sorted((place.name for place in paths.cache.glob(f"{_NAME}-{paths.account}-*")), reverse=True)
    # This one is the newest, whatever a clock that went back says of it.
    for surplus in surplus_quarantines([newest.name, *(name for name in others if name != newest.name)], keep=_KEEP):
        shutil.rmtree(paths.cache / surplus, ignore_errors=True)


def _sorted(entries: Iterable[Entry], account: str) -> tuple[dict[Follower, Entry], tuple[str, ...]]:
    """Return what may be laid down, and the paths of what may not."""
    wanted, passed_over = {}, []
    for entry in entries:
        found = follower(account, entry.path)
        if found is None or entry.size > found.largest:
            passed_over.append(entry.path)
        else:
            wanted[found] = entry
    return wanted, tuple(passed_over)


def _bring(table: FilesTable, paths: SessionPaths, group: Sequence[tuple[Follower, Entry]], aside: "_Aside") -> int:
    """Bring the files of one group here; return how many were not here yet."""
    if not group[0][0].is_in_backup:
        return _bring_file(table, paths, *group[0], aside)
    place = paths.data_dir / group[0][0].group
    asked = {each.path.rpartition("/")[2]: (each, entry) for each, entry in group}
    here = {name: _digest(place / name) for name in {*asked, *_names_in(place)}}
    is_real = place.is_dir() and not place.is_symlink()
    lasting = {name for name in {*asked, *here} if name != RETIRED}
    if is_real and all(name in asked and here.get(name) == asked[name][1].digest for name in lasting):
        # A backup never changes, but for whether it still counts.
        if RETIRED in asked:
            return _bring_file(table, paths, *asked[RETIRED], aside)
        aside.take(f"{group[0][0].group}/{RETIRED}")
        return 0
    contents = {name: table.content(entry) for name, (_, entry) in asked.items()}
    aside.take(group[0][0].group)
    draft = paths.cache / draft_name(place.name)
    draft.mkdir(mode=0o700)
    for name, content in contents.items():
        if content is not None:
            write_atomic(draft / name, content)
    draft.rename(place)
    sync_directory(paths.cache)
    return len(contents)


def _bring_file(table: FilesTable, paths: SessionPaths, found: Follower, entry: Entry, aside: "_Aside") -> int:
    place = paths.data_dir / found.path
    if _digest(place) == entry.digest:
        return 0
    content = table.content(entry)
    if content is None:
        return 0
    if stamp_of(place) is None:  # it is no file
        aside.take(found.path)
    write_atomic(place, content)
    return 1


def _digest(path: Path) -> str:
    content = content_of(path)
    return "" if content is None else digest_of(content)


def _names_in(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()] if directory.is_dir() else []


class _Aside:
    """Where what gives way is moved to, under the path that it had."""

    def __init__(self, paths: SessionPaths, place: Path) -> None:
        """Take where what gives way goes; the directory is made when it is needed."""
        self._paths = paths
        self.place = place
        self.is_used = False

    def take(self, path: str) -> None:
        """Move a file, a directory or whatever has its name; nothing when there is none."""
        source = self._paths.data_dir / path
        if not source.exists() and not source.is_symlink():
            return
        target = self.place / path
        make_private_dir(self.place)
        make_private_dir(target.parent)
        self.is_used = True
        source.rename(target)
        sync_directory(target.parent)
        sync_directory(source.parent)
