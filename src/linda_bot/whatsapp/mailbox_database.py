"""The mailbox in a database: the tables of `migrations/account`, used as those of the file are.

One writer at a time, as with a file: everybody who writes takes the same lock first, so that what a statement has seen
is so until its transaction ends. A transaction whose end was not heard of has happened or has not: each leaves its
number in `last_writes`, so that the next one finds out before the same is done again.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from uuid import UUID, uuid4

import msgspec

from linda_bot.database.connecting import (
    FENCED_OFF,
    Database,
    DatabaseTroubleError,
    FencedOffError,
    Place,
    trouble_of,
)
from linda_bot.database.watching import Line, Watch
from linda_bot.whatsapp.mailbox_file import MailboxError
from linda_bot.whatsapp.mailbox_ground import MailConnection, Values

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

ANSWER_WITHIN_S = 10.0
"""How long a transaction may take; a database that is frozen is no better than one that is away."""
IDLE_S = 8
"""How long the server waits for the next word of a transaction: less than the above, so that somebody who was stopped
in the middle of one does not hold up the others for long.
"""
SLOWEST = 500_000
"""In bytes a second: how fast a file comes to the database or from it, which is given the more time."""
_LIMITS = f"SET idle_in_transaction_session_timeout = '{IDLE_S}s'; SET lock_timeout = '60s'"
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(hashtextextended(current_schema(), 0))"
_COMMIT = (
    "INSERT INTO last_writes VALUES ('{writer}', {number}, now())"
    " ON CONFLICT (writer) DO UPDATE SET number = excluded.number, at = excluded.at;"
    " COMMIT"
)
_MOST_DOUBTS = 100
"""Of how many transactions it is kept that they are in doubt, though nobody has come back to them."""
_MARKS = re.compile(r"'[^']*'|\?|:(\w+)")


class MailPlace(msgspec.Struct, frozen=True):
    """Where a mailbox is in a database, and who comes; a secret."""

    address: str
    schema: str
    who: str
    fence: int | None = None

    def __repr__(self) -> str:
        return f"MailPlace({self.schema!r} in {self.database.shown}, {self.who!r}, fence={self.fence})"

    @classmethod
    def of(cls, database: Database, place: Place) -> Self:
        """Return what stands for a place in a database, such as `account_place` gives it."""
        return cls(database.address, place.schema, place.who, place.fence)

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return what was encoded."""
        return msgspec.json.decode(text, type=cls)

    def encode(self) -> str:
        """Return it as text: a secret."""
        return msgspec.json.encode(self).decode()

    @property
    def database(self) -> Database:
        """The database that it is in."""
        return Database(self.address)

    @property
    def place(self) -> Place:
        """Where in it, and as whom."""
        return Place(self.schema, self.who, self.fence)


@dataclass(slots=True)
class _Doubt:
    """A transaction whose end was not heard of."""

    token: object
    number: int
    result: Any
    has_happened: bool | None = None
    """None as long as that is not found out."""


class _Row(tuple[Any, ...]):
    """A record, read by number and by name."""

    __slots__ = ()
    names: Mapping[str, int]

    def __getitem__(self, which: Any) -> Any:
        return super().__getitem__(self.names[which] if isinstance(which, str) else which)

    def keys(self) -> Sequence[str]:
        """Return the names."""
        return tuple(self.names)


class DatabaseConnection:
    """A connection that takes the statements of the file's."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def execute(self, statement: str, values: Values = (), /) -> "psycopg.Cursor[Any]":
        """Carry out a statement."""
        return self._connection.execute(_translated(statement), _cleaned(values), binary=True)

    def executemany(self, statement: str, values: Sequence[Values], /) -> "psycopg.Cursor[Any]":
        """Carry out a statement for each of several values; none is none."""
        cursor = self._connection.cursor()
        cursor.executemany(_translated(statement), [_cleaned(each) for each in values])
        return cursor

    def begin(self) -> None:
        """Begin to write as soon as nobody else does."""
        self._connection.execute(_BEGIN)  # in one go

    def commit(self, writer: UUID, number: int) -> None:
        """Have done what was begun, and with it, that this writer's last transaction has this number."""
        self._connection.execute(_COMMIT.format(writer=writer, number=number))  # in one go

    def rollback(self) -> None:
        """Have nothing done of what was begun."""
        self._connection.execute("ROLLBACK")

    def last_number(self, writer: UUID) -> int:
        """Return the number of a writer's last transaction; 0 for none."""
        found = self._connection.execute("SELECT number FROM last_writes WHERE writer = %s", (writer,)).fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


