"""Stores as the client library writes them, and sessions around them."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.device_status import DeviceStatus, save_status
from linda_bot.sessions.manifest import Backup
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.snapshot import make_backup
from linda_bot.sessions.snapshot_job import Job, Outcome
from linda_bot.sessions.store import Identity, read_identity, side_files

NUMBER = "971505760056"
DEVICE = 3
LID = "200300400500600"
KEYS = {
    "noise_key": 32,
    "identity_key": 32,
    "signed_pre_key": 32,
    "signed_pre_key_sig": 64,
    "adv_account_sig": 64,
    "adv_account_sig_key": 32,
    "adv_device_sig": 64,
}
SENDERS = {
    "ours": [f"{NUMBER}:{DEVICE}", f"{NUMBER}_1:{DEVICE}", f"{LID}:{DEVICE}", f"{LID}_1:{DEVICE}"],
    "others": ["15550001111:0", f"1{NUMBER}:0", f"{NUMBER}1:0", "400500600700:2", "15550001111_1:5"],
}
"""How senders of a group are called: our own device, and others."""


def write_store(path: Path, *, devices: int = 1, sessions: int = 300, **changes: object) -> None:
    """Write a store as the client library does, in WAL mode; `changes` are columns of its devices."""
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        columns = ", ".join(f"{name} BLOB" for name in KEYS)
        database.execute(
            f"CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY, lid TEXT, registration_id BIGINT, {columns})"
        )
        database.execute("CREATE TABLE whatsmeow_sessions (our_jid TEXT, session BLOB)")
        database.execute("CREATE TABLE whatsmeow_sender_keys (chat_id TEXT, sender_id TEXT, sender_key BLOB)")
        database.execute("CREATE TABLE whatsmeow_contacts (their_jid TEXT PRIMARY KEY, full_name TEXT)")
        database.executemany("INSERT INTO whatsmeow_sessions VALUES ('x', ?)", [(b"y" * 500,)] * sessions)
        senders = [("g@g.us", sender) for group in SENDERS.values() for sender in group]
        database.executemany("INSERT INTO whatsmeow_sender_keys VALUES (?, ?, x'00')", senders)
        database.execute("INSERT INTO whatsmeow_contacts VALUES ('15550001111@s.whatsapp.net', 'Ann')")
        for number in range(devices):
            add_device(database, number + DEVICE, **changes)
        database.commit()


def add_device(database: sqlite3.Connection, device: int = DEVICE, **changes: object) -> None:
    """Add the row of a linked device."""
    row: dict[str, object] = {
        "jid": f"{NUMBER}:{device}@s.whatsapp.net",
        "lid": f"{LID}:{device}@lid",
        "registration_id": 4711,
        **{name: name[:1].encode() * size for name, size in KEYS.items()},
        **changes,
    }
    marks = ", ".join("?" * len(row))
    database.execute(f"INSERT INTO whatsmeow_device ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def make_session(data_dir: Path, account: str = "default", **how: object) -> SessionPaths:
    """Make a whole, linked session."""
    paths = SessionPaths(data_dir, account)
    paths.directory.mkdir(parents=True, mode=0o700)
    write_store(paths.store, **how)  # type: ignore[arg-type]
    save_status(paths.device_status, DeviceStatus(number=NUMBER, device_linked=True), {})
    return paths


def rewrite(paths: SessionPaths, **how: object) -> None:
    """Replace the store."""
    for file in (paths.store, *side_files(paths.store)):
        file.unlink(missing_ok=True)
    write_store(paths.store, **how)  # type: ignore[arg-type]


def identity_of(store: Path) -> Identity:
    """Return whose a whole store is."""
    found = read_identity(store, thorough=True)
    assert found is not None
    return found


def say(store: Path, name: str) -> None:
    """Have a store be told apart from what it was before."""
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("UPDATE whatsmeow_contacts SET full_name = ?", (name,))


def said(store: Path) -> str:
    """Return what was said last."""
    return str(ask(store, "SELECT full_name FROM whatsmeow_contacts")[0])


def ask(store: Path, question: str) -> list[object]:
    """Return the first column of what a store answers."""
    with closing(sqlite3.connect(store)) as database:
        return [row[0] for row in database.execute(question)]


def sessions_in(store: Path) -> int:
    """Return how many Signal sessions there are."""
    (count,) = ask(store, "SELECT count(*) FROM whatsmeow_sessions")
    assert isinstance(count, int)
    return count


@contextmanager
def killed(paths: SessionPaths, *, name: str | None = None) -> Iterator[None]:
    """Have the store, at the end, be as after the death of the engine: with a log that was not played back."""
    database = sqlite3.connect(paths.store, isolation_level=None)
    try:
        database.execute("PRAGMA wal_autocheckpoint=0")
        if name is not None:
            database.execute("UPDATE whatsmeow_contacts SET full_name = ?", (name,))
        yield
        log = side_files(paths.store)[0]
        left = {file: file.read_bytes() for file in (paths.store, log) if file.exists()}
    finally:
        database.close()
    for file in side_files(paths.store):
        file.unlink(missing_ok=True)
    for file, content in left.items():
        file.write_bytes(content)


def back_up(paths: SessionPaths, *, keep: int = 5, keys: tuple[str, ...] = (), reason: str = "test") -> Outcome:
    """Make a backup in this process."""
    return make_backup(Job(str(paths.data_dir), paths.account, reason, keep=keep, keys=keys))


def backup_named(paths: SessionPaths, name: str) -> Backup:
    """Return a backup."""
    return next(backup for backup in all_backups(paths) if backup.name == name)


def copy_session(paths: SessionPaths, data_dir: Path) -> SessionPaths:
    """Copy a data directory as it is."""
    shutil.copytree(paths.data_dir, data_dir, symlinks=True)
    return SessionPaths(data_dir, paths.account)


def names(paths: SessionPaths) -> list[str]:
    """Return the backups' numbers, newest first."""
    return [backup.name.rpartition("-")[2] for backup in all_backups(paths)]
