"""The guard does the same to a session in a file and to one in a database."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linda_bot.sessions import guard as in_files
from linda_bot.sessions.guard import Guard
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.shared import guard as in_databases
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.opening import open_session
from tests.support.shared_stores import MAKER, OURS, ask, fill, fill_file, raw
from tests.unit.sessions.test_guard import (
    STRANGE,
    THEIRS,
    UNSENT,
    UPSERT,
    Library,
    chain,
    content,
    packed,
    record,
    with_state,
)

STRANGE_BYTES = [
    each.encode() if isinstance(each, str) else each for each in STRANGE if not isinstance(each, int | float)
]


class Guarded(Protocol):
    """A session that is guarded, as the client library sees it."""

    def put(self, session: Any, their_id: str = THEIRS) -> None:
        """Store a record."""

    def get(self, their_id: str = THEIRS) -> Any:
        """Load one."""

    def look(self) -> Guard:
        """Look at the guard."""

    def remembered(self) -> list[int]:
        """Return how many chains are remembered of each contact."""

    def forget(self) -> None:
        """Remember none any more."""


class InFile(Library):
    """In a file."""

    def __init__(self, store: Path) -> None:
        super().__init__(store)
        self.store = store
        assert in_files.set_guard(store).active

    def look(self) -> Guard:
        return in_files.look_at_guard(self.store)

    def remembered(self) -> list[int]:
        return [row[0] for row in self.database.execute("SELECT count(*) FROM linda_bot_chains GROUP BY their_id")]

    def forget(self) -> None:
        self.database.execute("DELETE FROM linda_bot_chains")


class InDatabase:
    """In a database, written by the library's own statement."""

    def __init__(self, store: SharedStore, connection: "psycopg.Connection[Any]") -> None:
        self.store = store
        self.connection = connection
        assert in_databases.set_guard(connection, store.schema).active

    def put(self, session: Any, their_id: str = THEIRS) -> None:
        self.connection.execute(UPSERT.replace("?", "%s"), (OURS, their_id, session))

    def get(self, their_id: str = THEIRS) -> Any:
        query = "SELECT session FROM whatsmeow_sessions WHERE our_jid = %s AND their_id = %s"
        found = self.connection.execute(query, (OURS, their_id)).fetchone()
        assert found is not None
        return found[0]

    def look(self) -> Guard:
        with self.store.opened() as connection:
            return in_databases.look_at_guard(connection, self.store.schema)

    def remembered(self) -> list[int]:
        return ask(self.store, "SELECT count(*) FROM linda_bot_chains GROUP BY their_id")

    def forget(self) -> None:
        self.connection.execute("DELETE FROM linda_bot_chains")


def link(store: SharedStore) -> None:
    """Have a session hold a device, and no record."""
    fill(store)
    with store.opened() as connection:
        connection.execute("DELETE FROM whatsmeow_sessions")


@pytest.fixture
def guarded_database(store: SharedStore) -> Iterator[InDatabase]:
    """A guarded session in a database."""
    link(store)
    with raw(store) as connection:
        yield InDatabase(store, connection)


@pytest.fixture(params=["file", "database"])
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guarded]:
    """Each test is for both."""
    with ExitStack() as stack:
        if request.param == "database":
            yield request.getfixturevalue("guarded_database")
            return
        file = tmp_path / "session.db"
        fill_file(file)
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("DELETE FROM whatsmeow_sessions")
        made = InFile(file)
        stack.enter_context(closing(made.database))
        yield made


def test_an_index_that_goes_back_does_not(guarded: Guarded) -> None:
    """The sending chain stays, key and all; what was received is the new one; everything else too."""
    guarded.put(record(7, received=3))
    guarded.put(record(6, received=4, skipped=2))

    kept, new = json.loads(guarded.get()), content(6, received=4, skipped=2)
    assert kept["SessionState"].pop("SenderChain") == chain("ours", 7)
    new["SessionState"].pop("SenderChain")
    assert kept == new
    assert guarded.look() == Guard(active=True, caught=1)


def test_a_chain_that_comes_back_later_has_not_gone_back(guarded: Guarded) -> None:
    """A former session that is the current one again, as it was archived before the last answers: they count."""
    guarded.put(record(7, ratchet="first"))
    guarded.put(record(0, ratchet="second"))
    guarded.put(record(1, ratchet="second"))
    guarded.put(record(5, ratchet="first", received=9))

    found = json.loads(guarded.get())["SessionState"]
    assert found["SenderChain"] == chain("first", 7)
    assert found["ReceiverChains"][1]["ChainKey"]["Index"] == 9
    guarded.put(record(8, ratchet="first"))
    guarded.put(record(2, ratchet="second"))
    assert json.loads(guarded.get())["SessionState"]["SenderChain"] == chain("second", 2)
    assert guarded.look().caught == 1


