"""Reading the client library's SQLite store: is it whole, and whose is it.

Columns and lengths: whatsmeow store/sqlstore (schema 15).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    import sqlite3

HEADER = b"SQLite format 3\x00"
_SIDE_FILES = ("-wal", "-shm", "-journal")
_PHONE_SERVER = "s.whatsapp.net"
_KEY, _SIGNATURE = 32, 64
_LENGTHS = {
    "noise_key": _KEY,
    "identity_key": _KEY,
    "signed_pre_key": _KEY,
    "signed_pre_key_sig": _SIGNATURE,
    "adv_account_sig": _SIGNATURE,
    "adv_account_sig_key": _KEY,
    "adv_device_sig": _SIGNATURE,
}
_NO_TEXT = "its schema is no text"
_NEVER_CHANGE = ("jid", "registration_id", "noise_key", "identity_key")
_SEAL_BYTES = 6
_LONGEST_DEVICE = 9
_TABLES = "SELECT count(*) FROM sqlite_master WHERE name = ?"


class StoreDamagedError(Exception):
    """The database is not whole; the text says how."""


class DeviceBrokenError(Exception):
    """The database is whole, what it says of the linked device is not; the text says how."""


class Identity(NamedTuple):
    """Which linked device a store belongs to; it never changes after linking."""

    number: str
    device: int
    lid: str
    """The device's other name, empty where it has none."""
    registration_id: int
    fingerprint: str
    """Tells one linking from another; says nothing about the keys."""


@contextmanager
def opened(store: Path, mode: str = "ro", *, busy_s: float = 1.0) -> "Iterator[sqlite3.Connection]":
    """Open a store; `ro` never changes it, `rw` plays back what a crash left and may only be used while no engine runs.

    Raises sqlite3.Error.
    """
    import sqlite3  # costs a start that does not look at the store nothing

    # Not `immutable`: what a crash left in the write-ahead log must be read too.
    database = sqlite3.connect(f"file:{quote(str(store.absolute()))}?mode={mode}", uri=True, timeout=busy_s)
    try:
        database.row_factory = sqlite3.Row
        yield database
    finally:
        database.close()


def read_identity(store: Path, mode: str = "ro", *, thorough: bool = False) -> Identity | None:
    """Check a whole store and return whose it is; None when it holds no linked device.

    Raises StoreDamagedError, DeviceBrokenError, or a sqlite3.DatabaseError, which may blame the disk; see `validation`.
    """
    try:
        with opened(store, mode) as database:
            _check(database, "integrity_check" if thorough else "quick_check")
            rows = _device_rows(database)
            check_seal(rows, _sealed(database))
            return identity_in(rows)
    except UnicodeDecodeError as error:  # SQLite's complaint quotes damaged text, which Python cannot decode
        raise StoreDamagedError(_NO_TEXT) from error


def seal_device(database: "sqlite3.Connection") -> None:
    """Remember what of the linked device never changes, in the table of ours that is there, if it is not yet.

    Damage within a key is none to SQLite, and to WhatsApp it looks like a device that it does not know: without this
    it would cost the link.
    """
    rows = _device_rows(database)
    if len(rows) == 1:
        database.execute("INSERT OR IGNORE INTO linda_bot VALUES ('device', ?)", (seal_of(rows[0]),))


def forget_seal(store: Path) -> None:
    """Have a store be fit for another linking; only while no engine has it open. Raises sqlite3.Error."""
    with opened(store, "rw") as database, database:
        if database.execute(_TABLES, ("linda_bot",)).fetchone()[0]:
            database.execute("DELETE FROM linda_bot WHERE name IN ('device', 'guard_caught')")


def has_device(store: Path) -> bool:
    """Return whether a store still holds a linked device, also while an engine has it open.

    A store that cannot be read just now counts as linked: that says nothing against it.
    """
    import sqlite3

    try:
        with opened(store) as database:
            return bool(database.execute("SELECT count(*) FROM whatsmeow_device").fetchone()[0])
    except (sqlite3.Error, UnicodeDecodeError):
        return True


def side_files(store: Path) -> list[Path]:
    """Return the files that SQLite keeps beside a store, whether they are there or not."""
    return [store.with_name(store.name + ending) for ending in _SIDE_FILES]


def _check(database: "sqlite3.Connection", pragma: str) -> None:
    verdict = database.execute(f"PRAGMA {pragma}(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreDamagedError(str(verdict).replace("\n", " "))


def _device_rows(database: "sqlite3.Connection") -> list[dict[str, object]]:
    tables = database.execute(_TABLES, ("whatsmeow_device",)).fetchone()[0]
    return [dict(row) for row in database.execute("SELECT * FROM whatsmeow_device")] if tables else []


def _sealed(database: "sqlite3.Connection") -> int | None:
    if not database.execute(_TABLES, ("linda_bot",)).fetchone()[0]:
        return None
    sealed = database.execute("SELECT value FROM linda_bot WHERE name = 'device'").fetchone()
    return None if sealed is None else sealed[0]


def check_seal(rows: Sequence[Mapping[str, object]], sealed: int | None) -> None:
    """Compare the only device with what was sealed of it; raises DeviceBrokenError."""
    if len(rows) == 1 and sealed is not None and sealed != seal_of(rows[0]):
        raise DeviceBrokenError("the linked device's keys are not those that it was linked with")


def seal_of(row: Mapping[str, object]) -> int:
    """Return a number that changes with what of a device never does."""
    kept = repr([row.get(column) for column in _NEVER_CHANGE])
    return int.from_bytes(hashlib.sha256(kept.encode(errors="backslashreplace")).digest()[:_SEAL_BYTES])


def identity_in(rows: Sequence[Mapping[str, object]]) -> Identity | None:
    """Return which device the rows of the library's table tell of; None for none. Raises DeviceBrokenError."""
    if not rows:
        return None
    if len(rows) > 1:
        raise DeviceBrokenError(f"the session holds {len(rows)} devices instead of one")
    row = rows[0]
    jid = str(row.get("jid", ""))
    user, _, server = jid.partition("@")
    number, _, device = user.partition(":")
    number = number.partition(".")[0]
    if server != _PHONE_SERVER or not number.isdecimal():
        raise DeviceBrokenError("the linked device has no phone number")
    for column, length in _LENGTHS.items():
        value = row.get(column)
        if not isinstance(value, bytes) or len(value) != length:
            raise DeviceBrokenError(f"the linked device's {column} is not whole")
    identity_key, registration = row["identity_key"], row.get("registration_id", 0)
    assert isinstance(identity_key, bytes)
    return Identity(
        number=number,
        device=int(device) if device.isdecimal() and len(device) <= _LONGEST_DEVICE else 0,
        lid=str(row.get("lid") or ""),
        registration_id=registration if isinstance(registration, int) else 0,
        fingerprint=hashlib.sha256(b"linda-bot device " + jid.encode() + identity_key).hexdigest()[:16],
    )
