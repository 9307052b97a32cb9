"""Setting a session aside: moved, never deleted at once."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from linda_bot.kernel.files import make_private_dir, sync_directory, write_json
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.retention import surplus_quarantines
from linda_bot.sessions.store import side_files

KEEP = 3


def set_aside(paths: SessionPaths, because: str, *, now: datetime | None = None) -> Path | None:
    """Move what is the session to `.session-cache/quarantine-...` and return where; None when there is nothing.

    Its history stays, because it is that of the account.

    Only to be called while no engine has the store open. The newest three of an account are kept.
    """
    # A lock that moves would let a second one in; a history that does would be gone if we died on the way.
    stays = {paths.lock, paths.engine_lock, paths.sandbox_mark, paths.next_store, paths.logins, paths.history}
    stays |= {paths.pause, paths.control, paths.control_pointer}  # they are the bot's, not the session's
    stays |= {paths.moved_to}
    return _move(paths, [entry for entry in paths.directory.iterdir() if entry not in stays], because, now)


def set_store_aside(paths: SessionPaths, because: str, *, now: datetime | None = None) -> Path | None:
    """Move only the store and what SQLite keeps beside it: the session's status and history stay."""
    found = [file for file in (paths.store, *side_files(paths.store)) if file.exists() or file.is_symlink()]
    return _move(paths, found, because, now)


def quarantines(paths: SessionPaths) -> list[Path]:
    """Return what was set aside of an account, newest first."""
    try:
        found = [entry for entry in paths.cache.glob(f"quarantine-{paths.account}-*") if entry.is_dir()]
    except OSError:
        return []
    return sorted(found, key=lambda entry: entry.name, reverse=True)


def _move(paths: SessionPaths, found: Sequence[Path], because: str, now: datetime | None) -> Path | None:
    kept = {paths.store, *side_files(paths.store)}
    if kept.isdisjoint(found):
        return None
    make_private_dir(paths.cache)
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S.%fZ")
    place = paths.cache / f"quarantine-{paths.account}-{stamp}"
    make_private_dir(place)
    write_json(place / "why.json", {"because": because, "account": paths.account, "at": stamp})
    # The store first: should we die then, the next start finds a log without its store and sets that aside too. A store
    # without its log would be taken for whole, and is older than what was sent from it.
    for entry in sorted(found, key=lambda entry: entry != paths.store):
        entry.replace(place / entry.name)
    sync_directory(place)
    sync_directory(paths.directory)
    # This one is the newest, whatever a clock that went back says of it.
    others = [entry.name for entry in quarantines(paths) if entry != place]
    for surplus in surplus_quarantines([place.name, *others], keep=KEEP):
        shutil.rmtree(paths.cache / surplus, ignore_errors=True)
    return place
