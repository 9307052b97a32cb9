"""The two records of where an account lives: the files' marker and the database's row."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from linda_bot.app.migrating.whereabouts import (
    Home,
    Marker,
    Row,
    Traces,
    home_of,
    why_not_in_database,
    why_not_in_files,
)
from linda_bot.database.connecting import Database
from linda_bot.database.places import HOUSE
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import UnreadableFileError, fit_json, read_json, sync_directory, write_json
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.store import has_device

if TYPE_CHECKING:
    import psycopg

_ROW = "SELECT place, move, files, is_copied FROM homes WHERE account = %s"
_LINKED = "SELECT EXISTS (SELECT FROM {schema}.whatsmeow_device)"


class LivesElsewhereError(UsageError):
    """The account is in another place than it was to begin in; the text says where."""


def where_is(paths: SessionPaths, database: Database) -> Home:
    """Return where an account lives; raises DatabaseTroubleError, UsageError.

    What is in the middle of a move stays where it was until the move is decided, in the same instant for everybody.
    """
    return home_of(traces_of(paths, database))


def refuse_if_elsewhere(paths: SessionPaths, database: Database | None) -> None:
    """Raise LivesElsewhereError unless an account may begin in this database; or in its files, where that is None.

    In a database only with the account's lease: nobody can decide otherwise then. Raises DatabaseTroubleError too.
    """
    if database is None:
        marker = load_marker(paths)
        if marker is not None:
            raise LivesElsewhereError(why_not_in_files(marker))
        return
    why = why_not_in_database(traces_of(paths, database), database.shown, str(paths.data_dir))
    if why:
        raise LivesElsewhereError(why)


def traces_of(paths: SessionPaths, database: Database) -> Traces:
    """Return what the files and the database say of an account; raises DatabaseTroubleError, UsageError."""
    with _house(database, paths.account) as connection:
        row = load_row(connection, paths.account)
        in_database = _is_linked(connection, SharedStore(database, paths.account).schema)
    in_files = paths.store.exists() and has_device(paths.store)  # a store that was never linked is nobody's session
    return Traces(load_marker(paths), row, in_files, in_database)


def load_marker(paths: SessionPaths) -> Marker | None:
    """Return the files' marker; None for none. Raises UsageError for one that cannot be read."""
    path = paths.moved_to
    if not path.exists() and not path.is_symlink():
        return None
    try:
        return fit_json(read_json(path), Marker)
    except UnreadableFileError as error:
        message = f"{path} says that this account was moved, but cannot be read ({error}); look where its session is"
        raise UsageError(message) from error


def save_marker(paths: SessionPaths, marker: Marker) -> None:
    """Have the files not decide alone from here on; raises OSError."""
    write_json(paths.moved_to, msgspec.to_builtins(marker))


def drop_marker(paths: SessionPaths) -> None:
    """Have the files decide alone again; raises OSError."""
    paths.moved_to.unlink(missing_ok=True)
    sync_directory(paths.directory)


def load_row(connection: "psycopg.Connection[Any]", account: str) -> Row | None:
    """Return the database's row, over a connection to the house's schema; raises psycopg.Error."""
    if connection.execute("SELECT to_regclass(%s)", (f"{HOUSE}.homes",)).fetchone() == (None,):
        return None
    found = connection.execute(_ROW, (account,)).fetchone()
    return None if found is None else Row(*found)


def save_row(connection: "psycopg.Connection[Any]", account: str, row: Row) -> None:
    """Say where an account lives; raises psycopg.Error."""
    connection.execute(
        "INSERT INTO homes (account, place, move, files, is_copied) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (account) DO UPDATE SET place = excluded.place, move = excluded.move, files = excluded.files,"
        " is_copied = excluded.is_copied, changed_at = clock_timestamp()",
        (account, *row),
    )


def shown_files(paths: SessionPaths) -> str:
    """Return how people know a directory from everywhere."""
    return f"{socket.gethostname()}:{paths.data_dir}"


@contextmanager
def _house(database: Database, account: str) -> "Iterator[psycopg.Connection[Any]]":
    with SharedStore(database, account).opened("look", schema=HOUSE) as connection:
        yield connection


def _is_linked(connection: "psycopg.Connection[Any]", schema: str) -> bool:
    if connection.execute("SELECT to_regclass(%s)", (f"{schema}.whatsmeow_device",)).fetchone() == (None,):
        return False
    return connection.execute(_LINKED.format(schema=schema)).fetchone() == (True,)
