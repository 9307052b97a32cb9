"""A session goes from a database into a file and back, and is the same on both sides."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from linda_bot.database.connecting import Database, FencedOffError
from linda_bot.sessions.guard import set_guard as set_guard_in_file
from linda_bot.sessions.rollback import generation_in as generation_in_file
from linda_bot.sessions.rollback import set_generation as set_generation_in_file
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.copying import (
    CopyFailedError,
    copy_to_file,
    copy_to_schema,
    digest_of_file,
    digest_of_schema,
)
from linda_bot.sessions.shared.guard import caught_in, set_guard
from linda_bot.sessions.shared.schema import prepare
from linda_bot.sessions.shared.store import generation_in, read_identity, set_generation
from linda_bot.sessions.store import read_identity as read_identity_in_file
from tests.support.shared_stores import MAKER, OURS, ask, fill, fill_file, grant, raw
from tests.support.stores import NUMBER
from tests.unit.sessions.test_guard import UPSERT, record


def dump(file: Path) -> dict[str, list[Any]]:
    """Return all that is in a file, with the types in which it is kept."""
    with closing(sqlite3.connect(file)) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for table in tables:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            asked = ", ".join(f"{column}, typeof({column})" for column in columns)
            found[table] = sorted(map(repr, database.execute(f"SELECT {asked} FROM {table}")))
        return found


@pytest.fixture
def linked(store: SharedStore) -> SharedStore:
    """A session that has lived: numbers and remembered chains of ours among its rows."""
    fill(store)
    with raw(store) as connection:
        set_guard(connection, store.schema)
        for index, ratchet in ((7, "a"), (6, "a"), (1, "b"), (2, "c")):
            connection.execute(UPSERT.replace("?", "%s"), (OURS, "15550001111_1:0", record(index, ratchet=ratchet)))
        set_generation(connection, 5)
    return store


def test_there_and_back(linked: SharedStore, database: Database, tmp_path: Path) -> None:
    """The file is a store like the library's own, and what is loaded from it is what there was."""
    file = tmp_path / "copy.db"
    copied = copy_to_file(linked, file, MAKER)
    another = SharedStore(database, linked.account + "2")
    prepare(another, MAKER)

    assert digest_of_schema(linked) == copied == digest_of_file(file)
    assert copy_to_schema(file, another) == copied == digest_of_schema(another)
    with another.opened() as connection:
        identity = read_identity(connection)
        assert (generation_in(connection), caught_in(connection)) == (5, 1)
    assert identity is not None
    assert identity.number == NUMBER
    assert read_identity_in_file(file, thorough=True) == identity
    with closing(sqlite3.connect(file)) as found:
        assert generation_in_file(found) == 5
        assert found.execute("PRAGMA foreign_key_check").fetchall() == []
        assert found.execute("SELECT count(*) FROM linda_bot_chains").fetchone() == (2,)
    assert [entry.name for entry in tmp_path.iterdir()] == ["copy.db"]


def test_a_file_through_the_database(store: SharedStore, tmp_path: Path) -> None:
    """Value for value and type for type as the library had written it."""
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    fill_file(first)
    set_generation_in_file(first, 9)
    with closing(sqlite3.connect(first)) as database, database:
        database.execute("DELETE FROM whatsmeow_sessions")
    set_guard_in_file(first)
    copy_to_schema(first, store)
    copy_to_file(store, second, MAKER)

    assert dump(first) == dump(second)
    assert ask(store, "SELECT pinned FROM whatsmeow_chat_settings") == [True]
    assert ask(store, "SELECT full_name FROM whatsmeow_contacts") == ["Ann\n\t\\N"]


