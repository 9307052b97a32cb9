"""Whoever's lease has passed on writes nothing any more, and what it had under way is ended."""

import threading
import time

import psycopg
import pytest

from linda_bot.database.connecting import Database, DatabaseTroubleError, FencedOffError, Place
from linda_bot.database.places import session_place, worker
from linda_bot.sessions.shared import fencing
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.fencing import (
    end_leftovers,
    end_older,
    set_fences,
    unfenced,
)
from linda_bot.sessions.shared.schema import set_aside
from tests.support.shared_stores import ask, fill, grant, raw

CHANGES = [
    "INSERT INTO whatsmeow_lid_map VALUES ('1', '2')",
    "INSERT INTO whatsmeow_lid_map VALUES ('345888225186528', '9') ON CONFLICT (lid) DO UPDATE SET pn = excluded.pn",
    "UPDATE whatsmeow_device SET push_name = 'x'",
    "DELETE FROM whatsmeow_device",
    "TRUNCATE whatsmeow_lid_map",
    "INSERT INTO linda_bot VALUES ('generation', 99)",
]


@pytest.fixture
def linked(store: SharedStore) -> SharedStore:
    """A linked session, whose lease is the seventh."""
    fill(store)
    grant(store.database, store.account, 7)
    return store


@pytest.mark.parametrize("change", CHANGES)
def test_an_older_lease_changes_nothing(linked: SharedStore, change: str) -> None:
    """Whatever it is; reading is allowed."""
    with raw(linked, fence=6) as connection:
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(change)
        assert caught.value.sqlstate == "LB001"
        assert "lease has passed on" in str(caught.value)
        assert connection.execute("SELECT push_name FROM whatsmeow_device").fetchall() == [("Linda 🌷, Ltd",)]


def test_an_older_lease_loads_nothing(linked: SharedStore) -> None:
    """Not in bulk either."""
    with (
        raw(linked, fence=6) as connection,
        pytest.raises(psycopg.Error, match="passed on"),
        connection.cursor().copy("COPY whatsmeow_lid_map FROM STDIN") as copy,
    ):
        copy.write_row(("1", "2"))


@pytest.mark.parametrize("fence", [7, 8, None], ids=["own", "newer", "a person's"])
@pytest.mark.parametrize("change", CHANGES)
def test_whoever_has_the_lease_or_needs_none_may(linked: SharedStore, change: str, fence: int | None) -> None:
    """A person's command names no lease."""
    with raw(linked, fence=fence) as connection:
        connection.execute(change)


def test_without_a_fleet_everything_passes(postgres_without_leases: SharedStore) -> None:
    """There are no leases in the database, or none of this account."""
    with raw(postgres_without_leases, fence=0) as connection:
        connection.execute("INSERT INTO whatsmeow_lid_map VALUES ('1', '2')")


@pytest.fixture(params=["no table", "no lease"])
def postgres_without_leases(request: pytest.FixtureRequest, store: SharedStore) -> SharedStore:
    """A session that nobody has a lease of."""
    with store.database.connect(Place()) as connection:
        connection.execute("DROP SCHEMA IF EXISTS linda_bot CASCADE")
    if request.param == "no lease":
        grant(store.database, "somebody", 5)
    return store


def test_our_own_work_is_refused_before_it_begins(linked: SharedStore) -> None:
    """Also what no trigger sees."""
    old = linked._replace(fence=6)
    with pytest.raises(FencedOffError, match="passed on"):
        set_aside(old, "a test")

    assert ask(linked, "SELECT count(*) FROM whatsmeow_device") == [1]
    assert ask(linked._replace(fence=7), "SELECT 1") == [1]


def test_a_lease_that_passes_on_meanwhile_is_told_apart(linked: SharedStore) -> None:
    """From any other trouble with the database."""

    def lose_it() -> None:
        with linked._replace(fence=7).opened() as connection:
            grant(linked.database, linked.account, 8)
            connection.execute("DELETE FROM whatsmeow_device")

    with pytest.raises(FencedOffError):
        lose_it()


def test_a_table_that_comes_later_is_fenced_in(store: SharedStore) -> None:
    """As another version of the client library may make one; what is fenced in already is left alone."""
    with raw(store) as connection:
        connection.execute("CREATE TABLE whatsmeow_more (number integer)")
        connection.execute("ALTER TABLE whatsmeow_device DISABLE TRIGGER linda_bot_fence")
        assert unfenced(connection, store.schema) == ["whatsmeow_device", "whatsmeow_more"]
        set_fences(connection, store.schema, store.account)
        assert unfenced(connection, store.schema) == []
    grant(store.database, store.account, 2)
    with raw(store, fence=1) as connection, pytest.raises(psycopg.Error, match="passed on"):
        connection.execute("INSERT INTO whatsmeow_more VALUES (1)")


