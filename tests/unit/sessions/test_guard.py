"""The trigger that keeps a Signal counter from going back, and what it leaves alone."""

import base64
import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.sessions import guard
from linda_bot.sessions.guard import Guard, look_at_guard, set_guard
from linda_bot.sessions.opening import open_session
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.rollback import read_generation
from tests.support.stores import ask, back_up, make_session

OURS = "971505760056:3@s.whatsapp.net"
THEIRS = "345888225186528_1:0"
TABLE = """
CREATE TABLE whatsmeow_sessions (
	our_jid  TEXT,
	their_id TEXT,
	session  bytea,

	PRIMARY KEY (our_jid, their_id)
)"""
UPSERT = (
    "INSERT INTO whatsmeow_sessions (our_jid, their_id, session) VALUES (?, ?, ?)"
    " ON CONFLICT (our_jid, their_id) DO UPDATE SET session=excluded.session"
)
"""As whatsmeow stores a session (sqlstore/store.go, putSessionQuery)."""
TRIGGERS = "SELECT sql FROM sqlite_master WHERE type = 'trigger'"
RECORDS = "SELECT session FROM whatsmeow_sessions ORDER BY rowid"


def key_text(name: str) -> str:
    """Return a key as the library writes it."""
    return base64.b64encode(name.encode().ljust(33, b"\x05")[:33]).decode()


def chain(ratchet: str, index: int, *, sends: bool = True, skipped: int = 0) -> dict[str, Any]:
    """Return a chain of a session."""
    return {
        "SenderRatchetKeyPublic": key_text(ratchet),
        "SenderRatchetKeyPrivate": key_text("private " + ratchet) if sends else None,
        "ChainKey": {"Key": key_text(f"{ratchet} {index}"), "Index": index},
        "MessageKeys": [
            {"CipherKey": key_text(f"c{n}"), "MacKey": key_text(f"m{n}"), "IV": key_text("iv")[:24], "Index": n}
            for n in range(skipped)
        ],
    }


def content(index: int, *, ratchet: str = "ours", received: int = 0, skipped: int = 0) -> dict[str, Any]:
    """Return a session with so many messages sent in the current chain, and so many received."""
    return {
        "SessionState": {
            "LocalIdentityPublic": key_text("we"),
            "LocalRegistrationID": 3020507738,
            "NeedsRefresh": False,
            "PendingKeyExchange": None,
            "PendingPreKey": {
                "PreKeyID": {"Value": 0, "IsEmpty": True},
                "SignedPreKeyID": 1,
                "BaseKey": key_text("base"),
            },
            "PreviousCounter": 149,
            "ReceiverChains": [
                chain("before", 1, sends=False),
                chain("theirs", received, sends=False, skipped=skipped),
            ],
            "RemoteIdentityPublic": key_text("they"),
            "RemoteRegistrationID": 7180310,
            "RootKey": key_text("root"),
            "SenderBaseKey": key_text("base"),
            "SenderChain": chain(ratchet, index),
            "SessionVersion": 3,
        },
        "PreviousStates": [],
    }


def record(index: int, **how: Any) -> bytes:
    """Return a session as it lies in the store: compact JSON."""
    return packed(content(index, **how))


def packed(what: object) -> bytes:
    """Return JSON as the library writes it."""
    return json.dumps(what, separators=(",", ":")).encode()


def without(*path: str) -> bytes:
    """Return a session with a lower index that lacks something."""
    whole = content(2)
    place = whole
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return packed(whole)


def with_index(index: object) -> bytes:
    """Return a session with something else for its index."""
    whole = content(2)
    whole["SessionState"]["SenderChain"]["ChainKey"]["Index"] = index
    return packed(whole)


def with_state(state: object) -> bytes:
    """Return a record with something else for its state."""
    return packed({**content(2), "SessionState": state})


