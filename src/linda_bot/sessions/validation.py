"""Whether a session can be restored: five points, each with a reason and an advice; looking changes nothing."""

import os
import stat
import time
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from linda_bot.kernel.errors import SessionInaccessibleError
from linda_bot.kernel.files import UnreadableFileError
from linda_bot.sessions.device_status import load_status
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.store import HEADER, DeviceBrokenError, Identity, StoreDamagedError, read_identity

_BUSY_TRIES, _BUSY_PAUSE_S = 5, 0.2
_SECOND_LOOK, _SECOND_LOOK_PAUSE_S = 2, 0.05
_LOCKED = frozenset({5, 6})  # BUSY, LOCKED
_READONLY = 8
_SURROUNDINGS = _LOCKED | {3, 7, _READONLY, 9, 10, 13, 14, 22, 23}
"""Primary result codes that blame anything but the file: PERM, NOMEM, INTERRUPT, IOERR, FULL, CANTOPEN, NOLFS, AUTH.

sqlite.org/rescode.html.
"""


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
    identity: Identity | None = None
    """Whose a store is whose device is whole."""

    @property
    def number(self) -> str:
        """The number that the store is linked to; empty when that is not known."""
        return self.identity.number if self.identity else ""

    @property
    def why(self) -> str:
        """The first thing that is not well, or nothing."""
        return next((point.reason for point in self.points if not point.ok), "")


class _Stop(Exception):  # noqa: N818 (it ends the check, it is no error)
    def __init__(self, verdict: Verdict, point: Point) -> None:
        super().__init__(point.reason)
        self.verdict = verdict
        self.point = point


def validate(paths: SessionPaths, *, live: bool = False) -> Validation:
    """Check a session's five points in order; stops at the first that cannot be lived with. Blocks for milliseconds.

    With `live` an engine may have the store open: it is read without changing anything. Raises
    SessionInaccessibleError when it cannot be looked at: a full disk must not cost anybody the link.
    """
    points: list[Point] = []
    try:
        points.append(_check_directory(paths.directory))
        points.append(_check_header(paths.store))
        found, identity = _check_store(paths.store, paths.number, live=live)
        points.extend(found)
    except _Stop as stop:
        return Validation(stop.verdict, (*points, stop.point))
    points.append(check_metadata(paths.device_status, identity.number))
    return Validation(Verdict.RESTORABLE, tuple(points), identity)


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
        if store.exists() and not store.is_file() and not store.is_dir():  # opening a pipe might never end
            raise _damaged(2, name, "session.db is not a file")
        with store.open("rb") as file:
            header = file.read(len(HEADER))
    except FileNotFoundError:
        if _has_log(store):
            raise _damaged(2, name, "session.db is gone, but its write-ahead log is not") from None
        raise _Stop(Verdict.MISSING, Point(2, name, ok=False, reason="there is no session yet")) from None
    except IsADirectoryError:
        raise _damaged(2, name, "the store is a directory, not a file (session.db)") from None
    except OSError as error:
        raise _inaccessible(store, error.strerror or str(error)) from error
    if not header:
        if _has_log(store):
            raise _damaged(2, name, "the store is empty (session.db), but its write-ahead log is not")
        raise _Stop(Verdict.MISSING, Point(2, name, ok=False, reason="the store is empty (session.db)"))
    if header != HEADER:
        raise _damaged(2, name, "the store is not a SQLite database (session.db)")
    return Point(2, name, ok=True, reason="has the SQLite header")


def _has_log(store: Path) -> bool:
    """Return whether there are writes without the store they belong to; SQLite would delete them without a word."""
    log = store.with_name(f"{store.name}-wal")
    return log.is_file() and log.stat().st_size > 0


def _check_store(store: Path, expected: str | None, *, live: bool) -> tuple[list[Point], Identity]:
    """Check points 3 and 4."""
    identity = _read_patiently(store, live=live)
    if identity is None:
        raise _Stop(Verdict.NOT_LINKED, Point(4, "device", ok=False, reason="the session holds no linked device"))
    if expected is not None and identity.number != expected:
        reason = f"the session is linked to {identity.number}, not to {expected}"
        point = Point(4, "device", ok=False, reason=reason, advice="set LINDA_ACCOUNT to the linked number, or move it")
        raise _Stop(Verdict.WRONG_ACCOUNT, point)
    return [
        Point(3, "integrity", ok=True, reason="SQLite's check passes"),
        Point(4, "device", ok=True, reason="one linked device with whole keys"),
    ], identity


def _read_patiently(store: Path, *, live: bool) -> Identity | None:
    """Return whose an intact store is; one that is merely busy is tried again, and so is one that seems damaged."""
    import sqlite3

    mode, tries = "ro", 1
    while True:
        try:
            return read_identity(store, mode)
        except DeviceBrokenError as error:
            raise _damaged(4, "device", str(error)) from error
        except (StoreDamagedError, sqlite3.DatabaseError) as error:
            kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if kind == _READONLY and mode == "ro" and not live:
                mode = "rw"  # a crash left a rollback journal: it must be played back before anything can be read
            elif kind in _LOCKED and tries < _BUSY_TRIES:
                tries += 1
                time.sleep(_BUSY_PAUSE_S)
            elif kind in _SURROUNDINGS:
                raise _inaccessible(store, str(error)) from error
            elif tries < _SECOND_LOOK:
                tries = _SECOND_LOOK
                time.sleep(_SECOND_LOOK_PAUSE_S)
            else:
                raise _damaged(3, "integrity", f"the session's database is damaged ({error})") from error


def check_metadata(path: Path, number: str) -> Point:
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
