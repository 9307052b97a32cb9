"""The five points."""

import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from linda_bot.kernel.errors import SessionInaccessibleError
from linda_bot.sessions.device_status import DeviceStatus, save_status
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.quarantine import set_aside
from linda_bot.sessions.store import has_device
from linda_bot.sessions.validation import Verdict, validate
from tests.support.stores import NUMBER, add_device, make_session, rewrite

WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from linda_bot.kernel.errors import SessionInaccessibleError
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.validation import validate
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    print(validate(SessionPaths(Path(sys.argv[1]), "default")))
except SessionInaccessibleError as error:
    print("inaccessible:", error)
"""
INTERRUPTED = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode=DELETE")
database.execute("PRAGMA cache_size=1")
database.execute("BEGIN")
database.execute("UPDATE whatsmeow_sessions SET session = zeroblob(500)")
database.execute("DELETE FROM whatsmeow_device")
os._exit(0)
"""


@pytest.fixture(params=["plain", "a b#c?%41 ü"])
def paths(request: pytest.FixtureRequest, tmp_path: Path) -> SessionPaths:
    """A whole, linked session, also where no care was taken of the path."""
    return make_session(tmp_path / request.param)


def test_a_whole_session_is_restorable(paths: SessionPaths) -> None:
    """Five points, all well, and the number."""
    found = validate(paths)

    assert (found.verdict, found.number, found.why) == (Verdict.RESTORABLE, NUMBER, "")
    assert [point.number for point in found.points] == [1, 2, 3, 4, 5]
    assert all(point.ok for point in found.points)


def test_a_session_is_not_disturbed_by_looking(paths: SessionPaths) -> None:
    """The database and the log that a crash left are the same bytes afterwards."""
    with closing(sqlite3.connect(paths.store)) as database:
        database.execute("DELETE FROM whatsmeow_sessions WHERE rowid > 10")
        database.commit()
        left = {name: (paths.directory / name).read_bytes() for name in ("session.db", "session.db-wal")}
    for name, content in left.items():
        (paths.directory / name).write_bytes(content)
    validate(paths)

    assert left["session.db-wal"]
    assert {name: (paths.directory / name).read_bytes() for name in left} == left


def test_what_a_crash_left_in_the_log_is_read(paths: SessionPaths) -> None:
    """The device row may be in the write-ahead log only."""
    rewrite(paths, devices=0)
    database = sqlite3.connect(paths.store)
    add_device(database)
    database.commit()
    crashed = SessionPaths(paths.data_dir / "crashed", "default")
    crashed.directory.mkdir(parents=True)
    for name in ("session.db", "session.db-wal"):  # as they are while a process lives that never closes them
        (crashed.directory / name).write_bytes((paths.directory / name).read_bytes())
    database.close()

    assert validate(crashed).verdict is Verdict.RESTORABLE


@pytest.mark.parametrize(
    ("harm", "verdict", "point"),
    [
        (lambda paths: paths.store.unlink(), Verdict.MISSING, 2),
        (lambda paths: paths.store.write_bytes(b""), Verdict.MISSING, 2),
        (lambda paths: paths.store.write_bytes(b"no database" * 1000), Verdict.DAMAGED, 2),
        (lambda paths: paths.store.write_bytes(paths.store.read_bytes()[:6000]), Verdict.DAMAGED, 3),
        (lambda paths: rewrite(paths, devices=0), Verdict.NOT_LINKED, 4),
        (lambda paths: rewrite(paths, devices=2), Verdict.DAMAGED, 4),
        (lambda paths: rewrite(paths, noise_key=b"short"), Verdict.DAMAGED, 4),
        (lambda paths: rewrite(paths, adv_device_sig=None), Verdict.DAMAGED, 4),
        (lambda paths: rewrite(paths, jid="nonsense"), Verdict.DAMAGED, 4),
    ],
)
def test_each_harm_is_found_at_its_point(
    paths: SessionPaths, harm: Callable[[SessionPaths], object], verdict: Verdict, point: int
) -> None:
    """The check stops there and says why."""
    for side in ("session.db-wal", "session.db-shm"):
        (paths.directory / side).unlink(missing_ok=True)
    harm(paths)
    found = validate(paths)

    assert (found.verdict, found.points[-1].number, found.points[-1].ok) == (verdict, point, False)
    assert found.why


