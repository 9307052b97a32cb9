"""The mailbox as a file: a SQLite database of our own that daemon and engine share.

Power may take the last moments (synchronous=NORMAL): the client library confirms messages to WhatsApp before anybody
could have written them down, so waiting for the disk would not close that gap.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from linda_bot.kernel.flock import locked
from linda_bot.whatsapp.mailbox_ground import MailConnection

T = TypeVar("T")

_BUSY_S = 15.0
_LONGEST_LOG = 64 * 1024 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS inbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    conversation TEXT NOT NULL,
    sender TEXT NOT NULL,
    id TEXT NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    begun INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    sent_at REAL NOT NULL DEFAULT 0,
    received_at REAL NOT NULL,
    done_at REAL,
    body BLOB
);
CREATE INDEX IF NOT EXISTS inbox_waiting ON inbox (owner, conversation, sent_at, seq) WHERE state = 0;
CREATE INDEX IF NOT EXISTS inbox_ids ON inbox (id);
CREATE INDEX IF NOT EXISTS inbox_done ON inbox (done_at) WHERE done_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS outbox (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    chat TEXT NOT NULL,
    content BLOB,
    joinable INTEGER NOT NULL DEFAULT 0,
    cause INTEGER,
    nth INTEGER,
    state INTEGER NOT NULL DEFAULT 0,
    repeats INTEGER NOT NULL DEFAULT 0,
    message_id TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    done_at REAL,
    UNIQUE (cause, nth)
);
CREATE INDEX IF NOT EXISTS outbox_open ON outbox (owner, chat, key) WHERE state IN (0, 1);
CREATE INDEX IF NOT EXISTS outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS people (lid TEXT PRIMARY KEY, phone TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS memory (
    owner TEXT NOT NULL,
    conversation TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (owner, conversation)
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
_VERSION = 1


class MailboxError(Exception):
    """The mailbox cannot be used, and waiting would not help; the text says why."""


class MailboxFile:
    """A connection to the file; when another file has taken its place, to that one. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._which = (0, 0)

    @property
    def is_in_place(self) -> bool:
        """Whether the file that is open is the one that others find under its name."""
        return self._connection is not None and _which(self._path) == self._which

    def connection(self) -> sqlite3.Connection:
        """Return the open connection; raises sqlite3.Error, MailboxError, OSError."""
        if self._connection is not None and not self.is_in_place:
            self.close()
        if self._connection is None:
            self._connection = open_mailbox(self._path)
            self._which = _which(self._path)
        return self._connection

    def read(self, work: Callable[[MailConnection], T]) -> T:
        """Read something; raises what `connection` raises."""
        return work(self.connection())

    def write(self, work: Callable[[MailConnection], T], *, token: object = None) -> T:  # noqa: ARG002 (see `Mailbox`)
        """Do several writes or none of them; raises what `connection` raises. After an error none was done."""
        with writing(self.connection()) as connection:
            return work(connection)

    def close(self) -> None:
        """Let go of the file; it is opened again when it is needed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def open_mailbox(path: Path) -> sqlite3.Connection:
    """Open the file, and make it where it is missing; raises sqlite3.Error, MailboxError, OSError.

    For one thread at a time. Nothing is committed by itself: every write is in a `with connection` or `writing`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # somebody may have tidied up
    with opening(path):
        return open_new(path)


def open_new(path: Path) -> sqlite3.Connection:
    """Do what `open_mailbox` does, within `opening`."""
    with suppress(FileExistsError):  # the files beside it get the rights that it has when they are made
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {_LONGEST_LOG}")
        _bring_up_to_date(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Be the only one who opens the file, or puts another in its place; raises BlockingIOError after a while.

    SQLite finds the files beside it by their names: whoever opened it just when it is renamed could mix the two up.
    """
    with locked(path.with_name(f"{path.name}.lock"), wait_s=_BUSY_S):
        yield


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        message = f"{path} was written by a newer linda-bot; install that one, or move the file away"
        raise MailboxError(message)
    if version < _VERSION:
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Do several writes or none of them."""
    connection.execute("BEGIN IMMEDIATE")  # a transaction that begins with a read could not wait for another writer
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk, for one, has ended it already
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def _which(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_dev, found.st_ino