class Library:
    """What the client library does to its table."""

    def __init__(self, store: Path) -> None:
        self.database = sqlite3.connect(store, isolation_level=None)

    def put(self, session: object, their_id: str = THEIRS) -> None:
        """Store a session."""
        self.database.execute(UPSERT, (OURS, their_id, session))

    def get(self, their_id: str = THEIRS) -> Any:
        """Load a session."""
        query = "SELECT session FROM whatsmeow_sessions WHERE our_jid = ? AND their_id = ?"
        return self.database.execute(query, (OURS, their_id)).fetchone()[0]


@contextmanager
def opened_library(store: Path) -> Iterator[Library]:
    """Have the library have a store open."""
    library = Library(store)
    with closing(library.database):
        yield library


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A linked session whose table of Signal sessions is the library's own."""
    paths = make_session(tmp_path / "data")
    with opened_library(paths.store) as library:
        library.database.execute("DROP TABLE whatsmeow_sessions")
        library.database.execute(TABLE)
    return paths


@pytest.fixture
def store(paths: SessionPaths) -> Path:
    """Its store."""
    return paths.store


@pytest.fixture
def library(store: Path) -> Iterator[Library]:
    """The library, with the guard set in its store."""
    with opened_library(store) as library:
        assert set_guard(store).active
        yield library


def caught(store: Path) -> int:
    """Return how often the guard has done something."""
    return look_at_guard(store).caught


def test_an_index_that_goes_back_does_not(store: Path, library: Library) -> None:
    """The sending chain stays, key and all; what was received is the new one; everything else too."""
    library.put(record(7, received=3))
    library.put(record(6, received=4, skipped=2))

    kept, ahead, new = json.loads(library.get()), content(7), content(6, received=4, skipped=2)
    assert kept["SessionState"].pop("SenderChain") == ahead["SessionState"]["SenderChain"]
    new["SessionState"].pop("SenderChain")
    assert kept == new
    assert isinstance(library.get(), bytes)
    assert caught(store) == 1


def test_a_chain_that_comes_back_later_has_not_gone_back(store: Path, library: Library) -> None:
    """A former session that is the current one again, as it was archived before the last answers: they count."""
    library.put(record(7, ratchet="first"))
    library.put(record(0, ratchet="second"))
    library.put(record(1, ratchet="second"))
    library.put(record(5, ratchet="first", received=9))

    found = json.loads(library.get())["SessionState"]
    assert found["SenderChain"] == chain("first", 7)
    assert found["ReceiverChains"][1]["ChainKey"]["Index"] == 9
    assert caught(store) == 1
    library.put(record(8, ratchet="first"))
    library.put(record(2, ratchet="second"))
    assert json.loads(library.get())["SessionState"]["SenderChain"] == chain("second", 2)
    assert caught(store) == 1


def test_a_chain_comes_back_through_a_session_that_has_not_sent(store: Path, library: Library) -> None:
    """A session in which nothing was sent yet has no chain; the one before is remembered all the same."""
    library.put(record(7, ratchet="first"))
    library.put(with_state({"SenderChain": None}))
    library.put(record(6, ratchet="first"))

    assert json.loads(library.get())["SessionState"]["SenderChain"] == chain("first", 7)
    assert caught(store) == 1


def test_what_is_remembered_stays_small(store: Path, library: Library) -> None:
    """A few chains of each contact, however often they change; another contact's are another's."""
    for number in range(200):
        library.put(record(number % 3, ratchet=f"chain {number}"))
        library.put(record(number % 3, ratchet=f"other {number}"), their_id="another:0")

    counts = library.database.execute("SELECT count(*) FROM linda_bot_chains GROUP BY their_id").fetchall()
    assert counts == [(5,), (5,)]
    assert caught(store) == 0


