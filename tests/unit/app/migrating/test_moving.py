"""An account moves from files to a real database and back."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from linda_bot.app.migrating.moving import Move
from linda_bot.app.migrating.records import LivesElsewhereError, load_marker, refuse_if_elsewhere, where_is
from linda_bot.app.migrating.whereabouts import Home
from linda_bot.database.connecting import Database, Place
from linda_bot.database.migrating import bring_up_to_date
from linda_bot.kernel.errors import LindaError, SessionHeldError, UsageError
from linda_bot.kernel.flock import hold_lock
from linda_bot.sessions.manager import SessionManager
from linda_bot.sessions.opening import open_session
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.schema import prepare
from linda_bot.sessions.validation import Verdict
from linda_bot.whatsapp.mailbox_file import open_mailbox
from tests.support.moving_account import (
    Content,
    content_in_database,
    content_in_files,
    copy_database,
    drop_database,
    make_account,
    schemas,
)
from tests.support.postgres import Server
from tests.support.shared_stores import MAKER, fill
from tests.support.stores import NUMBER

_names = count(1)


@pytest.fixture(scope="module")
def empty(postgres: Server) -> Database:
    """A database in which all hosts' tables are."""
    database = Database(postgres.new_database())
    bring_up_to_date(database)
    return database


@pytest.fixture
def database(empty: Database) -> Iterator[Database]:
    """One of a test's own."""
    made = copy_database(empty, f"moving_{next(_names)}")
    yield made
    drop_database(made)


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """An account in files."""
    return make_account(tmp_path / "here")


@pytest.fixture
def move(paths: SessionPaths, database: Database) -> Move:
    """What is to be done with it."""
    return Move(paths, database, MAKER)


def test_there_and_back_it_is_the_same(move: Move, paths: SessionPaths, database: Database) -> None:
    """Session, messages with their numbers, attachments, state files, backups; and it can be opened as before."""
    before = whole(paths)
    moved = move.to_database()
    assert (moved.home, moved.was_there) == (Home.DATABASE, False)
    assert content_in_database(database) == before
    assert not paths.store.exists()
    assert not paths.mailbox.exists()
    assert (Path(moved.aside[0]) / "session.db").exists()
    assert (Path(moved.aside[0]) / paths.mailbox.name).exists()
    back = move.to_files()
    assert (back.home, back.was_there, len(back.aside)) == (Home.FILES, False, 2)
    assert content_in_files(paths) == before
    assert load_marker(paths) is None
    opening = open_session(paths)
    assert (opening.validation.verdict, opening.went_back) == (Verdict.RESTORABLE, "")
    assert not list(paths.data_dir.rglob("*.arriving*"))
    assert set(back.aside) <= set(schemas(database))
    assert f"linda_bot_session_{NUMBER}" not in schemas(database)


@pytest.mark.parametrize("seed", [2, 3])
def test_again_and_again(tmp_path: Path, database: Database, seed: int) -> None:
    """Also to another host's directory, and with other content each time."""
    one = make_account(tmp_path / "one", seed, messages=seed * 30)
    other = SessionPaths(tmp_path / "other", NUMBER)
    before = whole(one)
    for paths in (one, other, one, other):
        Move(paths, database, MAKER).to_files() if paths is not one or not one.store.exists() else None
        Move(paths, database, MAKER).to_database()
        assert content_in_database(database) == before
    Move(other, database, MAKER).to_files()
    assert content_in_files(other) == before
    assert where_is(one, database) is Home.ELSEWHERE
    with pytest.raises(LivesElsewhereError, match="was moved to the database"):
        refuse_if_elsewhere(one, None)
    with pytest.raises(LivesElsewhereError, match="other"):
        refuse_if_elsewhere(one, database)
    with pytest.raises(UsageError, match="other"):
        Move(one, database, MAKER).to_files()
    with pytest.raises(UsageError, match="other"):
        Move(one, database, MAKER).to_database()


def test_no_number_is_used_twice(move: Move, paths: SessionPaths, database: Database) -> None:
    """What was deleted had a number, too."""
    move.to_database()
    with database.connect(Place(f"linda_bot_account_{NUMBER}")) as connection:
        (key,) = one(
            connection.execute("INSERT INTO outbox (owner, chat, created_at) VALUES ('', '', 1) RETURNING key")
        )
        assert key == 42
        connection.execute("DELETE FROM outbox WHERE key = 42")
    move.to_files()
    with closing(open_mailbox(paths.mailbox)) as mailbox:
        assert mailbox.execute("INSERT INTO outbox (owner, chat, created_at) VALUES ('', '', 1)").lastrowid == 43


def test_a_second_time_there_is_nothing_to_do(move: Move) -> None:
    """In either direction."""
    assert move.to_files().was_there
    assert not move.to_database().was_there
    assert move.to_database().was_there
    assert not move.to_files().was_there
    assert move.to_files().was_there