def test_a_chain_comes_back_through_a_session_that_has_not_sent(guarded: Guarded) -> None:
    """A session in which nothing was sent yet has no chain; the one before is remembered all the same."""
    guarded.put(record(7, ratchet="first"))
    guarded.put(with_state({"SenderChain": None}))
    guarded.put(record(6, ratchet="first"))

    assert json.loads(guarded.get())["SessionState"]["SenderChain"] == chain("first", 7)
    assert guarded.look().caught == 1


def test_what_is_remembered_stays_small(guarded: Guarded) -> None:
    """A few chains of each contact, however often they change; another contact's are another's."""
    for number in range(40):
        guarded.put(record(number % 3, ratchet=f"chain {number}"))
        guarded.put(record(number % 3, ratchet=f"other {number}"), their_id="another:0")

    assert guarded.remembered() == [5, 5]
    assert guarded.look().caught == 0


def test_the_counter_only_grows_whatever_comes(guarded: Guarded) -> None:
    """A roll-back in every second store, by up to three: as in the worst burst that was measured."""
    highest = 0
    for number in range(1, 60):
        index = number if number % 2 else max(number - 2 - number % 4, 0)
        guarded.put(record(index, received=number))
        highest = max(highest, index)
        found = json.loads(guarded.get())["SessionState"]
        assert found["SenderChain"]["ChainKey"] == chain("ours", highest)["ChainKey"]
        assert found["ReceiverChains"][1]["ChainKey"]["Index"] == number
    assert guarded.look().caught == 29


@pytest.mark.parametrize(
    "new",
    [
        record(7, received=9),
        record(8, received=3),
        record(2, ratchet="another"),
        record(0, ratchet="another", received=1),
    ],
    ids=["same", "forward", "turned", "turned and new"],
)
def test_what_is_as_it_should_be_is_stored_as_it_comes(guarded: Guarded, new: bytes) -> None:
    """The index goes on, or the ratchet has turned: byte for byte the library's own."""
    guarded.put(record(7, received=3))
    guarded.put(new)

    assert guarded.get() == new
    assert guarded.look().caught == 0


def test_numbers_and_texts_survive(guarded: Guarded) -> None:
    """A hit writes the record anew: what the library does not know yet must come through, too."""
    odd = {"Big": 2**63 - 1, "Larger": 2**64, "Small": -1, "Text": 'é \\u0000 "\n', "None": None, "Deep": [[{}], [1.5]]}
    guarded.put(packed({**content(7), "New": odd}))
    guarded.put(packed({**content(6), "New": odd}))

    assert json.loads(guarded.get())["New"] == odd
    assert json.loads(guarded.get())["SessionState"]["SenderChain"]["ChainKey"]["Index"] == 7


def test_a_large_record(guarded: Guarded) -> None:
    """Two thousand skipped keys, which is as many as the library keeps."""
    guarded.put(record(7, skipped=2000))
    guarded.put(record(6, received=2, skipped=1999))

    kept = json.loads(guarded.get())["SessionState"]
    assert kept["SenderChain"] == chain("ours", 7)
    assert kept["ReceiverChains"] == content(6, received=2, skipped=1999)["SessionState"]["ReceiverChains"]
    assert guarded.look().caught == 1


def test_a_record_of_another_form_is_left_alone(guarded: Guarded) -> None:
    """Whether it is the old or the new one: no statement fails, and what is stored is what was given."""
    for strange in STRANGE_BYTES:
        for old, new in ((strange, record(2)), (record(7), strange)):
            guarded.forget()
            guarded.put(UNSENT)
            guarded.put(old)
            guarded.put(new)
            assert guarded.get() == new
    assert guarded.look().caught == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=st.binary() | st.none(), new=st.binary() | st.none())
def test_nothing_makes_a_statement_fail(guarded_database: InDatabase, old: bytes | None, new: bytes | None) -> None:
    """Whatever the two are."""
    for session in (old, new):
        guarded_database.put(session)
    assert guarded_database.get() == new


@pytest.mark.parametrize(
    ("session", "fits"),
    [(record(7), True), (UNSENT, True), *((each, False) for each in STRANGE_BYTES if each != UNSENT)],
    ids=lambda value: repr(value)[:40],
)
def test_the_form_of_the_records_is_looked_at(guarded_database: InDatabase, session: Any, *, fits: bool) -> None:
    """A store whose newest records are of another form is not guarded, and that is said."""
    guarded_database.put(record(7), "400500600700_1:2")
    guarded_database.put(session)

    found = guarded_database.look()
    assert found.active is fits
    assert fits or "another form" in found.why