def test_the_counter_only_grows_whatever_comes(store: Path, library: Library) -> None:
    """A roll-back in every second store, by up to three: as in the worst burst that was measured."""
    highest = 0
    for number in range(1, 60):
        index = number if number % 2 else max(number - 2 - number % 4, 0)
        library.put(record(index, received=number))
        highest = max(highest, index)
        found = json.loads(library.get())["SessionState"]
        assert found["SenderChain"]["ChainKey"] == chain("ours", highest)["ChainKey"]
        assert found["ReceiverChains"][1]["ChainKey"]["Index"] == number
    assert caught(store) == 29


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
def test_what_is_as_it_should_be_is_stored_as_it_comes(store: Path, library: Library, new: bytes) -> None:
    """The index goes on, or the ratchet has turned: byte for byte the library's own."""
    library.put(record(7, received=3))
    library.put(new)

    assert library.get() == new
    assert caught(store) == 0


UNSENT = with_state({**content(2)["SessionState"], "SenderChain": None})
STRANGE: list[object] = [
    None,
    "",
    b"",
    "text",
    b"{}",
    b"[]",
    b"null",
    b"7",
    b'"SessionState"',
    b"\x0a\x21\x05\xfe\x00\x12\x08\x00\xff\x1a",
    b"\x00",
    bytes(range(256)),
    b"{" * 5000,
    b"[" * 3000 + b"]" * 3000,
    record(2)[:-1],
    b"\xef\xbb\xbf" + record(2),
    record(2).decode().encode("utf-16"),
    record(2).replace(b'"', b"'"),
    with_state(None),
    with_state([]),
    with_state("x"),
    with_state({}),
    UNSENT,
    with_state({**content(2)["SessionState"], "SenderChain": []}),
    without("SessionState"),
    without("SessionState", "SenderChain"),
    without("SessionState", "SenderChain", "ChainKey"),
    without("SessionState", "SenderChain", "ChainKey", "Index"),
    without("SessionState", "SenderChain", "SenderRatchetKeyPublic"),
    with_index("2"),
    with_index(None),
    with_index(2.0),
    with_index(index=True),
    with_index({}),
    with_index([2]),
    7,
    7.5,
]


@pytest.mark.parametrize("strange", STRANGE, ids=lambda strange: repr(strange)[:40])
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_record_of_another_form_is_left_alone(store: Path, library: Library, strange: object, *, first: bool) -> None:
    """Whether it is the old or the new one: no statement fails, and what is stored is what was given."""
    old, new = (strange, record(2)) if first else (record(7), strange)
    library.put(old)
    library.put(new)

    assert library.get() == new
    assert type(library.get()) is type(new)
    assert caught(store) == 0


WHATEVER = st.binary() | st.text().map("x{}".format) | st.integers(0, 9) | st.none()


@given(old=WHATEVER, new=WHATEVER)
def test_nothing_makes_a_statement_fail(old: object, new: object) -> None:
    """Whatever the two are."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.execute(TABLE)
        for statement in (guard.OWN_TABLE, *guard.CHAIN_TABLES, guard._TRIGGER):
            database.execute(statement)
        for session in (old, new):
            database.execute(UPSERT, (OURS, THEIRS, session))
        assert database.execute(RECORDS).fetchone()[0] == new


def test_a_plain_update_is_guarded_as_well(library: Library) -> None:
    """Not only the form in which this version of the library stores."""
    library.put(record(7))
    library.database.execute("UPDATE whatsmeow_sessions SET session = ?", (record(6, received=1),))

    assert json.loads(library.get())["SessionState"]["SenderChain"]["ChainKey"]["Index"] == 7


def test_one_contact_is_no_other(store: Path, library: Library) -> None:
    """Each device's session for itself; only the one that goes back is mended."""
    for their_id in (THEIRS, "400500600700_1:2"):
        library.put(record(9), their_id)
    library.put(record(4, received=2), "400500600700_1:2")

    assert library.get() == record(9)
    assert json.loads(library.get("400500600700_1:2"))["SessionState"]["SenderChain"]["ChainKey"]["Index"] == 9
    assert caught(store) == 1


