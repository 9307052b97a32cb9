"""The messages of an account from a file into a database and back: every row with its number, compared afterwards."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from linda_bot.kernel.errors import ExitCode, LindaError
from linda_bot.kernel.files import sync_file
from linda_bot.messaging.attachments import LONGEST, lay_down, to_name, to_path
from linda_bot.messaging.outbound import file_of
from linda_bot.sessions.store import opened
from linda_bot.whatsapp.mailbox_file import open_mailbox

if TYPE_CHECKING:
    import psycopg

_SUM_BYTES = 32


class MessagesNotCopiedError(LindaError):
    """The messages could not be copied; the source is untouched."""

    exit_code = ExitCode.UNWELL


class Table(NamedTuple):
    """A table that both kinds of mailbox have."""

    name: str
    columns: tuple[str, ...]
    texts: frozenset[str]
    number: str = ""
    """The column that counts up; numbers are never used twice."""


TABLES = (
    Table(
        "inbox",
        (
            "seq", "owner", "conversation", "sender", "id", "state", "begun", "failures", "error", "sent_at",
            "received_at", "done_at", "body",
        ),
        frozenset({"owner", "conversation", "sender", "id", "error"}),
        number="seq",
    ),
    Table(
        "outbox",
        (
            "key", "owner", "chat", "content", "joinable", "cause", "nth", "state", "repeats", "message_id", "error",
            "created_at", "done_at",
        ),
        frozenset({"owner", "chat", "message_id", "error"}),
        number="key",
    ),
    Table("people", ("lid", "phone"), frozenset({"lid", "phone"})),
    Table("memory", ("owner", "conversation", "content"), frozenset({"owner", "conversation", "content"})),
)  # fmt: skip
_CONTENT = TABLES[1].columns.index("content")

Row = tuple[Any, ...]
Sums = dict[str, str]
"""What is in each table: how many rows, and their sum; the same on both sides."""


def messages_to_database(file: Path, attachments: Path, connection: "psycopg.Connection[Any]") -> Sums:
    """Copy a mailbox into an account's empty tables, over a connection to them; return what there is.

    Raises MessagesNotCopiedError, MailboxError, OSError, sqlite3.Error, psycopg.Error.
    """
    if not file.is_file():
        return in_database(connection)
    open_mailbox(file).close()  # to what this version works with
    with opened(file) as source, connection.transaction():
        source.execute("BEGIN")  # one moment
        for table in TABLES:
            names = ", ".join(table.columns)
            with connection.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in _rows_in_file(source, table):
                    copy.write_row(row)
            if table.number:
                question = "SELECT setval(pg_get_serial_sequence(%s, %s), greatest(%s, 1), %s)"
                highest = _highest_in_file(source, table)
                connection.execute(question, (table.name, table.number, highest, highest > 0))
        for path in _attachments(source, attachments):
            connection.execute(
                "INSERT INTO attachments (name, content) VALUES (%s, %b)", (path.name, path.read_bytes())
            )
        wanted = in_file(source, attachments)
        _must_be_same(wanted, in_database(connection))
    return wanted


def messages_to_file(connection: "psycopg.Connection[Any]", file: Path, attachments: Path) -> Sums:
    """Copy an account's messages, as of one moment, into a new mailbox; return what there is.

    Raises MessagesNotCopiedError, MailboxError, OSError, sqlite3.Error, psycopg.Error.
    """
    with closing(open_mailbox(file)) as target, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        target.execute("PRAGMA synchronous = OFF")  # it is brought to the disk as a whole
        target.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            names, marks = ", ".join(table.columns), ", ".join("?" * len(table.columns))
            rows = map(_to_file(table, attachments), _rows_in_database(connection, table))
            target.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)  # noqa: S608 (names of ours)
            if table.number:
                target.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
                highest = _highest_in_database(connection, table)
                target.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table.name, highest))
        target.execute("COMMIT")
        for (name,) in connection.execute("SELECT name FROM attachments").fetchall():
            if Path(name).name == name and not name.startswith("."):
                asked = connection.execute("SELECT content FROM attachments WHERE name = %s", (name,), binary=True)
                lay_down(attachments / name, bytes(*asked.fetchone() or ()))
                sync_file(attachments / name)
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        wanted = in_database(connection)
        _must_be_same(wanted, in_file(target, attachments))
    sync_file(file)
    return wanted


def in_file(database: sqlite3.Connection, attachments: Path) -> Sums:
    """Return what a mailbox's file holds, attachments included; raises sqlite3.Error."""
    found = {table.name: _sum(_rows_in_file(database, table)) for table in TABLES}
    found["numbers"] = _numbers(_highest_in_file(database, table) for table in TABLES if table.number)
    found["attachments"] = _sum((path.name, path.read_bytes()) for path in _attachments(database, attachments))
    return found


