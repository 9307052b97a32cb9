"""A session from a database into a file and back: each in one piece, and compared afterwards.

The file is as the client library makes its own, and the rows are those of its tables, so a copy is a store like any
other. The values are converted by the types that the columns were declared with, which both kinds have in common.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from linda_bot.kernel.errors import ExitCode, LindaError
from linda_bot.sessions.guard import CHAIN_TABLES, OWN_TABLE
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.guard import caught_in
from linda_bot.sessions.shared.making import Maker
from linda_bot.sessions.store import opened

if TYPE_CHECKING:
    import psycopg

_WITHIN_S = 240.0
_FIRST = "whatsmeow_device"
"""The rows of the others belong to its rows."""
_VERSION = "whatsmeow_version"
_OURS = {
    "linda_bot": ("name", "value"),
    "linda_bot_chains": ("key", "their_id", "number", "chain"),
}
_BYTES, _TRUTHS, _NUMBERS = frozenset({"bytea", "blob"}), frozenset({"boolean", "bool"}), ("int", "bigint", "smallint")
_AT_ONCE = 200
_COLUMNS = """
SELECT table_name, column_name, udt_name FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name LIKE 'whatsmeow%' ORDER BY table_name, ordinal_position
"""
_SUM_BYTES = 32


class CopyFailedError(LindaError):
    """A session could not be copied; the source is untouched, and what was begun at the target is undone."""

    exit_code = ExitCode.UNWELL


class Column(NamedTuple):
    """A column and what it holds, whichever kind of database it is in."""

    name: str
    kind: str
    """`bytes`, `truth`, `number` or `text`."""


Tables = dict[str, tuple[Column, ...]]
Digest = dict[str, str]
"""What is in each table that has any rows, in a form that can be compared: how many rows, and their sum."""


def copy_to_file(store: SharedStore, file: Path, maker: Maker) -> Digest:
    """Write a session, as of one moment, to a new file, also while an engine works on it; return what it holds.

    Raises CopyFailedError, DatabaseTroubleError, TablesNotMadeError, OSError, sqlite3.Error.
    """
    file.touch(mode=0o600)
    maker.make(str(file))
    with opened(file, "rw") as target, store.opened("copy", within_s=_WITHIN_S) as source, _one_moment(source):
        target.execute("PRAGMA synchronous=OFF")  # nothing reads it before it is checked and brought to the disk
        tables = _tables_in_file(target)
        _compare_kinds(tables, _tables_in_schema(source), _version_in_file(target), _version_in_schema(source))
        for statement in (OWN_TABLE, *CHAIN_TABLES):
            target.execute(statement)
        sums = _Sums()
        for table, columns in _with_ours(tables).items():
            names, marks = ", ".join(column.name for column in columns), ", ".join("?" * len(columns))
            rows = sums.over(table, columns, _rows_in_schema(source, table, columns))
            if table == _VERSION:
                for _ in rows:  # it was put there by the library itself
                    continue
            else:
                target.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608 (names of ours)
        target.commit()
        _must_be_same(sums.digest, _digest_in_file(target))
    return sums.digest


def copy_to_schema(file: Path, store: SharedStore, *, schema: str = "") -> Digest:
    """Write the session of a file into a schema that holds none; return what it holds.

    Only while no engine works on either, and the file's tables are those of the same version. Raises CopyFailedError,
    DatabaseTroubleError, sqlite3.Error.
    """
    import psycopg

    with opened(file) as source, store.opened("copy", schema=schema, within_s=_WITHIN_S) as target:
        source.text_factory = _lenient
        tables = _tables_in_file(source)
        _compare_kinds(tables, _tables_in_schema(target), _version_in_file(source), _version_in_schema(target))
        _must_be_empty(target)
        sums = _Sums()
        try:
            with target.transaction():
                for table, columns in _with_ours(tables).items():
                    rows = sums.over(table, columns, _rows_in_file(source, table, columns))
                    if table == _VERSION:
                        for _ in rows:
                            continue
                    else:
                        _pour(target, table, columns, rows)
                _must_be_same(sums.digest, _digest_in_schema(target, tables))
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            raise CopyFailedError(f"the session cannot be copied: {str(error).splitlines()[0]}") from None
    return sums.digest


def digest_of_file(file: Path) -> Digest:
    """Return what a file holds; raises sqlite3.Error."""
    with opened(file) as database:
        return _digest_in_file(database)


def digest_of_schema(store: SharedStore, *, schema: str = "") -> Digest:
    """Return what a schema holds, as of one moment; raises DatabaseTroubleError."""
    with store.opened("copy", schema=schema, within_s=_WITHIN_S) as connection, _one_moment(connection):
        return _digest_in_schema(connection, _tables_in_schema(connection))


class _Sums:
    """Adds up rows as they pass, in whatever order they come."""

    def __init__(self) -> None:
        self.digest: Digest = {}

    def over(self, table: str, columns: tuple[Column, ...], rows: Iterable[tuple[Any, ...]]) -> Iterator[list[Any]]:
        """Yield the rows with their values as both kinds of database take them, and note their sum."""
        order = sorted(range(len(columns)), key=lambda place: columns[place].name)
        count = total = 0
        for row in rows:
            values = [_plain(value, column.kind) for value, column in zip(row, columns, strict=True)]
            encoded = msgspec.msgpack.encode([values[place] for place in order])
            total += int.from_bytes(hashlib.sha256(encoded).digest())
            count += 1
            yield values
        if count:
            self.digest[table] = f"{count}:{total % (1 << 8 * _SUM_BYTES):0{2 * _SUM_BYTES}x}"


def _plain(value: Any, kind: str) -> Any:
    """Return a value as its kind; what a text may not hold in PostgreSQL is left out of it on both sides."""
    if value is None:
        return None
    match kind:
        case "bytes":
            return value.encode(errors="surrogateescape") if isinstance(value, str) else bytes(value)
        case "truth":
            return bool(value)
        case "number":
            return int(value)
        case _:
            return (_lenient(value) if isinstance(value, bytes) else str(value)).replace("\x00", "")


def _lenient(text: bytes) -> str:
    return text.decode(errors="replace")


def _kind_of(declared: str) -> str:
    name = declared.lower()
    if name in _BYTES:
        return "bytes"
    if name in _TRUTHS:
        return "truth"
    return "number" if name.startswith(_NUMBERS) else "text"


def _tables_in_file(database: sqlite3.Connection) -> Tables:
    found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'whatsmeow%'")
    names = sorted(row[0] for row in found)
    return {
        name: tuple(Column(row[1], _kind_of(row[2])) for row in database.execute(f"PRAGMA table_info({name})"))
        for name in names
    }


def _tables_in_schema(connection: "psycopg.Connection[Any]") -> Tables:
    tables: dict[str, list[Column]] = {}
    for table, column, declared in connection.execute(_COLUMNS):
        tables.setdefault(table, []).append(Column(column, _kind_of(declared)))
    return {table: tuple(columns) for table, columns in tables.items()}


def _with_ours(tables: Tables) -> Tables:
    """Add the tables of ours, and put first what others refer to."""
    ours = {
        table: tuple(Column(name, "number" if name in ("value", "number") else "text") for name in names)
        for table, names in _OURS.items()
    }
    first = {table: columns for table, columns in tables.items() if table == _FIRST}
    return {**first, **tables, **ours}


def _version_in_file(database: sqlite3.Connection) -> tuple[Any, ...] | None:
    found = database.execute(f"SELECT version, compat FROM {_VERSION}").fetchone()  # noqa: S608 (a name of ours)
    return None if found is None else tuple(found)


def _version_in_schema(connection: "psycopg.Connection[Any]") -> tuple[Any, ...] | None:
    return connection.execute(f"SELECT version, compat FROM {_VERSION}").fetchone()  # noqa: S608 (a name of ours)


def _compare_kinds(
    in_file: Tables, in_schema: Tables, file_version: tuple[Any, ...] | None, schema_version: tuple[Any, ...] | None
) -> None:
    if file_version is None or file_version != schema_version:
        message = (
            f"the session's tables are of version {_shown(file_version)} in the file and"
            f" {_shown(schema_version)} in the database: they were made by different versions of the client library"
        )
        raise CopyFailedError(message)
    if {table: set(columns) for table, columns in in_file.items()} != {
        table: set(columns) for table, columns in in_schema.items()
    }:
        message = "the session's tables have other columns in the file than in the database; it is not copied"
        raise CopyFailedError(message)


def _shown(version: tuple[Any, ...] | None) -> str:
    return "none" if version is None else str(version[0])


def _must_be_empty(connection: "psycopg.Connection[Any]") -> None:
    if connection.execute(f"SELECT 1 FROM {_FIRST} LIMIT 1").fetchone() is not None:  # noqa: S608 (a name of ours)
        raise CopyFailedError("there is a session in the database already; set it aside first")


def _must_be_same(wanted: Digest, found: Digest) -> None:
    if wanted != found:
        tables = sorted({table for table, _ in wanted.items() ^ found.items()})
        raise CopyFailedError(f"the copy of the session is not like its source ({', '.join(tables)}); it is not used")


def _rows_in_schema(
    connection: "psycopg.Connection[Any]", table: str, columns: tuple[Column, ...]
) -> Iterator[tuple[Any, ...]]:
    if table in _OURS and connection.execute("SELECT to_regclass(%s)", (table,)).fetchone() == (None,):
        return
    names = ", ".join(column.name for column in columns)
    order = " ORDER BY place" if table == "linda_bot_chains" else ""
    if table == "linda_bot":
        caught = caught_in(connection)
        yield from ((name, value) for name, value in _select(connection, names, table, "") if name != "guard_caught")
        if caught:
            yield "guard_caught", caught
        return
    yield from _select(connection, names, table, order)


def _select(connection: "psycopg.Connection[Any]", names: str, table: str, order: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(f"copy of {table}") as cursor:  # at the server: a session may be larger than our memory
        cursor.itersize = _AT_ONCE
        cursor.execute(f"SELECT {names} FROM {table}{order}")  # noqa: S608 (names of the library's and ours)
        yield from cursor


def _rows_in_file(database: sqlite3.Connection, table: str, columns: tuple[Column, ...]) -> Iterator[tuple[Any, ...]]:
    if not database.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]:
        return
    names = ", ".join(f'"{column.name}"' for column in columns)
    order = " ORDER BY rowid" if table in _OURS else ""
    without = " WHERE NOT (name = 'guard_caught' AND value = 0)" if table == "linda_bot" else ""
    for row in database.execute(f"SELECT {names} FROM {table}{without}{order}"):  # noqa: S608 (see above)
        yield tuple(row)


def _pour(
    connection: "psycopg.Connection[Any]", table: str, columns: tuple[Column, ...], rows: Iterable[list[Any]]
) -> None:
    names = ", ".join(column.name for column in columns)
    if table in _OURS:  # a draft carries our numbers already
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 (a name of ours)
    with connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _digest_in_file(database: sqlite3.Connection) -> Digest:
    database.text_factory = _lenient
    return _digest(_tables_in_file(database), lambda table, columns: _rows_in_file(database, table, columns))


def _digest_in_schema(connection: "psycopg.Connection[Any]", tables: Tables) -> Digest:
    return _digest(tables, lambda table, columns: _rows_in_schema(connection, table, columns))


def _digest(tables: Mapping[str, tuple[Column, ...]], rows: Any) -> Digest:
    sums = _Sums()
    for table, columns in _with_ours(dict(tables)).items():
        for _ in sums.over(table, columns, rows(table, columns)):
            continue
    return sums.digest


def _one_moment(connection: "psycopg.Connection[Any]") -> Any:
    """Return a transaction that sees everything as it is at its first question."""
    from psycopg import IsolationLevel

    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection.transaction()
