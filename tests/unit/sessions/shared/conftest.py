"""A database of this module's own, and a session in it whose tables the client library has made."""

from itertools import count

import pytest

from linda_bot.database.connecting import Database
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.schema import prepare
from tests.support.postgres import Server
from tests.support.shared_stores import MAKER

_accounts = count(15550000001)


@pytest.fixture(scope="module")
def database(postgres: Server) -> Database:
    """A database with nothing in it at first."""
    return Database(postgres.new_database())


@pytest.fixture
def empty(database: Database) -> SharedStore:
    """An account that has no session yet."""
    return SharedStore(database, str(next(_accounts)))


@pytest.fixture
def store(empty: SharedStore) -> SharedStore:
    """The session of an account that was not linked yet."""
    assert prepare(empty, MAKER)
    return empty