def in_database(connection: "psycopg.Connection[Any]") -> Sums:
    """Return what an account's tables hold; raises psycopg.Error."""
    with connection.transaction():
        found = {table.name: _sum(_rows_in_database(connection, table)) for table in TABLES}
        found["numbers"] = _numbers(_highest_in_database(connection, table) for table in TABLES if table.number)
        needed = {Path(path).name for path in _paths(row[_CONTENT] for row in _rows_in_database(connection, TABLES[1]))}
        kept = connection.execute("SELECT name, content FROM attachments", binary=True)
        found["attachments"] = _sum((name, bytes(content)) for name, content in kept if name in needed)
    return found


def _rows_in_file(database: sqlite3.Connection, table: Table) -> Iterator[Row]:
    """Yield rows as the database has them: what a text may not hold there is left out."""
    cursor = database.cursor()
    cursor.row_factory = None
    # As bytes: a text that is no UTF-8 could not be read.
    names = ", ".join(f"CAST({name} AS BLOB)" if name in table.texts else name for name in table.columns)
    for row in cursor.execute(f"SELECT {names} FROM {table.name}"):  # noqa: S608 (names of ours)
        values = [
            value.decode(errors="replace").replace("\x00", "") if name in table.texts else value
            for name, value in zip(table.columns, row, strict=True)
        ]
        if table.name == "outbox" and values[_CONTENT] is not None:
            values[_CONTENT] = _changed(to_name, values[_CONTENT])
        yield tuple(values)


def _rows_in_database(connection: "psycopg.Connection[Any]", table: Table) -> Iterator[Row]:
    names = ", ".join(table.columns)
    with connection.cursor(f"{table.name}_rows") as cursor:
        cursor.execute(f"SELECT {names} FROM {table.name}")  # noqa: S608 (names of ours)
        yield from cursor


def _to_file(table: Table, attachments: Path) -> Callable[[Row], Row]:
    def changed(row: Row) -> Row:
        if table.name != "outbox" or row[_CONTENT] is None:
            return row
        content = _changed(lambda record: to_path(record, attachments), row[_CONTENT])
        return (*row[:_CONTENT], content, *row[_CONTENT + 1 :])

    return changed


def _changed(change: Callable[[bytes], bytes], record: bytes) -> bytes:
    try:
        return change(record)
    except (msgspec.DecodeError, TypeError):
        return record  # nobody can read it; that is found out when it is its turn


def _highest_in_file(database: sqlite3.Connection, table: Table) -> int:
    counted = database.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).fetchone()
    highest = database.execute(f"SELECT coalesce(max({table.number}), 0) FROM {table.name}").fetchone()  # noqa: S608 (names of ours)
    return max(int(counted[0]) if counted else 0, int(highest[0]))


def _highest_in_database(connection: "psycopg.Connection[Any]", table: Table) -> int:
    named = connection.execute("SELECT pg_get_serial_sequence(%s, %s)", (table.name, table.number)).fetchone()
    assert named is not None
    question = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {named[0]}"  # noqa: S608 (a name of ours)
    found = connection.execute(question).fetchone()
    return int(found[0]) if found else 0


def _attachments(database: sqlite3.Connection, directory: Path) -> list[Path]:
    """Return the files of messages, those that are in the directory of such and are there."""
    records = database.execute("SELECT content FROM outbox WHERE content IS NOT NULL")
    found = {
        directory / Path(path).name for path in _paths(row[0] for row in records) if Path(path).parent == directory
    }
    return sorted(path for path in found if path.is_file() and path.stat().st_size <= LONGEST)


def _paths(records: Iterable[Any]) -> Iterator[str]:
    return (path for record in records if record is not None and (path := file_of(bytes(record))))


def _numbers(highest: Iterable[int]) -> str:
    return " ".join(map(str, highest))


def _sum(rows: Iterable[Row]) -> str:
    count = total = 0
    for row in rows:
        values = [bytes(value) if isinstance(value, memoryview) else value for value in row]
        total += int.from_bytes(hashlib.sha256(msgspec.msgpack.encode(values)).digest())
        count += 1
    return f"{count}:{total % (1 << 8 * _SUM_BYTES):x}"


def _must_be_same(wanted: Sums, found: Sums) -> None:
    if wanted != found:
        tables = ", ".join(sorted({name for name, _ in wanted.items() ^ found.items()}))
        raise MessagesNotCopiedError(f"the copy of the messages is not like its source ({tables}); it is not used")
