"""Whether a session can be restored: five points, each with a reason and an advice.

Only to be run while no engine has the store open. Lengths and columns: whatsmeow store/sqlstore (schema 15).
"""

import os
import stat
import time
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from linda_bot.kernel.files import UnreadableFileError
from linda_bot.sessions.device_status import load_status
from linda_bot.sessions.paths import SessionPaths

_HEADER = b"SQLite format 3\x00"
_BUSY_TRIES, _BUSY_PAUSE_S = 5, 0.2
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
    """Check a session's five points in order; stops at the first that cannot be lived with. Blocks for milliseconds."""
    points: list[Point] = []
    number = ""
    try:
        points.append(_check_directory(paths.directory))
        points.append(_check_header(paths.store))
        point, number = _check_store(paths.store, paths.number)
        points.extend(point)
    except _Stop as stop:
        return Validation(stop.verdict, (*points, stop.point), number)
    points.append(_check_metadata(paths.device_status))
    return Validation(Verdict.RESTORABLE, tuple(points), number)


def _check_directory(directory: Path) -> Point:
    name = "session directory"
    try:
        found = directory.lstat()
    except FileNotFoundError:
        raise _Stop(Verdict.MISSING, Point(1, name, ok=False, reason="there is no session yet")) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or not os.access(directory, os.R_OK | os.W_OK):
        reason = f"{directory} is not a directory of ours"
        raise _Stop(Verdict.DAMAGED, Point(1, name, ok=False, reason=reason, advice="check its owner and mode"))
    return Point(1, name, ok=True, reason="is there and ours alone")


def _check_header(store: Path) -> Point:
    name = "session.db"
    try:
        with store.open("rb") as file:
            header = file.read(len(_HEADER))
    except FileNotFoundError:
        raise _Stop(Verdict.MISSING, Point(2, name, ok=False, reason="there is no session yet")) from None
    except OSError as error:
        reason = f"session.db cannot be read ({error.strerror or error})"
        raise _Stop(Verdict.DAMAGED, Point(2, name, ok=False, reason=reason)) from error
    if not header and not store.with_name(f"{store.name}-wal").exists():
        raise _Stop(Verdict.MISSING, Point(2, name, ok=False, reason="session.db is empty"))
    if header and header != _HEADER:
        raise _Stop(Verdict.DAMAGED, Point(2, name, ok=False, reason="session.db is not a SQLite database"))
    return Point(2, name, ok=True, reason="has the SQLite header")


def _check_store(store: Path, expected: str | None) -> tuple[list[Point], str]:
    """Check points 3 and 4; a store that is merely busy is tried again before it is called damaged."""
    import sqlite3

    for left in reversed(range(_BUSY_TRIES)):
        try:
            # Not read-only: after a crash the write-ahead log must be read, which needs its index to be written.
            database = sqlite3.connect(f"file:{quote(str(store.absolute()))}?mode=rw", uri=True, timeout=1)
            try:
                rows = _read_devices(database)
            finally:
                database.close()
            break
        except sqlite3.OperationalError as error:
            if left and ("locked" in str(error) or "busy" in str(error)):
                time.sleep(_BUSY_PAUSE_S)
                continue
            raise _damaged(3, "integrity", f"the session's database cannot be read ({error})") from error
        except sqlite3.DatabaseError as error:
            raise _damaged(3, "integrity", f"the session's database is damaged ({error})") from error
    number = _judge_device(rows, expected)
    return [
        Point(3, "integrity", ok=True, reason="SQLite's check passes"),
        Point(4, "device", ok=True, reason="one linked device with whole keys"),
    ], number


def _read_devices(database: "object") -> list[dict[str, object]]:
    import sqlite3

    assert isinstance(database, sqlite3.Connection)
    database.row_factory = sqlite3.Row
    verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _damaged(3, "integrity", f"the session's database is damaged ({verdict})")
    tables = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'whatsmeow_device'").fetchone()[0]
    if not tables:
        return []
    return [dict(row) for row in database.execute("SELECT * FROM whatsmeow_device")]


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


def _check_metadata(path: Path) -> Point:
    try:
        load_status(path)
    except UnreadableFileError as error:
        return Point(5, "metadata", ok=False, reason=f"device-status.json: {error}", advice="it is written anew")
    return Point(5, "metadata", ok=True, reason="device-status.json is readable")


def _damaged(number: int, name: str, reason: str) -> _Stop:
    return _Stop(Verdict.DAMAGED, Point(number, name, ok=False, reason=reason, advice="it is set aside, not deleted"))