def test_a_start_on_the_wrong_side_is_refused(move: Move, paths: SessionPaths, database: Database) -> None:
    """Before, and after: exactly one side may begin."""
    refuse_if_elsewhere(paths, None)
    with pytest.raises(LivesElsewhereError, match="in the files of"):
        refuse_if_elsewhere(paths, database)
    move.to_database()
    refuse_if_elsewhere(paths, database)
    with pytest.raises(LivesElsewhereError, match="LINDA_STORE"):
        refuse_if_elsewhere(paths, None)
    SessionManager(paths.data_dir, NUMBER).save_session_state()
    move.to_files()
    refuse_if_elsewhere(paths, None)
    with pytest.raises(LivesElsewhereError, match="in the files of"):
        refuse_if_elsewhere(paths, database)


def test_nothing_is_moved_while_a_bot_runs_on_the_files(move: Move, paths: SessionPaths, database: Database) -> None:
    """The holder is named."""
    SessionManager(paths.data_dir, NUMBER).require_free()
    hold_lock(paths.lock)
    paths.lock.write_text('{"pid": 4711, "phase": "listening", "host": "elsewhere"}')
    with pytest.raises(SessionHeldError, match="pid 4711"):
        move.to_database()
    assert schemas(database) == []


def test_nothing_is_moved_while_a_host_runs_it(move: Move, paths: SessionPaths, database: Database) -> None:
    """The host is named; when its lease has run out it does not count."""
    move.to_database()
    with database.connect(Place("linda_bot")) as connection:
        connection.execute("UPDATE leases SET host = 'anna', expires_at = clock_timestamp() + interval '1 hour'")
        with pytest.raises(SessionHeldError, match="anna"):
            move.to_files()
        connection.execute("UPDATE leases SET expires_at = clock_timestamp() - interval '1 second'")
        move.to_files()
        assert one(connection.execute("SELECT host, given_back FROM leases")) == ("", "released")
        assert one(connection.execute("SELECT state FROM accounts")) == ("removed",)


def test_a_move_whose_lease_has_passed_on_decides_nothing(
    move: Move, paths: SessionPaths, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stopped for long, and somebody else has the account by now."""
    before = whole(paths)
    steps: list[str] = []

    def tell(line: str) -> None:
        steps.append(line)
        if "state files" in line:
            with database.connect(Place("linda_bot")) as connection:
                connection.execute("UPDATE leases SET host = 'anna', fence = fence + 1")

    with pytest.raises(LindaError):
        move._replace(tell=tell).to_database()
    assert where_is(paths, database) is Home.FILES
    assert whole(paths) == before


def test_two_sessions_of_one_account_are_never_mixed(move: Move, paths: SessionPaths, database: Database) -> None:
    """One was linked in the database, another in the files: a person must choose."""
    store = SharedStore(database, NUMBER)
    prepare(store, MAKER)
    fill(store, registration_id=1)
    before = whole(paths)
    with pytest.raises(UsageError, match="another session"):
        move.to_database()
    other = SessionPaths(paths.data_dir.parent / "empty", NUMBER)
    assert Move(other, database, MAKER).to_files().home is Home.FILES  # it was linked there
    assert whole(paths) == before
    Move(other, database, MAKER).to_database()
    with pytest.raises(UsageError, match="session in"):
        move.to_files()
    assert whole(paths) == before


def test_a_session_that_is_not_whole_is_not_moved(move: Move, paths: SessionPaths, database: Database) -> None:
    """What is wrong is said, and nothing was begun."""
    paths.store.write_bytes(b"SQLite format 3\x00" + b"junk" * 1000)
    with pytest.raises(UsageError, match="doctor"):
        move.to_database()
    assert schemas(database) == []
    assert where_is(paths, database) is Home.FILES


def test_a_marker_that_cannot_be_read_lets_nobody_begin(paths: SessionPaths, database: Database) -> None:
    """It is there: that much is certain."""
    paths.moved_to.write_text("{")
    for where in (None, database):
        with pytest.raises(UsageError, match="cannot be read"):
            refuse_if_elsewhere(paths, where)


def test_a_cleared_session_leaves_the_marker(move: Move, paths: SessionPaths) -> None:
    """A person who tidies up does not let a second bot begin."""
    move.to_database()
    SessionManager(paths.data_dir, NUMBER).clear_session()
    assert load_marker(paths) is not None


def whole(paths: SessionPaths) -> Content:
    """Return what an account has, once it was opened and closed as a move does."""
    return content_in_files(paths)


def one(cursor: object) -> tuple[object, ...]:
    """Return the only row."""
    (row,) = cursor.fetchall()  # type: ignore[attr-defined]
    return tuple(row)
