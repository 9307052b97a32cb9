"""Whether a session can be restored: five points, each with a reason and an advice; looking changes nothing.

Only to be run while no engine has the store open. Lengths and columns: whatsmeow store/sqlstore (schema 15).
"""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from linda_bot.kernel.errors import SessionInaccessibleError
from linda_bot.kernel.files import UnreadableFileError
from linda_bot.sessions.device_status import load_status
from linda_bot.sessions.paths import SessionPaths

if TYPE_CHECKING:
    import sqlite3

_HEADER = b"SQLite format 3\x00"
_BUSY_TRIES, _BUSY_PAUSE_S = 5, 0.2
_LOCKED = frozenset({5, 6})  # BUSY, LOCKED
_READONLY = 8
_SURROUNDINGS = _LOCKED | {3, 7, _READONLY, 9, 10, 13, 14, 22, 23}
"""Primary result codes that blame anything but the file: PERM, NOMEM, INTERRUPT, IOERR, FULL, CANTOPEN, NOLFS, AUTH.

sqlite.org/rescode.html.
"""
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


class Verdict(StrEnum):
    """What the five points say together."""

    RESTORABLE = "restorable"
    MISSING = "missing"
    NOT_LINKED = "not_linked"
    DAMAGED = "damaged"
    WRONG_ACCOUNT = "wrong_account"


class Point(NamedTuple):
    """One of the five points."""

    number: int
    name: str
    ok: bool
    reason: str
    advice: str = ""


class Validation(NamedTuple):
    """The points that were reached, and what they mean."""

    verdict: Verdict
    points: tuple[Point, ...]
    number: str = ""
    """The number that the store is linked to."""

    @property
    def why(self) -> str:
        """The first thing that is not well, or nothing."""
        return next((point.reason for point in self.points if not point.ok), "")


class _Stop(Exception):  # noqa: N818 (it ends the check, it is no error)
    def __init__(self, verdict: Verdict, point: Point) -> None:
        super().__init__(point.reason)
        self.verdict = verdict
        self.point = point


def validate(paths: SessionPaths) -> Validation:
    """Check a session's five points in order; stops at the first that cannot be lived with. Blocks for milliseconds.

    Raises SessionInaccessibleError when it cannot be looked at: a full disk must not cost anybody the link.
    """
    points: list[Point] = []
    number = ""
    try:
        points.append(_check_directory(paths.directory))
        points.append(_check_header(paths.store))
        point, number = _check_store(paths.store, paths.number)
        points.extend(point)
    except _Stop as stop:
        return Validation(stop.verdict, (*points, stop.point), number)
    points.append(_check_metadata(paths.device_status, number))
    return Validation(Verdict.RESTORABLE, tuple(points), number)


def has_device(store: Path) -> bool:
    """Return whether a store still holds a linked device, also while an engine has it open.

    A store that cannot be read just now counts as linked: that says nothing against it.
    """
    import sqlite3

    try:
        with _opened(store, "ro") as database:
            return bool(database.execute("SELECT count(*) FROM whatsmeow_device").fetchone()[0])
    except (sqlite3.Error, UnicodeDecodeError):
        return True


def _check_directory(directory: Path) -> Point:
    name = "session directory"
    try:
        found = directory.lstat()
    except FileNotFoundError:
        raise _Stop(Verdict.MISSING, Point(1, name, ok=False, reason="there is no session yet")) from None
    except OSError as error:
        raise _inaccessible(directory, error.strerror or str(error)) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise _inaccessible(directory, "it is not a directory of ours")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise _inaccessible(directory, "permission denied")
    return Point(1, name, ok=True, reason="is there and ours alone")


def _check_header(store: Path) -> Point:
    name = "session.db"
    try:
        with store.open("rb") as file:
            header = file.read(len(_HEADER))
    except FileNotFoundError:
        raise _Stop(Verdict.MISSING, Point(2, name, ok=False, reason="there is no session yet")) from None
    except OSError as error:
        raise _inaccessible(store, error.strerror or str(error)) from error
    if not header:
        log = store.with_name(f"{store.name}-wal")
        if log.exists() and log.stat().st_size:  # SQLite would delete it without a word
            raise _damaged(2, name, "session.db is empty, but its write-ahead log is not")
        raise _Stop(Verdict.MISSING, Point(2, name, ok=False, reason="session.db is empty"))
    if header != _HEADER:
        raise _damaged(2, name, "session.db is not a SQLite database")
    return Point(2, name, ok=True, reason="has the SQLite header")


