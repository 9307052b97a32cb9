"""The schema of a session: made, set aside, and replaced as a whole."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.fencing import set_fences
from linda_bot.sessions.shared.making import Maker, TablesNotMadeError
from linda_bot.sessions.shared.store import make_own_tables

if TYPE_CHECKING:
    import psycopg

_ASIDE = "_aside_"
_MAKING_WITHIN_S = 20.0
_ALONE = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
_STARTED = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.whatsmeow_version (version integer, compat integer)
"""
"""The library looks for its tables in all schemas at once (information_schema): with a table of its version in this one
it does not take those of another session for its own."""


def prepare(store: SharedStore, maker: Maker, *, schema: str = "") -> bool:
    """Make the schema of a session, or another one like it, with all its tables and fences; return whether it is new.

    One that is there is left alone. Raises DatabaseTroubleError, FencedOffError, TablesNotMadeError.
    """
    schema = schema or store.schema
    with store.opened("prepare", schema=schema, within_s=_MAKING_WITHIN_S) as connection:
        is_new = not is_made(connection, schema)
        if is_new:
            connection.execute(_ALONE, (schema,))  # another process may be at it; held until the connection ends
            if not is_made(connection, schema):
                connection.execute(_STARTED.format(schema=schema))
                maker.make(store.source("prepare", schema=schema))
                if not is_made(connection, schema):
                    raise TablesNotMadeError("the client library has made its tables elsewhere than it was told")
        make_own_tables(connection)
        set_fences(connection, schema, store.account)
    return is_new


def is_there(connection: "psycopg.Connection[Any]", schema: str) -> bool:
    """Return whether a schema exists; raises psycopg.Error."""
    return connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone() is not None


def is_made(connection: "psycopg.Connection[Any]", schema: str) -> bool:
    """Return whether the client library has made its tables in a schema; raises psycopg.Error."""
    found = connection.execute("SELECT to_regclass(%s)", (f"{schema}.whatsmeow_version",)).fetchone()
    if found == (None,):
        return False
    return connection.execute(f"SELECT 1 FROM {schema}.whatsmeow_version").fetchone() is not None  # noqa: S608 (a name of ours)


def drop(connection: "psycopg.Connection[Any]", schema: str) -> None:
    """Delete a schema and all that is in it; raises psycopg.Error."""
    connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def set_aside(store: SharedStore, because: str, *, now: datetime | None = None) -> str | None:
    """Rename a session's schema, and return how it is called then; None when there is none. Nothing is deleted.

    Only while no engine works on it. Raises DatabaseTroubleError.
    """
    with store.opened() as connection, connection.transaction():
        return _move_away(connection, store.schema, because, now)


def take_place(store: SharedStore, because: str, *, now: datetime | None = None) -> str | None:
    """Have the draft be the session from here on, at once and as a whole, and set the old one aside as `set_aside`.

    Raises DatabaseTroubleError, when either both schemas are as they were, or nobody knows.
    """
    with store.opened() as connection, connection.transaction():
        aside = _move_away(connection, store.schema, because, now)
        connection.execute(f"ALTER SCHEMA {store.draft} RENAME TO {store.schema}")
    return aside


def set_aside_before(connection: "psycopg.Connection[Any]", schema: str) -> list[str]:
    """Name what was set aside of a session, newest first; raises psycopg.Error."""
    beginning = schema + _ASIDE
    rows = connection.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", (beginning,))
    return sorted((row[0] for row in rows), reverse=True)


def _move_away(connection: "psycopg.Connection[Any]", schema: str, because: str, now: datetime | None) -> str | None:
    from psycopg import sql

    if not is_there(connection, schema):
        return None
    # No longer: a name has 63 characters at most, and the rest of it takes up to 40.
    aside = f"{schema}{_ASIDE}{(now or datetime.now(UTC)).strftime('%Y%m%d%H%M%S%f')}"
    connection.execute(f"ALTER SCHEMA {schema} RENAME TO {aside}")
    comment = sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(aside), sql.Literal(because))
    connection.execute(comment)
    return aside
