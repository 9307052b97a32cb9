"""What the mailbox asks of whatever it lies on, a file or a database; the same statements go to both.

They are SQLite's in form: `?` and `:name` stand for values. They keep to what PostgreSQL understands, too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

Values = Sequence[Any] | Mapping[str, Any]


class Rows(Protocol):
    """What a statement has found; a record is read by number and by name."""

    @property
    def rowcount(self) -> int:
        """How many records it has changed."""

    def fetchone(self) -> Any:
        """Return the next record; None behind the last."""

    def fetchall(self) -> list[Any]:
        """Return the records that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class MailConnection(Protocol):
    """An open mailbox."""

    def execute(self, statement: str, values: Any = ..., /) -> Rows:
        """Carry out a statement."""

    def executemany(self, statement: str, values: Any, /) -> Rows:
        """Carry out a statement for each of several values; none is none."""

    def close(self) -> None:
        """Let go of it."""


class Mailbox(Protocol):
    """A mailbox that is opened when it is needed, and again after an error. For one thread at a time."""

    @property
    def is_in_place(self) -> bool:
        """Whether what is open is what others find, too."""

    def connection(self) -> MailConnection:
        """Return the open connection, for reading."""

    def read(self, work: Callable[[MailConnection], T]) -> T:
        """Read something."""

    def write(self, work: Callable[[MailConnection], T], *, token: object = None) -> T:
        """Do several writes or none of them.

        After an error the same work can be tried again, known by its token, or by itself: what was done after all is
        not done twice.
        """

    def close(self) -> None:
        """Let go of it; it is opened again when it is needed."""
