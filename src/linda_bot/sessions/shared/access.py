"""The store of a session in a database: how it is opened, by whom, and for how long at most."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING, Any, NamedTuple

from linda_bot.database.connecting import (
    FENCED_OFF,
    Database,
    DatabaseTroubleError,
    FencedOffError,
    Place,
    trouble_of,
)
from linda_bot.database.places import session_schema, worker
from linda_bot.sessions.shared.fencing import check_lease

if TYPE_CHECKING:
    import psycopg

WITHIN_S = 12.0
"""How long a piece of work may take: a database that is frozen must not hold a thread for ever."""


_SERVERS_SHARE = 0.8
"""A server that is well gives up first, and says at what; it shall not go on where nobody waits any more."""


class SharedStore(NamedTuple):
    """An account's session, as whoever has this lease sees it.

    A schema of its own holds it, with exactly one device: so the client library, which takes the first it finds, is
    always told which one to take. That it is the only one, and the account's, is looked at before each start.
    """

    database: Database
    account: str
    fence: int | None = None
    """The number of the lease; None for who needs none."""

    @property
    def schema(self) -> str:
        """Where the session is."""
        return session_schema(self.account)

    @property
    def draft(self) -> str:
        """Where one takes shape that is going to take its place."""
        return f"{self.schema}_next"

    def source(self, what: str = "engine", *, schema: str = "") -> str:
        """Return what the client library opens: a secret."""
        return self.database.library_source(self._place(what, schema))

    @contextmanager
    def opened(
        self, what: str = "session", *, schema: str = "", within_s: float = WITHIN_S
    ) -> "Iterator[psycopg.Connection[Any]]":
        """Yield a connection, in autocommit, whose names are the session's; for blocking work on a thread.

        Raises DatabaseTroubleError whenever the database cannot do what it is asked, FencedOffError when the account's
        lease has a higher number by now.
        """
        import psycopg

        connection = self.database.connect(self._place(what, schema))
        with _cut_off_after(connection, within_s) as was_cut:
            try:
                timeout = round(within_s * _SERVERS_SHARE * 1000)  # milliseconds
                connection.execute(
                    f"SET statement_timeout = {timeout}; SET idle_in_transaction_session_timeout = {timeout};"
                    " SET client_min_messages = warning"
                )
                if self.fence is not None:
                    check_lease(connection, self.account, self.fence)
                yield connection
            except psycopg.Error as error:
                if was_cut:
                    message = f"{self.database.shown} has not answered within {within_s:g} s"
                    raise DatabaseTroubleError(message) from None
                if error.sqlstate == FENCED_OFF:
                    raise FencedOffError(str(error).splitlines()[0]) from None
                raise trouble_of(error, self.database) from None
            finally:
                connection.close()

    def _place(self, what: str, schema: str) -> Place:
        return Place(schema or self.schema, worker(self.account, what, self.fence), self.fence)


@contextmanager
def _cut_off_after(connection: "psycopg.Connection[Any]", seconds: float) -> Iterator[list[bool]]:
    """End a connection under whoever waits at it when it takes too long; what is yielded says whether it did.

    The driver waits for an answer for as long as the connection is there.
    """
    was_cut: list[bool] = []
    # Of its own: the connection's may be closed, and its number given to somebody else.
    with socket.socket(fileno=os.dup(connection.pgconn.socket)) as ours:

        def cut() -> None:
            was_cut.append(True)
            ours.shutdown(socket.SHUT_RDWR)

        timer = Timer(seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield was_cut
        finally:
            timer.cancel()
            timer.join()
