"""Schemas of sessions: made by the library, several in one database, set aside and replaced as a whole."""

import threading

import psycopg
import pytest

from linda_bot.database.connecting import Database, DatabaseTroubleError
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.fencing import unfenced
from linda_bot.sessions.shared.making import Maker, TablesNotMadeError
from linda_bot.sessions.shared.schema import is_made, is_there, prepare, set_aside, set_aside_before, take_place
from linda_bot.sessions.shared.store import missing_tables
from tests.support.shared_stores import MAKER, ask, fill, raw

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"


def test_each_session_has_all_tables(database: Database, store: SharedStore) -> None:
    """Also the second one in a database, and the third."""
    for account in ("1", "2"):
        another = SharedStore(database, account)
        assert prepare(another, MAKER)
        assert sorted(ask(another, TABLES)) == sorted(ask(store, TABLES))
    assert len(ask(store, TABLES)) == 17 + 3
    assert ask(store, "SELECT version FROM whatsmeow_version") == [15]
    with store.opened() as connection:
        assert missing_tables(connection) == []
        assert unfenced(connection, store.schema) == []


def test_one_that_is_there_is_left_alone(store: SharedStore) -> None:
    """Nothing is asked of the library."""
    fill(store)

    assert not prepare(store, Maker(("/bin/false",)))
    assert ask(store, "SELECT count(*) FROM whatsmeow_device") == [1]


def test_two_at_once_make_one(empty: SharedStore) -> None:
    """The second waits for the first."""
    made: list[bool] = []
    threads = [threading.Thread(target=lambda: made.append(prepare(empty, MAKER))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(made) == 3
    assert ask(empty, "SELECT version FROM whatsmeow_version") == [15]


def test_one_that_was_begun_is_finished(empty: SharedStore) -> None:
    """The process died before the library had made its tables."""
    with pytest.raises(TablesNotMadeError, match="it died"):
        prepare(empty, Maker(("/bin/false",)))
    with empty.opened() as connection:
        assert is_there(connection, empty.schema)
        assert not is_made(connection, empty.schema)

    assert prepare(empty, MAKER)
    assert ask(empty, "SELECT version FROM whatsmeow_version") == [15]


def test_a_library_that_says_no_is_quoted(empty: SharedStore) -> None:
    """Its own words, and none of the address."""
    with pytest.raises(TablesNotMadeError, match="no such file or directory") as caught:
        MAKER.make("/nowhere/at/all.db")
    assert "all.db" not in str(caught.value)
    with pytest.raises(TablesNotMadeError, match="cannot be started"):
        Maker(("/nowhere/at/all",)).make("x")


def test_setting_aside_keeps_everything(store: SharedStore) -> None:
    """Under another name, with the reason, newest first; there is no session then."""
    fill(store)
    first = set_aside(store, 'it\'s "odd"')
    assert first is not None
    assert set_aside(store, "again") is None
    prepare(store, MAKER)
    second = set_aside(store, "again")

    assert ask(store, "SELECT count(*) FROM whatsmeow_device", schema=first) == [1]
    assert ask(store, "SELECT obj_description(%s::regnamespace, 'pg_namespace')", first) == ['it\'s "odd"']
    with store.opened() as connection:
        assert set_aside_before(connection, store.schema) == [second, first]
        assert not is_there(connection, store.schema)


def test_a_draft_takes_the_place_as_a_whole(store: SharedStore) -> None:
    """And what was there is set aside."""
    fill(store)
    prepare(store, MAKER, schema=store.draft)
    fill(store, schema=store.draft, push_name="new")
    aside = take_place(store, "a test")

    assert aside is not None
    assert ask(store, "SELECT push_name FROM whatsmeow_device") == ["new"]
    assert ask(store, "SELECT push_name FROM whatsmeow_device", schema=aside) == ["Linda 🌷, Ltd"]
    with store.opened() as connection:
        assert not is_there(connection, store.draft)


def test_without_a_draft_nothing_is_moved(store: SharedStore) -> None:
    """The old session is in place, under its name."""
    fill(store)
    with pytest.raises(DatabaseTroubleError, match="does not exist"):
        take_place(store, "a test")

    assert ask(store, "SELECT count(*) FROM whatsmeow_device") == [1]


def test_a_lock_is_not_waited_for_without_end(store: SharedStore) -> None:
    """Somebody else holds on to a table: the server ends the statement, and nothing holds the thread."""
    with raw(store) as other:
        other.autocommit = False
        other.execute("LOCK TABLE whatsmeow_device")
        with pytest.raises(DatabaseTroubleError, match="statement timeout"), store.opened(within_s=1) as connection:
            connection.execute("SELECT * FROM whatsmeow_device")
        other.rollback()


def test_the_longest_number_fits(database: Database) -> None:
    """A name has 63 characters at most; PostgreSQL would cut a longer one off without a word."""
    store = SharedStore(database, "123456789012345")
    prepare(store, MAKER)
    aside = set_aside(store, "a test")

    assert aside is not None
    assert len(aside) <= 63
    with raw(store) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (aside,)).fetchone() == (1,)
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT * FROM whatsmeow_device")
