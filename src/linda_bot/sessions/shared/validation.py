"""Whether a session in a database can be restored: the five points of `sessions.validation`, as far as they apply."""

from typing import TYPE_CHECKING, Any

from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.shared.store import read_identity
from linda_bot.sessions.store import DeviceBrokenError, StoreDamagedError
from linda_bot.sessions.validation import Point, Validation, Verdict, check_metadata

if TYPE_CHECKING:
    import psycopg

_ASIDE = "it is set aside, not deleted"
_ELSEWHERE = "set the account to the linked number, or move it"
_REACHED = Point(1, "database", ok=True, reason="can be reached, and lets us in")


def validate(connection: "psycopg.Connection[Any]", paths: SessionPaths, *, is_new: bool = False) -> Validation:
    """Check the points of the session whose names the connection has; stops at the first that cannot be lived with.

    With `is_new` its tables were made just now. Raises psycopg.Error: that says nothing against the session.
    """
    schema = Point(2, "schema", ok=True, reason="is there, fenced in")
    if is_new:
        missing = Point(2, "schema", ok=False, reason="there is no session yet")
        return Validation(Verdict.MISSING, (_REACHED, missing))
    points: tuple[Point, ...] = (_REACHED, schema)
    try:
        identity = read_identity(connection)
    except StoreDamagedError as error:
        return _stopped(Verdict.DAMAGED, points, Point(3, "integrity", ok=False, reason=str(error), advice=_ASIDE))
    except DeviceBrokenError as error:
        return _stopped(Verdict.DAMAGED, points, Point(4, "device", ok=False, reason=str(error), advice=_ASIDE))
    if identity is None:
        reason = "the session holds no linked device"
        return _stopped(Verdict.NOT_LINKED, points, Point(4, "device", ok=False, reason=reason))
    if paths.number is not None and identity.number != paths.number:
        reason = f"the session is linked to {identity.number}, not to {paths.number}"
        return _stopped(Verdict.WRONG_ACCOUNT, points, Point(4, "device", ok=False, reason=reason, advice=_ELSEWHERE))
    whole = (
        Point(3, "integrity", ok=True, reason="the client library's tables are there"),
        Point(4, "device", ok=True, reason="one linked device with whole keys"),
    )
    points = (*points, *whole, check_metadata(paths.device_status, identity.number))
    return Validation(Verdict.RESTORABLE, points, identity)


def _stopped(verdict: Verdict, points: tuple[Point, ...], last: Point) -> Validation:
    return Validation(verdict, (*points, last))
