"""Setting a session aside: moved as a whole, never deleted."""

from datetime import UTC, datetime
from pathlib import Path

from linda_bot.kernel.files import make_private_dir, write_json
from linda_bot.sessions.paths import SessionPaths


def set_aside(paths: SessionPaths, because: str, *, now: datetime | None = None) -> Path | None:
    """Move everything but the locks to `.session-cache/quarantine-...` and return where; None when there is nothing.

    Only to be called while no engine has the store open.
    """
    # A lock that moves would let a second one in.
    stays = {paths.lock, paths.engine_lock, paths.sandbox_mark}
    found = [entry for entry in paths.directory.iterdir() if entry not in stays]
    if paths.store not in found:
        return None
    make_private_dir(paths.cache)
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S.%fZ")
    place = paths.cache / f"quarantine-{paths.account}-{stamp}"
    make_private_dir(place)
    write_json(place / "why.json", {"because": because, "account": paths.account, "at": stamp})
    # The store last: should we die before, the next start finds it and sets it aside again. A write-ahead log that
    # outlives its store would be read into the next one.
    for entry in sorted(found, key=lambda entry: entry == paths.store):
        entry.replace(place / entry.name)
    return place
