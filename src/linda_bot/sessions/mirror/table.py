"""The table `files` in the schema of an account: what is in it, and how it is changed."""

import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from linda_bot.database.connecting import FENCED_OFF, Database, FencedOffError, trouble_of
from linda_bot.database.places import account_place

if TYPE_CHECKING:
    import psycopg

_ANSWER_WITHIN_S = 15.0
_BYTES_PER_S = 500_000
"""A line that is slower than this is none: no host could run a bot on it."""


class Entry(NamedTuple):
    """A file as the table has it."""

    path: str
    size: int
    digest: str


class FilesTable:
    """The table, for one thread; the methods raise DatabaseTroubleError, FencedOffError.

    None of them waits for a server that does not answer: the connection is cut, and is of no use from then on.
    """

    def __init__(self, connection: "psycopg.Connection[Any]", database: Database) -> None:
        """Take a connection to the account's schema."""
        self._connection = connection
        self._database = database
        self._line = socket.socket(fileno=os.dup(connection.fileno()))

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
        self._line.close()

    def cut(self) -> None:
        """End the connection from another thread: whoever waits for an answer has an error instead.

        A server that hangs answers no request to give up either, so the line goes from under both.
        """
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)

    def entries(self) -> list[Entry]:
        """Return what there is, in order of the paths."""
        question = "SELECT path, octet_length(content), encode(sha256(content), 'hex') FROM files ORDER BY path"
        with self._asking():
            return [Entry(*row) for row in self._connection.execute(question)]

    def content(self, entry: Entry) -> bytes | None:
        """Return a file's content; None when it has gone meanwhile."""
        with self._asking(entry.size):
            row = self._connection.execute(
                "SELECT content FROM files WHERE path = %s", (entry.path,), binary=True
            ).fetchone()
        return bytes(row[0]) if row else None

    def change(self, put: Mapping[str, bytes], gone: Sequence[str] = ()) -> None:
        """Put files into the table, and take others out of it, in one step."""
        with self._asking(sum(map(len, put.values()))), self._connection.transaction():
            for path, content in put.items():
                self._connection.execute(
                    "INSERT INTO files (path, content) VALUES (%s, %b)"
                    " ON CONFLICT (path) DO UPDATE SET content = excluded.content, changed_at = clock_timestamp()",
                    (path, content),
                )
            if gone:
                self._connection.execute("DELETE FROM files WHERE path = ANY(%s)", (list(gone),))

    @contextmanager
    def _asking(self, size: int = 0) -> Iterator[None]:
        import psycopg

        within_s = _ANSWER_WITHIN_S + size / _BYTES_PER_S
        timer = threading.Timer(within_s, self.cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except psycopg.Error as error:
            if error.sqlstate == FENCED_OFF:
                raise FencedOffError("this host's lease of the account has passed on") from None
            raise trouble_of(error, self._database) from None
        finally:
            timer.cancel()


@contextmanager
def files_of(database: Database, account: str, what: str, fence: int | None) -> Iterator[FilesTable]:
    """Yield an account's table, over a connection of its own; raises DatabaseTroubleError."""
    table = open_files(database, account, what, fence)
    try:
        yield table
    finally:
        table.close()


def open_files(database: Database, account: str, what: str, fence: int | None) -> FilesTable:
    """Return an account's table, over a connection of its own; raises DatabaseTroubleError."""
    return FilesTable(database.connect(account_place(account, what, fence)), database)
