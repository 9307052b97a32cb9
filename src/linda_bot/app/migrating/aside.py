"""What an account leaves behind when it has moved: set aside, never deleted."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linda_bot.app.migrating.lease import WHAT, MovingLease
from linda_bot.database.places import HOUSE, account_schema
from linda_bot.kernel.files import make_private_dir, sync_directory, write_json
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.shared.schema import is_there
from linda_bot.sessions.store import side_files

if TYPE_CHECKING:
    import psycopg


def messages_of(paths: SessionPaths) -> list[Path]:
    """Return the files of a mailbox, whether they are there or not."""
    return [paths.mailbox, *side_files(paths.mailbox)]


def set_files_aside(paths: SessionPaths, because: str, *, move: str) -> Path | None:
    """Move the session's store and the messages to `.session-cache/quarantine-...`; return where, None for nothing.

    What died on the way goes on: the place is that of the move. Only with the session's lock held.
    """
    # The store first: one without its log would be taken for whole.
    found = [file for file in (paths.store, *side_files(paths.store), *messages_of(paths)) if file.exists()]
    place = paths.cache / f"quarantine-{paths.account}-{move}-migrated"
    if not found:
        return place if place.is_dir() else None
    make_private_dir(paths.cache)
    make_private_dir(place)
    write_json(place / "why.json", {"because": because, "account": paths.account, "at": move})
    for file in found:
        file.replace(place / file.name)
    for directory in {place, *(file.parent for file in found)}:
        sync_directory(directory)
    return place


def set_schemas_aside(lease: MovingLease) -> list[str]:
    """Rename what the database has of an account; return how it is called then. Raises DatabaseTroubleError."""
    store = lease.store
    stamp = datetime.now(UTC).strftime("%Y%m%d%H%M%S%f")
    with store.opened(WHAT, schema=HOUSE) as connection, connection.transaction():
        moved = []
        for schema in (store.schema, account_schema(store.account)):
            if is_there(connection, schema):
                moved.append(f"{schema}_aside_{stamp}")
                connection.execute(f"ALTER SCHEMA {schema} RENAME TO {moved[-1]}")
    return moved


def drop_half_copies(lease: MovingLease) -> None:
    """Delete what was begun to be copied into the database and never was whole; raises DatabaseTroubleError."""
    store = lease.store
    with store.opened(WHAT, schema=HOUSE) as connection, connection.transaction():
        for schema in (store.schema, account_schema(store.account)):
            _drop(connection, schema)


def _drop(connection: "psycopg.Connection[Any]", schema: str) -> None:
    connection.execute("SET LOCAL client_min_messages = warning")
    connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