def test_a_plain_update_is_guarded_as_well(guarded_database: InDatabase) -> None:
    """Not only the form in which this version of the library stores."""
    guarded_database.put(record(7))
    guarded_database.connection.execute("UPDATE whatsmeow_sessions SET session = %s", (record(6),))

    assert json.loads(guarded_database.get())["SessionState"]["SenderChain"] == chain("ours", 7)


def test_stores_at_the_same_time_never_turn_it_back(guarded_database: InDatabase) -> None:
    """Four of the library's connections, each with what it read some time ago; none fails, and the newest holds."""
    guarded_database.put(record(0))
    failed: list[BaseException] = []

    def write(first: int) -> None:
        try:
            with raw(guarded_database.store) as connection:
                for index in range(first, 60, 4):
                    for each in (index, max(index - 3, 0)):
                        connection.execute(UPSERT.replace("?", "%s"), (OURS, THEIRS, record(each)))
        except psycopg.Error as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failed == []
    assert json.loads(guarded_database.get())["SessionState"]["SenderChain"] == chain("ours", 59)
    assert guarded_database.look().caught >= 15


def test_those_that_store_several_do_not_wait_for_each_other(guarded_database: InDatabase) -> None:
    """Two transactions, each with a catch of its own, and then the next contact: no lock that both need."""
    for their_id in ("one", "two"):
        guarded_database.put(record(7, ratchet=their_id), their_id)
    with raw(guarded_database.store) as first, raw(guarded_database.store) as second:
        for connection, their_id in ((first, "one"), (second, "two")):
            connection.execute("SET lock_timeout = '1s'")
            connection.autocommit = False
            connection.execute(UPSERT.replace("?", "%s"), (OURS, their_id, record(6, ratchet=their_id)))
        first.commit()
        second.commit()

    assert guarded_database.look().caught == 2


def test_what_was_caught_is_added_up(guarded_database: InDatabase) -> None:
    """Setting it again changes nothing but that; one line is left of many."""
    for index in (7, 6, 5):
        guarded_database.put(record(index))
    store = guarded_database.store
    for _ in range(2):
        with store.opened() as connection:
            assert in_databases.set_guard(connection, store.schema) == Guard(active=True, caught=2)

    assert ask(store, "SELECT count(*) FROM linda_bot_catches") == [0]
    assert ask(store, "SELECT value FROM linda_bot WHERE name = 'guard_caught'") == [2]


@pytest.mark.parametrize(
    "harm",
    [
        "DROP TRIGGER linda_bot_guard ON whatsmeow_sessions",
        "ALTER TABLE whatsmeow_sessions DISABLE TRIGGER linda_bot_guard",
        "ALTER TABLE whatsmeow_sessions ENABLE REPLICA TRIGGER linda_bot_guard",
        (
            "CREATE OR REPLACE FUNCTION linda_bot_guard() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN NEW; END $$"
        ),
        (
            "CREATE OR REPLACE FUNCTION linda_bot_sender_chain(session bytea) RETURNS jsonb LANGUAGE sql"
            " IMMUTABLE AS 'SELECT NULL::jsonb'"
        ),
    ],
)
def test_one_that_is_not_ours_word_for_word_is_replaced(guarded_database: InDatabase, harm: str) -> None:
    """Another version's, or one that is switched off."""
    guarded_database.connection.execute(harm)
    assert not guarded_database.look().active

    store = guarded_database.store
    with store.opened() as connection:
        assert in_databases.set_guard(connection, store.schema).active
    guarded_database.put(record(7))
    guarded_database.put(record(6))
    assert guarded_database.look() == Guard(active=True, caught=1)


def test_it_is_taken_away_before_an_engine_opens_the_store(guarded_database: InDatabase, tmp_path: Path) -> None:
    """The engine may be another version's, which rebuilds its tables; the count stays."""
    guarded_database.put(record(7))
    guarded_database.put(record(6))
    store = guarded_database.store
    paths = SessionPaths(tmp_path, "default")
    paths.directory.mkdir(parents=True)
    open_session(store, paths, MAKER)

    assert (
        ask(
            store,
            "SELECT tgname FROM pg_trigger WHERE tgname = 'linda_bot_guard' AND tgrelid = %s::regclass",
            f"{store.schema}.whatsmeow_sessions",
        )
        == []
    )
    with store.opened() as connection:
        assert in_databases.set_guard(connection, store.schema) == Guard(active=True, caught=1)


def test_a_library_that_calls_its_table_otherwise(store: SharedStore) -> None:
    """An error of the database's; nothing is left behind, all else goes on."""
    with raw(store) as connection:
        connection.execute("ALTER TABLE whatsmeow_sessions RENAME TO whatsmeow_records")
        with pytest.raises(psycopg.Error, match="whatsmeow_sessions"):
            in_databases.set_guard(connection, store.schema)
        assert connection.execute("SELECT 1").fetchone() == (1,)