def test_no_directory_is_no_session(tmp_path: Path) -> None:
    """The first start of all."""
    assert validate(SessionPaths(tmp_path, "default")).verdict is Verdict.MISSING


def test_another_account_is_told_apart(paths: SessionPaths) -> None:
    """A session is never taken for somebody else's."""
    other = SessionPaths(paths.data_dir, "15550001111")
    paths.directory.rename(other.directory)
    found = validate(other)

    assert found.verdict is Verdict.WRONG_ACCOUNT
    assert NUMBER in found.why


@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"number": 5}'])
def test_unreadable_metadata_costs_nobody_the_link(paths: SessionPaths, content: bytes | None) -> None:
    """Point 5 is not well, the verdict is."""
    paths.device_status.unlink()
    if content is not None:
        paths.device_status.write_bytes(content)
    found = validate(paths)

    assert found.verdict is Verdict.RESTORABLE
    assert not found.points[-1].ok


@pytest.mark.parametrize(
    "status",
    [
        DeviceStatus(number=NUMBER, device_linked=False, restore_status="logged_out"),
        DeviceStatus(number="15550001111", device_linked=True),
    ],
)
def test_metadata_that_disagrees_is_said(paths: SessionPaths, status: DeviceStatus) -> None:
    """A logout or another number there: WhatsApp has the last word, so the verdict stays."""
    save_status(paths.device_status, status, {})
    found = validate(paths)

    assert found.verdict is Verdict.RESTORABLE
    assert (found.points[-1].number, found.points[-1].ok) == (5, False)
    assert NUMBER not in found.points[-1].reason


@pytest.mark.parametrize("paths", ["plain"], indirect=True)
def test_a_full_disk_is_no_damage(paths: SessionPaths) -> None:
    """Nothing can be written, so the log's index cannot be made: the session is not blamed and not touched."""
    for side in ("session.db-wal", "session.db-shm"):
        (paths.directory / side).unlink(missing_ok=True)
    before = paths.store.read_bytes()
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_ROOM, str(paths.data_dir)], capture_output=True, text=True, check=True
    )

    assert ran.stdout.startswith("inaccessible: ")
    assert len(ran.stdout.splitlines()) == 1
    assert paths.store.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("paths", ["plain"], indirect=True)
