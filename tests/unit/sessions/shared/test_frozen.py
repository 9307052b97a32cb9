"""A database that does not answer any more holds nobody for ever."""

import time
from collections.abc import Iterator

import pytest

from linda_bot.database.connecting import Database, DatabaseTroubleError
from linda_bot.sessions.shared.access import SharedStore
from tests.support.postgres import Server, find_binaries, running_server


@pytest.fixture(scope="module")
def server(postgres: Server) -> Iterator[Server]:
    """A server of this module's own, which may be frozen."""
    binaries = find_binaries()
    assert binaries is not None
    with running_server(binaries) as server:
        yield server


def test_a_statement_is_given_up(server: Server) -> None:
    """The connection is cut off under it."""
    store = SharedStore(Database(server.address()), "1")
    begun = time.monotonic()

    def ask() -> None:
        with store.opened(within_s=0.5) as connection:
            server.freeze()
            connection.execute("SELECT 1")

    try:
        with pytest.raises(DatabaseTroubleError, match=r"not answered within 0.5 s"):
            ask()
    finally:
        server.thaw()

    assert 0.4 < time.monotonic() - begun < 5


def test_connecting_is_given_up(server: Server) -> None:
    """The system takes the connection, but nobody is there."""
    store = SharedStore(Database(server.address()), "1")
    server.freeze()
    begun = time.monotonic()
    try:
        with pytest.raises(DatabaseTroubleError, match="timeout"), store.opened():
            pass
    finally:
        server.thaw()
    assert time.monotonic() - begun < 12