def _check_store(store: Path, expected: str | None) -> tuple[list[Point], str]:
    """Check points 3 and 4."""
    number = _judge_device(_read_patiently(store), expected)
    return [
        Point(3, "integrity", ok=True, reason="SQLite's check passes"),
        Point(4, "device", ok=True, reason="one linked device with whole keys"),
    ], number


def _read_patiently(store: Path) -> list[dict[str, object]]:
    """Return the device rows of an intact store; one that is merely busy is tried again."""
    import sqlite3

    mode, tries = "ro", 1
    while True:
        try:
            return _read_devices(store, mode)
        except sqlite3.DatabaseError as error:
            kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if kind not in _SURROUNDINGS:
                raise _damaged(3, "integrity", f"the session's database is damaged ({error})") from error
            if kind == _READONLY and mode == "ro":
                mode = "rw"  # a crash left a rollback journal: it must be played back before anything can be read
            elif kind in _LOCKED and tries < _BUSY_TRIES:
                tries += 1
                time.sleep(_BUSY_PAUSE_S)
            else:
                raise _inaccessible(store, str(error)) from error
        except UnicodeDecodeError as error:  # SQLite's complaint quotes damaged text, which Python cannot decode
            raise _damaged(3, "integrity", "the session's database is damaged (its schema is no text)") from error


def _read_devices(store: Path, mode: str) -> list[dict[str, object]]:
    with _opened(store, mode) as database:
        verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise _damaged(3, "integrity", f"the session's database is damaged ({verdict})")
        tables = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'whatsmeow_device'").fetchone()[0]
        if not tables:
            return []
        return [dict(row) for row in database.execute("SELECT * FROM whatsmeow_device")]


@contextmanager
def _opened(store: Path, mode: str) -> "Iterator[sqlite3.Connection]":
    import sqlite3

    # Not `immutable`: what a crash left in the write-ahead log must be read too.
    database = sqlite3.connect(f"file:{quote(str(store.absolute()))}?mode={mode}", uri=True, timeout=1)
    try:
        database.row_factory = sqlite3.Row
        yield database
    finally:
        database.close()


def _judge_device(rows: list[dict[str, object]], expected: str | None) -> str:
    if not rows:
        point = Point(4, "device", ok=False, reason="the session holds no linked device")
        raise _Stop(Verdict.NOT_LINKED, point)
    if len(rows) > 1:
        raise _damaged(4, "device", f"the session holds {len(rows)} devices instead of one")
    row = rows[0]
    user, _, server = str(row.get("jid", "")).partition("@")
    number = user.partition(":")[0].partition(".")[0]
    if server != "s.whatsapp.net" or not number.isdecimal():
        raise _damaged(4, "device", "the linked device has no phone number")
    for column, length in _LENGTHS.items():
        value = row.get(column)
        if not isinstance(value, bytes) or len(value) != length:
            raise _damaged(4, "device", f"the linked device's {column} is not whole")
    if expected is not None and number != expected:
        reason = f"the session is linked to {number}, not to {expected}"
        point = Point(4, "device", ok=False, reason=reason, advice="set LINDA_ACCOUNT to the linked number, or move it")
        raise _Stop(Verdict.WRONG_ACCOUNT, point)
    return number


def _check_metadata(path: Path, number: str) -> Point:
    """Say whether the metadata agrees; it never decides anything, WhatsApp has the last word."""
    name = "metadata"
    try:
        status, _ = load_status(path)
    except UnreadableFileError as error:
        return Point(5, name, ok=False, reason=f"device-status.json: {error}", advice="it is written anew")
    if status.restore_status == "logged_out":
        reason, advice = "device-status.json says that the device was logged out", "connecting will tell"
        return Point(5, name, ok=False, reason=reason, advice=advice)
    if status.number not in ("", number):
        reason = "device-status.json names another number than the linked device has"
        return Point(5, name, ok=False, reason=reason, advice="it is written anew")
    return Point(5, name, ok=True, reason="device-status.json agrees")


def _damaged(number: int, name: str, reason: str) -> _Stop:
    return _Stop(Verdict.DAMAGED, Point(number, name, ok=False, reason=reason, advice="it is set aside, not deleted"))


def _inaccessible(path: Path, reason: str) -> SessionInaccessibleError:
    return SessionInaccessibleError(
        f"the session cannot be looked at ({path}: {reason.lower()}); it is untouched: "
        "see to it that it is yours, not in use by another program, and that the disk has room, then start again"
    )