def test_what_cannot_be_opened_is_no_damage(paths: SessionPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another owner's file, a foreign lock: one line that says what to do."""
    monkeypatch.setattr("linda_bot.sessions.validation._BUSY_TRIES", 1)
    with closing(sqlite3.connect(paths.store, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("INSERT INTO whatsmeow_sessions VALUES ('x', '')")
        with pytest.raises(SessionInaccessibleError, match="locked") as caught:
            validate(paths)
    assert "\n" not in str(caught.value)
    assert validate(paths).verdict is Verdict.RESTORABLE

    def denied(_path: Path, _mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(SessionInaccessibleError, match="permission denied"):
        validate(paths)


@pytest.mark.slow
@pytest.mark.parametrize("paths", ["plain"], indirect=True)
def test_a_busy_store_is_tried_again(paths: SessionPaths) -> None:
    """A lock that is gone after longer than one try waits is no trouble."""
    other = sqlite3.connect(paths.store, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("INSERT INTO whatsmeow_sessions VALUES ('x', '')")
    release = threading.Timer(1.3, other.close)
    release.start()
    found = validate(paths)
    release.join()

    assert found.verdict is Verdict.RESTORABLE


def test_an_empty_store_with_a_log_is_kept_as_it_is(paths: SessionPaths) -> None:
    """SQLite deletes such a log as soon as it looks; it may be all that is left of the session."""
    paths.store.write_bytes(b"")
    log = paths.directory / "session.db-wal"
    log.write_bytes(b"what was written last" * 1000)
    found = validate(paths)

    assert (found.verdict, found.points[-1].number) == (Verdict.DAMAGED, 2)
    assert log.read_bytes() == b"what was written last" * 1000


def test_a_schema_that_is_no_text_is_damage(paths: SessionPaths) -> None:
    """One byte is enough: SQLite quotes it in its complaint, which Python's sqlite3 then cannot decode."""
    content = paths.store.read_bytes()
    assert content.count(b"tablewhatsmeow_sessions") == 1
    paths.store.write_bytes(content.replace(b"tablewhatsmeow_sessions", b"table\xffhatsmeow_sessions"))
    found = validate(paths)

    assert (found.verdict, found.points[-1].number) == (Verdict.DAMAGED, 3)


def test_an_interrupted_transaction_is_rolled_back(paths: SessionPaths) -> None:
    """A store that another program kept with a rollback journal, killed in the middle."""
    subprocess.run([sys.executable, "-c", INTERRUPTED, str(paths.store)], check=True)
    assert (paths.directory / "session.db-journal").stat().st_size > 0

    assert validate(paths).verdict is Verdict.RESTORABLE


def test_a_directory_that_is_not_ours_is_no_damage(paths: SessionPaths) -> None:
    """A link or a file in its place: nothing is moved there, a person must look."""
    aside = paths.directory.rename(paths.data_dir / "aside")
    paths.directory.symlink_to(aside)
    with pytest.raises(SessionInaccessibleError, match="not a directory of ours"):
        validate(paths)
    paths.directory.unlink()
    paths.directory.touch()
    with pytest.raises(SessionInaccessibleError):
        validate(paths)


@pytest.mark.slow
def test_random_damage_never_surprises(paths: SessionPaths) -> None:
    """Flipped bits, cut ends: always a verdict, never an exception."""
    whole = paths.store.read_bytes()
    dice = random.Random(42)
    verdicts = set()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 30)):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        paths.store.write_bytes(data[: dice.randint(0, len(data))] if dice.random() < 0.3 else data)
        for side in ("session.db-wal", "session.db-shm"):
            (paths.directory / side).unlink(missing_ok=True)
        verdicts.add(validate(paths).verdict)

    assert Verdict.DAMAGED in verdicts


def test_setting_aside_keeps_everything_but_the_locks(paths: SessionPaths) -> None:
    """Moved as a whole, with the reason; the sandbox's mark stays with the place."""
    paths.lock.touch()
    paths.sandbox_mark.touch()
    content = paths.store.read_bytes()
    place = set_aside(paths, "it was broken")
    assert place is not None

    assert (place / "session.db").read_bytes() == content
    assert (place / "device-status.json").exists()
    assert "it was broken" in (place / "why.json").read_text()
    assert {entry.name for entry in paths.directory.iterdir()} == {"session.lock", "made-in-sandbox"}
    assert place.stat().st_mode & 0o777 == 0o700
    assert set_aside(paths, "again") is None


def test_the_device_can_be_looked_for_while_the_store_is_in_use(paths: SessionPaths) -> None:
    """A writer in the middle of its work is neither disturbed nor waited for; what cannot be read counts as linked."""
    assert has_device(paths.store)
    with closing(sqlite3.connect(paths.store, isolation_level=None)) as engine:
        engine.execute("BEGIN IMMEDIATE")
        engine.execute("DELETE FROM whatsmeow_device")
        assert has_device(paths.store)
        engine.execute("COMMIT")
        assert not has_device(paths.store)
    paths.store.write_bytes(b"no database")
    assert has_device(paths.store)