class MailboxDatabase:
    """A mailbox's tables. For one thread at a time.

    All of it raises DatabaseTroubleError while the database cannot be used, FencedOffError when the lease has passed
    on, and MailboxError for what no waiting mends.
    """

    is_in_place = True

    def __init__(self, place: MailPlace) -> None:
        self._place = place
        self._database = place.database
        self._watch = Watch()
        self._connection: DatabaseConnection | None = None
        self._writer = uuid4()
        self._number = 0
        self._doubts: OrderedDict[int, _Doubt] = OrderedDict()

    @property
    def shown(self) -> str:
        """What it is called for people."""
        return self._database.shown

    def connection(self) -> DatabaseConnection:
        """Return the open connection."""
        if self._connection is None:
            made = self._database.connect(self._place.place, row_factory=_row_factory)
            try:
                self._watch.follow(Line(made))
                made.execute(_LIMITS)
            except BaseException:
                made.close()
                raise
            self._connection = DatabaseConnection(made)
        return self._connection

    def read(self, work: Callable[[MailConnection], T], *, within_s: float | None = None) -> T:
        """Read something."""
        with self._sorted(), self._watch.within(within_s or ANSWER_WITHIN_S):
            return work(self.connection())

    def write(self, work: Callable[[MailConnection], T], *, token: object = None, within_s: float | None = None) -> T:
        """Do several writes or none of them; see `Mailbox`."""
        token = work if token is None else token
        with self._sorted(), self._watch.within(within_s or ANSWER_WITHIN_S):
            connection = self._begun()
            try:
                self._find_out(connection)
                doubt = self._doubts.pop(id(token), None)
                if doubt is not None and doubt.has_happened:
                    self._roll_back(connection)
                    return cast("T", doubt.result)
                result = work(connection)
            except BaseException:
                self._roll_back(connection)
                raise
            self._number += 1
            self._doubts[id(token)] = _Doubt(token, self._number, result)
            connection.commit(self._writer, self._number)
            del self._doubts[id(token)]
            return result

    def close(self) -> None:
        """Let go of the connection; another one is made when it is needed."""
        connection, self._connection = self._connection, None
        self._watch.follow(None)
        if connection is not None:
            connection.close()

    def cut(self) -> None:
        """Have whatever is under way on another thread fail at once."""
        self._watch.cut()

    def _begun(self) -> DatabaseConnection:
        """Begin to write, with another connection where the one that there was has died since it was used."""
        from psycopg import OperationalError

        was_open = self._connection is not None
        connection = self.connection()
        try:
            connection.begin()
        except OperationalError:
            if not was_open or self._watch.has_cut:
                raise
            self.close()
            connection = self.connection()
            connection.begin()
        return connection

    def _find_out(self, connection: DatabaseConnection) -> None:
        """Find out whether the last transaction has happened, if nobody knows: after the next one nobody could."""
        doubt = next(reversed(self._doubts.values()), None)
        if doubt is not None and doubt.has_happened is None:
            doubt.has_happened = connection.last_number(self._writer) == doubt.number
        while len(self._doubts) > _MOST_DOUBTS:
            self._doubts.popitem(last=False)

    @staticmethod
    def _roll_back(connection: DatabaseConnection) -> None:
        from psycopg import Error

        with suppress(Error):
            connection.rollback()

    @contextmanager
    def _sorted(self) -> Iterator[None]:
        """Let go of the connection after an error of the database, and say what it means."""
        from psycopg import Error

        try:
            yield
        except Error as error:
            self.close()  # what is wrong with the connection may be mended by another one
            raise self._meaning(error) from None

    def _meaning(self, error: "psycopg.Error") -> Exception:
        from psycopg import InterfaceError, InternalError, OperationalError

        if error.sqlstate == FENCED_OFF:
            return FencedOffError(f"the account's lease has passed on to another host: {self.shown} takes no more")
        if self._watch.has_cut:
            return DatabaseTroubleError(f"{self.shown} cannot be used: it does not answer")
        trouble = trouble_of(error, self._database)
        passes = isinstance(error, OperationalError | InterfaceError | InternalError)
        return trouble if passes else MailboxError(str(trouble))


def _row_factory(cursor: "psycopg.Cursor[Any]") -> Callable[[Sequence[Any]], _Row]:
    return _row_kind(tuple(column.name for column in cursor.description or ()))


@lru_cache
def _row_kind(names: tuple[str, ...]) -> type[_Row]:
    return type("Row", (_Row,), {"__slots__": (), "names": {name: at for at, name in enumerate(names)}})


@lru_cache
def _translated(statement: str) -> str:
    """Return a statement as psycopg wants it: `%s` and `%(name)s` stand for values."""

    def mark(found: re.Match[str]) -> str:
        if found[0] == "?":
            return "%s"
        return f"%({found[1]})s" if found[1] else found[0]

    return _MARKS.sub(mark, statement.replace("%", "%%"))


def _cleaned(values: Values) -> Values:
    if isinstance(values, Mapping):
        return {name: _clean(value) for name, value in values.items()}
    return tuple(map(_clean, values))


def _clean(value: Any) -> Any:
    """Return a value as the file would take it: truths and our states are numbers; no text has a NUL, here."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return int(value) if isinstance(value, int) else value