def test_another_versions_fence_is_replaced(linked: SharedStore) -> None:
    """It is looked at word for word."""
    harm = "CREATE OR REPLACE FUNCTION linda_bot_fence() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    with raw(linked) as connection:
        connection.execute(harm)
        set_fences(connection, linked.schema, linked.account)
    with raw(linked, fence=6) as connection, pytest.raises(psycopg.Error, match="passed on"):
        connection.execute("DELETE FROM whatsmeow_device")


def test_setting_fences_twice_writes_nothing(store: SharedStore) -> None:
    """Nobody waits for a lock."""
    with raw(store) as other:
        other.autocommit = False
        other.execute("INSERT INTO whatsmeow_lid_map VALUES ('1', '2')")
        with store.opened(within_s=2) as connection:
            set_fences(connection, store.schema, store.account)


def test_what_an_older_lease_has_under_way_is_ended(linked: SharedStore) -> None:
    """When it returns, nothing of it is left at the server; newer ones, other accounts and people go on."""
    others = [
        linked.database.connect(session_place(linked.account, "engine", 7)),
        linked.database.connect(session_place(linked.account, "engine")),
        linked.database.connect(session_place(linked.account + "1", "engine", 3)),
        linked.database.connect(session_place("1" + linked.account, "engine", 3)),
    ]
    with raw(linked, fence=6) as old, raw(linked, fence=5) as older, raw(linked) as admin:
        old.autocommit = False
        old.execute("SET LOCAL linda_bot.fence = ''")
        old.execute("UPDATE whatsmeow_device SET push_name = 'too late'")
        failed: list[str] = []

        def sleep() -> None:
            try:
                older.execute("SELECT pg_sleep(60)")
            except psycopg.Error as error:
                failed.append(str(error.sqlstate))

        sleeping = threading.Thread(target=sleep)
        sleeping.start()
        time.sleep(0.1)
        assert end_older(admin, linked.account, 7) == 2
        sleeping.join(5)

        assert failed == ["57P01"]
        with pytest.raises(psycopg.Error):
            old.commit()
    assert ask(linked, "SELECT push_name FROM whatsmeow_device") == ["Linda 🌷, Ltd"]
    for other in others:
        assert other.execute("SELECT 1").fetchone() == (1,)
        other.close()


def test_there_may_be_nothing_to_end(store: SharedStore) -> None:
    """It is the rule."""
    with store.opened() as connection:
        assert end_older(connection, store.account, 9) == 0


def test_what_does_not_go_is_told(store: SharedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not end it: the lease is no good then."""
    monkeypatch.setattr(fencing, "_LOOK_EVERY_S", 0)
    with raw(store, fence=1), raw(store) as admin:
        admin.execute("CREATE FUNCTION pg_terminate_backend(integer) RETURNS boolean LANGUAGE sql AS 'SELECT true'")
        admin.execute(f"SET search_path = {store.schema}, pg_catalog")
        with pytest.raises(DatabaseTroubleError, match="still there"):
            end_older(admin, store.account, 2, within_s=0.2)


@pytest.mark.parametrize("fence", [None, 7])
def test_an_engine_that_was_killed_leaves_nothing_at_work(linked: SharedStore, fence: int | None) -> None:
    """Its connections alone; those of the same lease that do something else go on."""
    with (
        raw(linked, fence=fence) as engine,
        linked.database.connect(session_place(linked.account, "mail", fence)) as mail,
        linked._replace(fence=fence).opened() as connection,
    ):
        assert end_leftovers(connection, linked.account, "engine", fence) == 1
        with pytest.raises(psycopg.Error):
            engine.execute("SELECT 1")
        assert mail.execute("SELECT 1").fetchone() == (1,)


def test_a_name_is_not_cut_off(database: Database) -> None:
    """The server keeps 63 characters: the number must be among them."""
    with database.connect(session_place("123456789012345", "session", 2**53)) as connection:
        found = connection.execute("SELECT current_setting('application_name')").fetchone()
    assert found == (worker("123456789012345", "session", 2**53),)


def test_deleting_the_device_of_a_session_is_fenced_once(linked: SharedStore) -> None:
    """The rows that go with it do so in the same statement."""
    with raw(linked, fence=7) as connection:
        connection.execute("DELETE FROM whatsmeow_device")
    assert ask(linked, "SELECT count(*) FROM whatsmeow_sessions") == [0]
