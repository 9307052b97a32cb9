"""What is done to a session in a database before an engine works on it, meanwhile, and after it has let go.

As in `sessions.opening`, but for two things: the end of this machine says nothing about the database's last writes,
another server in the database's place does; and the engine that was killed may have left a statement at work.
"""

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from linda_bot.sessions.aftercare import begin_aftercare
from linda_bot.sessions.obstacles import clear_the_way
from linda_bot.sessions.opening import Opening
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.rollback import RunMark, load_run_mark, save_run_mark
from linda_bot.sessions.shared import store as stored
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.fencing import end_leftovers
from linda_bot.sessions.shared.guard import drop_guard
from linda_bot.sessions.shared.making import Maker
from linda_bot.sessions.shared.schema import prepare
from linda_bot.sessions.shared.validation import validate
from linda_bot.sessions.store import Identity
from linda_bot.sessions.validation import Verdict

if TYPE_CHECKING:
    import psycopg

ENGINE = "engine"
"""What an engine's connections call themselves; see `database.places.worker`."""

_WENT_BACK = "the session in the database is older than it was: a backup of the database was put in its place"
_TOOK_OVER = "another server took over the database while the bot ran: the last writes to the session may be lost"
_TIMELINE = "timeline "


def open_session(store: SharedStore, paths: SessionPaths, maker: Maker) -> Opening:
    """Validate a session, cure it if it went back by itself, and mark it as in use; made where there is none.

    Only while no engine works on it. Raises DatabaseTroubleError, FencedOffError, TablesNotMadeError, OSError.
    """
    clear_the_way(paths)
    is_new = prepare(store, maker)
    with store.opened() as connection:
        end_leftovers(connection, store.account, ENGINE, store.fence)
        found = validate(connection, paths, is_new=is_new)
        mark, history = load_run_mark(paths.run_mark), stored.history_of(connection)
        if found.verdict is not Verdict.RESTORABLE or found.identity is None:
            if found.verdict in (Verdict.MISSING, Verdict.NOT_LINKED):
                with connection.transaction():
                    stored.forget_seal(connection)
                    drop_guard(connection, store.schema)
            generation = mark.generation if found.verdict is Verdict.DAMAGED else 0
            _save(paths, RunMark(boot_id=history, running=True, generation=generation))
            return Opening(found)
        present = stored.generation_in(connection)
        because = _went_back(mark, history=history, generation=present)
        generation = max(present, mark.generation) + 1
        if because:
            begin_aftercare(paths.aftercare, because=because, now=datetime.now(UTC))
        _mark(connection, store.schema, generation, found.identity if because else None)
    # After the store: a death in between must not look like a way back.
    _save(paths, RunMark(boot_id=history, running=True, generation=generation))
    return Opening(found, because)


def keep_up(store: SharedStore, paths: SessionPaths, seen: int) -> int:
    """Raise the store's number when it was written to since `seen`, also while an engine works on it.

    Returns what to hand in the next time. Raises DatabaseTroubleError.
    """
    with store.opened() as connection:
        now = stored.changes_in(connection)
        if now == seen:
            return seen
        generation = load_run_mark(paths.run_mark).generation + 1
        with connection.transaction():
            stored.set_generation(connection, generation)
    _save(paths, msgspec.structs.replace(load_run_mark(paths.run_mark), generation=generation))
    return now


def close_session(paths: SessionPaths) -> None:
    """Note that it came to an orderly end; only after the engine is gone."""
    mark = load_run_mark(paths.run_mark)
    if mark.running:
        _save(paths, msgspec.structs.replace(mark, running=False))


def _went_back(mark: RunMark, *, history: str, generation: int) -> str:
    """Return why a store may be older than what was sent from it, or nothing."""
    if generation < mark.generation:
        return _WENT_BACK
    if mark.running and history and mark.boot_id.startswith(_TIMELINE) and mark.boot_id != history:
        return _TOOK_OVER
    return ""


def _mark(connection: "psycopg.Connection[Any]", schema: str, generation: int, cured: Identity | None) -> None:
    with connection.transaction():
        if cured is not None:
            stored.strip_ratchets(connection, cured)
        drop_guard(connection, schema)
        stored.set_generation(connection, generation)


def _save(paths: SessionPaths, mark: RunMark) -> None:
    with contextlib.suppress(OSError):  # on a full disk the mark stays as it was, which is the careful side
        save_run_mark(paths.run_mark, mark)