def test_several_in_one_transaction(store: Path, library: Library) -> None:
    """As whatsmeow stores what it has encrypted for several devices; one that is rolled back counts nothing."""
    devices = [f"400500600700_1:{device}" for device in range(5)]
    for back in (False, True):
        library.database.execute("BEGIN IMMEDIATE")
        for their_id in devices:
            library.put(record(5, received=1) if back else record(9), their_id)
        library.database.execute("COMMIT")
    library.database.execute("BEGIN IMMEDIATE")
    library.put(record(4), devices[0])
    library.database.execute("ROLLBACK")

    indices = [json.loads(library.get(each))["SessionState"]["SenderChain"]["ChainKey"]["Index"] for each in devices]
    assert indices == [9] * 5
    assert caught(store) == 5


def test_a_large_record(store: Path, library: Library) -> None:
    """Two thousand skipped keys, which is as many as the library keeps."""
    library.put(record(7, skipped=2000))
    library.put(record(6, received=2, skipped=1999))

    kept = json.loads(library.get())["SessionState"]
    assert len(library.get()) > 300_000
    assert kept["SenderChain"] == chain("ours", 7)
    assert kept["ReceiverChains"] == content(6, received=2, skipped=1999)["SessionState"]["ReceiverChains"]
    assert caught(store) == 1


def test_numbers_and_texts_survive(library: Library) -> None:
    """A hit writes the record anew: what the library does not know yet must come through, too."""
    odd = {"Big": 2**63 - 1, "Larger": 2**64, "Small": -1, "Text": 'é \\u0000 "\n', "None": None, "Deep": [[{}], [1.5]]}
    library.put(packed({**content(7), "New": odd}))
    library.put(packed({**content(6), "New": odd}))

    assert json.loads(library.get())["New"] == odd
    assert json.loads(library.get())["SessionState"]["SenderChain"]["ChainKey"]["Index"] == 7


def test_set_twice_is_set_once(store: Path, library: Library) -> None:
    """Nothing is written the second time; the count goes on."""
    library.put(record(7))
    library.put(record(6))
    version = ask(store, "PRAGMA schema_version")

    assert set_guard(store) == Guard(active=True, caught=1)
    assert ask(store, "PRAGMA schema_version") == version
    assert len(ask(store, TRIGGERS)) == 1


def test_another_versions_trigger_is_replaced(store: Path, library: Library) -> None:
    """It is looked at word for word."""
    library.database.execute(f"DROP TRIGGER {guard._NAME}")
    library.database.execute(
        f"CREATE TRIGGER {guard._NAME} AFTER UPDATE OF session ON whatsmeow_sessions BEGIN SELECT 1; END"
    )
    assert not look_at_guard(store).active

    assert set_guard(store).active
    library.put(record(7))
    library.put(record(6))
    assert caught(store) == 1


def test_a_store_without_a_trigger_says_so(store: Path) -> None:
    """Looking sets nothing."""
    found = look_at_guard(store)

    assert not found.active
    assert "trigger" in found.why
    assert ask(store, TRIGGERS) == []


def test_it_is_taken_away_before_an_engine_opens_the_store(paths: SessionPaths, library: Library) -> None:
    """The engine may be another version's, which rebuilds its tables; the count stays, and so does the number."""
    library.put(record(7))
    library.put(record(6))
    before = read_generation(paths.store)

    assert not open_session(paths).went_back
    assert ask(paths.store, TRIGGERS) == []
    assert read_generation(paths.store) == before + 1
    assert set_guard(paths.store) == Guard(active=True, caught=1)


def test_a_backup_has_it_and_is_whole(paths: SessionPaths, library: Library) -> None:
    """What is put back is opened like any other store."""
    library.put(record(7))
    assert not back_up(paths).error
    assert not open_session(paths).went_back
    assert ask(paths.store, TRIGGERS) == []


@pytest.mark.parametrize(
    ("session", "fits"), [(record(7), True), *((each, False) for each in STRANGE if each is not UNSENT)]
)
def test_the_form_of_the_records_is_looked_at(store: Path, library: Library, session: object, *, fits: bool) -> None:
    """A store whose newest records are of another form is not guarded, and that is said."""
    library.put(record(7), "400500600700_1:2")
    library.put(session)

    found = look_at_guard(store)
    assert found.active is fits
    assert fits or "another form" in found.why


