"""What is done to a store before an engine opens it, while it has it open, and after it has let go."""

import contextlib
import sqlite3
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from linda_bot.sessions.aftercare import begin_aftercare
from linda_bot.sessions.guard import drop_guard, take_guard_away
from linda_bot.sessions.obstacles import clear_the_way
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.ratchets import strip_ratchets
from linda_bot.sessions.recovery import finish_interrupted
from linda_bot.sessions.rollback import (
    RunMark,
    boot_id,
    bring_to_disk,
    load_run_mark,
    read_generation,
    save_run_mark,
    set_generation,
    went_back,
)
from linda_bot.sessions.store import Identity, forget_seal, side_files
from linda_bot.sessions.validation import Validation, Verdict, validate

_LOG_LOST = "the write-ahead log of the session's store is gone: its last writes are lost"


class Opening(NamedTuple):
    """What was found, and done, before an engine may open the store."""

    validation: Validation
    went_back: str = ""
    """Why the store may be older than what was sent from it; it was treated then."""


def open_session(paths: SessionPaths) -> Opening:
    """Validate a session, cure its store if it went back by itself, and mark it as in use.

    Only while no engine has the store open. Raises SessionInaccessibleError, OSError.
    """
    log_is_lost = clear_the_way(paths)
    finish_interrupted(paths)
    found = validate(paths)
    mark = load_run_mark(paths.run_mark)
    if found.verdict is not Verdict.RESTORABLE or found.identity is None:
        # A store that comes with a new linking carries no number yet; a damaged one may still be looked at again.
        generation = mark.generation if found.verdict is Verdict.DAMAGED else 0
        _save(paths, RunMark(boot_id=boot_id(), running=True, generation=generation))
        if found.verdict is Verdict.NOT_LINKED:
            with contextlib.suppress(sqlite3.Error):
                forget_seal(paths.store)
                drop_guard(paths.store)
        return Opening(found)
    try:
        because = _cure(paths, found.identity, mark, because=_LOG_LOST if log_is_lost else "")
    except (sqlite3.Error, OSError):  # a full or read-only disk: the client library will say what it thinks of it
        return Opening(found)
    return Opening(found, because)


def keep_up(paths: SessionPaths, seen: tuple[int, int]) -> tuple[int, int]:
    """Raise the store's number when it was written to since `seen`, also while an engine has it open.

    Returns what to hand in the next time. What goes back to a state before this is noticed at the next start.
    """
    now = _written(paths)
    if now == seen:
        return seen
    mark = load_run_mark(paths.run_mark)
    with contextlib.suppress(sqlite3.Error, OSError):
        set_generation(paths.store, mark.generation + 1)
        _save(paths, msgspec.structs.replace(mark, generation=mark.generation + 1))
    return _written(paths)


def close_session(paths: SessionPaths) -> None:
    """Have everything survive a power loss from here on; only after the engine is gone."""
    if paths.store.is_file():
        bring_to_disk(paths.store)
    mark = load_run_mark(paths.run_mark)
    if mark.running:
        _save(paths, msgspec.structs.replace(mark, running=False))


def _cure(paths: SessionPaths, identity: Identity, mark: RunMark, *, because: str = "") -> str:
    """Strip a store that went back, and mark it; return why, or nothing."""
    present, this_boot = read_generation(paths.store), boot_id()
    because = because or went_back(mark, boot_id=this_boot, generation=present)
    if because:
        begin_aftercare(paths.aftercare, because=because, now=datetime.now(UTC))
        strip_ratchets(paths.store, identity)
    generation = max(present, mark.generation) + 1
    set_generation(
        paths.store, generation, also=take_guard_away
    )  # before the mark: a death in between must not look like a way back
    _save(paths, RunMark(boot_id=this_boot, running=True, generation=generation))
    return because


def _save(paths: SessionPaths, mark: RunMark) -> None:
    with contextlib.suppress(OSError):  # on a full disk the mark stays as it was, which is the careful side
        save_run_mark(paths.run_mark, mark)


def _written(paths: SessionPaths) -> tuple[int, int]:
    """Return what changes when the store is written to."""
    log = side_files(paths.store)[0]
    with contextlib.suppress(OSError):
        found = log.stat()
        return found.st_mtime_ns, found.st_size
    return (0, 0)
