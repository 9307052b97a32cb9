"""The five points."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from linda_bot.sessions.device_status import DeviceStatus, save_status
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.quarantine import set_aside
from linda_bot.sessions.validation import Verdict, validate

NUMBER = "971505760056"
KEYS = {
    "noise_key": 32,
    "identity_key": 32,
    "signed_pre_key": 32,
    "signed_pre_key_sig": 64,
    "adv_account_sig": 64,
    "adv_account_sig_key": 32,
    "adv_device_sig": 64,
}


@pytest.fixture(params=["plain", "a b#c?%41 ü"])
def paths(request: pytest.FixtureRequest, tmp_path: Path) -> SessionPaths:
    """A whole, linked session, also where no care was taken of the path."""
    made = SessionPaths(tmp_path / request.param, "default")
    made.directory.mkdir(parents=True, mode=0o700)
    write_store(made.store)
    save_status(made.device_status, DeviceStatus(number=NUMBER, device_linked=True), {})
    return made


def write_store(path: Path, *, devices: int = 1, **changes: object) -> None:
    """Write a store as the client library does, in WAL mode."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        columns = ", ".join(f"{name} BLOB" for name in KEYS)
        database.execute(f"CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY, {columns})")
        database.execute("CREATE TABLE whatsmeow_sessions (our_jid TEXT, session BLOB)")
        database.executemany("INSERT INTO whatsmeow_sessions VALUES ('x', ?)", [(b"y" * 500,)] * 300)
        for number in range(devices):
            row = {"jid": f"{NUMBER}:{number + 3}@s.whatsapp.net"} | {name: b"k" * size for name, size in KEYS.items()}
            row |= changes  # type: ignore[arg-type]
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO whatsmeow_device VALUES ({marks})", list(row.values()))
        database.commit()


def rewrite(paths: SessionPaths, **how: object) -> None:
    """Replace the store."""
    for file in paths.directory.glob("session.db*"):
        file.unlink()
    write_store(paths.store, **how)  # type: ignore[arg-type]


def test_a_whole_session_is_restorable(paths: SessionPaths) -> None:
    """Five points, all well, and the number."""
    found = validate(paths)

    assert (found.verdict, found.number, found.why) == (Verdict.RESTORABLE, NUMBER, "")
    assert [point.number for point in found.points] == [1, 2, 3, 4, 5]
    assert all(point.ok for point in found.points)


def test_a_session_is_not_disturbed_by_looking(paths: SessionPaths) -> None:
    """The content is the same afterwards."""
    before = sqlite_dump(paths.store)
    validate(paths)

    assert sqlite_dump(paths.store) == before


def sqlite_dump(store: Path) -> list[str]:
    """Return the content as SQL."""
    with closing(sqlite3.connect(store)) as database:
        return list(database.iterdump())


def test_what_a_crash_left_in_the_log_is_read(paths: SessionPaths) -> None:
    """The device row may be in the write-ahead log only."""
    rewrite(paths, devices=0)
    database = sqlite3.connect(paths.store)
    row = [f"{NUMBER}:7@s.whatsapp.net", *(b"k" * size for size in KEYS.values())]
    database.execute(f"INSERT INTO whatsmeow_device VALUES ({', '.join('?' * len(row))})", row)
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