def test_what_a_text_cannot_hold_is_left_out(store: SharedStore, tmp_path: Path) -> None:
    """PostgreSQL takes no NUL and no broken UTF-8; a name is not worth the session."""
    file = tmp_path / "session.db"
    fill_file(file)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE whatsmeow_contacts SET full_name = 'A' || char(0) || CAST(x'c328' AS TEXT)")

    copied = copy_to_schema(file, store)
    assert ask(store, "SELECT full_name FROM whatsmeow_contacts") == ["A�("]
    assert copied == digest_of_file(file) == digest_of_schema(store)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE whatsmeow_sessions SET session = '\\x00' WHERE their_id = '3_1:0'",
        "DELETE FROM whatsmeow_pre_keys WHERE key_id = 1",
        "INSERT INTO whatsmeow_lid_map VALUES ('1', '2')",
        "UPDATE whatsmeow_pre_keys SET uploaded = NOT uploaded",
        "UPDATE linda_bot SET value = 6 WHERE name = 'generation'",
        "UPDATE whatsmeow_contacts SET first_name = ''",
        "UPDATE linda_bot_chains SET number = number + 1",
    ],
)
def test_the_digest_sees_every_change(linked: SharedStore, harm: str) -> None:
    """An empty text and none, also; two rows that have changed places cannot be, in a table without an order."""
    before = digest_of_schema(linked)
    with raw(linked) as connection:
        connection.execute(harm)

    assert digest_of_schema(linked) != before


def test_another_version_is_refused(linked: SharedStore, tmp_path: Path) -> None:
    """Nobody knows what has changed between them; nothing is left in the schema."""
    file = tmp_path / "session.db"
    fill_file(file)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE whatsmeow_version SET version = 14")
    with raw(linked) as connection:
        connection.execute("DELETE FROM whatsmeow_device")

    with pytest.raises(CopyFailedError, match="version 14 in the file and 15 in the database"):
        copy_to_schema(file, linked)
    assert ask(linked, "SELECT count(*) FROM whatsmeow_device") == [0]


def test_another_column_is_refused(linked: SharedStore, tmp_path: Path) -> None:
    """It would be lost."""
    with raw(linked) as connection:
        connection.execute("ALTER TABLE whatsmeow_device ADD COLUMN more text")

    with pytest.raises(CopyFailedError, match="other columns"):
        copy_to_file(linked, tmp_path / "session.db", MAKER)


def test_a_session_is_not_written_over(linked: SharedStore, tmp_path: Path) -> None:
    """It must be set aside first."""
    file = tmp_path / "session.db"
    fill_file(file)

    with pytest.raises(CopyFailedError, match="already"):
        copy_to_schema(file, linked)


def test_a_row_of_nobodys_undoes_all(store: SharedStore, tmp_path: Path) -> None:
    """One transaction: the schema is as it was."""
    file = tmp_path / "session.db"
    fill_file(file)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("INSERT INTO whatsmeow_sessions VALUES ('nobody', 'x', x'00')")

    with pytest.raises(CopyFailedError, match="foreign key"):
        copy_to_schema(file, store)
    assert ask(store, "SELECT count(*) FROM whatsmeow_device") == [0]
    assert ask(store, "SELECT count(*) FROM whatsmeow_lid_map") == [0]


def test_a_copy_is_of_one_moment(linked: SharedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an engine writes meanwhile is not in it, nor half of it."""
    from linda_bot.sessions.shared import copying

    before = digest_of_schema(linked)
    rows = copying._rows_in_schema

    def meanwhile(connection: Any, table: str, columns: Any) -> Any:
        with raw(linked) as engine:
            engine.execute("UPDATE whatsmeow_pre_keys SET key = sha256(key)")
            engine.execute("INSERT INTO whatsmeow_lid_map VALUES (%s, %s)", (table, table))
        return rows(connection, table, columns)

    with monkeypatch.context() as patch:
        patch.setattr(copying, "_rows_in_schema", meanwhile)
        copied = copy_to_file(linked, tmp_path / "copy.db", MAKER)

    assert copied == before
    assert digest_of_schema(linked) != before


def test_a_lease_that_has_passed_on_copies_nothing_in(store: SharedStore, tmp_path: Path) -> None:
    """Reading is refused as well: whoever has the lease makes the backups."""
    file = tmp_path / "session.db"
    fill_file(file)
    grant(store.database, store.account, 3)
    old = store._replace(fence=2)
    with pytest.raises(FencedOffError):
        copy_to_schema(file, old)
    with pytest.raises(FencedOffError):
        copy_to_file(old, tmp_path / "copy.db", MAKER)