def test_a_session_that_has_not_sent_yet_fits(store: Path, library: Library) -> None:
    """It has no sending chain."""
    library.put(UNSENT)

    assert look_at_guard(store).active


def test_a_store_without_sessions_is_guarded(store: Path) -> None:
    """As it is right after the linking."""
    assert set_guard(store) == Guard(active=True)


def test_a_store_without_the_table(tmp_path: Path) -> None:
    """A library that calls its table otherwise: an error of SQLite's, nothing is left behind, all else goes on."""
    store = tmp_path / "session.db"
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("CREATE TABLE other (session BLOB)")

    with pytest.raises(sqlite3.Error, match="whatsmeow_sessions"):
        set_guard(store)
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("INSERT INTO other VALUES (1)")


def test_a_table_of_another_form(tmp_path: Path) -> None:
    """Without the column, nothing is set."""
    store = tmp_path / "session.db"
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("CREATE TABLE whatsmeow_sessions (their_id TEXT PRIMARY KEY, record BLOB)")

    with pytest.raises(sqlite3.Error):
        set_guard(store)
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("INSERT INTO whatsmeow_sessions VALUES ('x', 'y')")
        database.execute("UPDATE whatsmeow_sessions SET record = 'z'")


def test_a_missing_store_is_not_made(tmp_path: Path) -> None:
    """It is the library that makes stores."""
    with pytest.raises(sqlite3.Error):
        set_guard(tmp_path / "session.db")
    assert not (tmp_path / "session.db").exists()


def test_a_busy_store_is_waited_for(store: Path) -> None:
    """An engine in the middle of its writes; set as soon as it has ended."""
    with opened_library(store) as library:
        library.database.execute("BEGIN IMMEDIATE")
        library.put(record(7))
        found: list[Guard] = []
        setting = threading.Thread(target=lambda: found.append(set_guard(store)))
        setting.start()
        setting.join(0.3)
        assert setting.is_alive()
        library.database.execute("COMMIT")
        setting.join(10)
        assert found == [Guard(active=True)]
        library.put(record(6))
        assert caught(store) == 1


def test_a_store_that_stays_busy(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after a while, and nothing is lost; looking goes on all the time."""
    monkeypatch.setattr(guard, "_BUSY_S", 0.1)
    with opened_library(store) as library:
        library.database.execute("BEGIN IMMEDIATE")
        library.put(record(7))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            set_guard(store)
        assert not look_at_guard(store).active
        library.database.execute("COMMIT")
        assert library.get() == record(7)


def test_the_old_trigger_holds_until_the_new_one_is_there(store: Path, library: Library) -> None:
    """Both in one transaction: whoever dies in between leaves the old one."""
    old = f"CREATE TRIGGER {guard._NAME} AFTER UPDATE OF session ON whatsmeow_sessions BEGIN SELECT 1; END"
    library.database.execute(f"DROP TRIGGER {guard._NAME}")
    library.database.execute(old)
    seen: list[list[str]] = []

    class Watched(sqlite3.Connection):
        def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
            seen.append([row[0] for row in library.database.execute(TRIGGERS)])
            return super().execute(statement, *arguments)

    connect = sqlite3.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", lambda *args, **how: connect(*args, **how, factory=Watched))
        assert set_guard(store).active

    assert all(len(found) == 1 for found in seen)
    assert [old] in seen
    assert [guard._TRIGGER] in seen


def test_the_trigger_that_the_page_offers_to_others_works(store: Path) -> None:
    """It does the same, and counts nothing."""
    page = (Path(__file__).parents[3] / "docs" / "lost-answers.md").read_text()
    (trigger,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    with opened_library(store) as library:
        library.database.execute(trigger)
        for session in (record(7, received=3), b"\x0a\x21", record(7, received=3), record(6, received=4)):
            library.put(session)

        kept = json.loads(library.get())["SessionState"]
        assert kept["SenderChain"] == chain("ours", 7)
        assert kept["ReceiverChains"][1]["ChainKey"]["Index"] == 4
