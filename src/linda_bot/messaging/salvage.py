"""What can still be read of a damaged mailbox, brought into a new one."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

from linda_bot.whatsapp.mailbox import writing

_ORDERS = {"inbox": "seq", "outbox": "key", "people": "lid", "memory": "owner, conversation"}
_NUMBERED = ("inbox", "outbox")


def salvage(damaged: Path, connection: sqlite3.Connection) -> int:
    """Copy the records of a file that nobody opens any more; return how many there were.

    The new file's numbers begin behind all that the old one may have had: some are still in use in this process.
    """
    saved = 0
    with writing(connection):
        try:
            with closing(sqlite3.connect(damaged, isolation_level=None)) as old:
                old.row_factory = sqlite3.Row
                for table, order in _ORDERS.items():
                    backwards = order.replace(",", " DESC,") + " DESC"
                    for row in chain(_rows(old, table, order), _rows(old, table, backwards)):
                        saved += _copy(connection, table, row)
        except sqlite3.Error:
            pass  # what is saved is saved
        for table in _NUMBERED:
            highest = connection.execute(f"SELECT ifnull(max(rowid), 0) FROM {table}").fetchone()[0]  # noqa: S608 (ours)
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            # Seconds: no mailbox has had more than one message for each of them.
            connection.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, max(highest, int(time.time()))))
    return saved


def _rows(old: sqlite3.Connection, table: str, order: str) -> Iterator[sqlite3.Row]:
    """Yield records in order, up to the first that cannot be read."""
    try:
        yield from old.execute(f"SELECT * FROM {table} NOT INDEXED ORDER BY {order}")  # noqa: S608 (ours)
    except sqlite3.Error:
        return


def _copy(connection: sqlite3.Connection, table: str, row: sqlite3.Row) -> int:
    names = row.keys()
    try:
        cursor = connection.execute(
            f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608 (ours)
            tuple(row),
        )
    except sqlite3.Error:  # what is not whole is no record
        return 0
    return max(cursor.rowcount, 0)
