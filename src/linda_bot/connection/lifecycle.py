"""The states of a link and what leads from one to the next; pure."""

from enum import StrEnum


class LinkState(StrEnum):
    """Where the link is; the words that users see."""

    STARTING = "starting"
    LINKING = "linking"
    RESTORING = "restoring"
    CONNECTED = "connected"
    TRANSIENT_DISCONNECT = "transient_disconnect"
    RECONNECTING = "reconnecting"
    CIRCUIT_OPEN = "circuit_open"
    LOGGED_OUT = "logged_out"
    REPLACED = "replaced"
    BANNED = "banned"
    OUTDATED = "outdated"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Finding(StrEnum):
    """What was found out about the link."""

    SESSION_FOUND = "session_found"
    SESSION_MISSING = "session_missing"
    SESSION_DAMAGED = "session_damaged"
    CONNECTED = "connected"
    SOCKET_LOST = "socket_lost"
    GRACE_OVER = "grace_over"
    """The library did not get the socket back by itself in time, or again and again not for long."""
    SILENT = "silent"
    """The socket looks open, but nothing answers."""
    ENGINE_LOST = "engine_lost"
    UNREACHABLE = "unreachable"
    """No login: the network or the server does not answer."""
    REFUSED = "refused"
    """WhatsApp refused the login for a reason that may pass."""
    RENEWAL_DUE = "renewal_due"
    """A link that is up gets a new engine in good order: the day is over, or somebody asked for it."""
    RETRY_DUE = "retry_due"
    ATTEMPTS_SPENT = "attempts_spent"
    LOGGED_OUT = "logged_out"
    UNLINKED = "unlinked"
    """A person here had the device taken off the account."""
    REPLACED = "replaced"
    BANNED = "banned"
    OUTDATED = "outdated"
    QR_ROUND_OVER = "qr_round_over"
    WRONG_ACCOUNT = "wrong_account"
    """The phone that scanned the code belongs to another account than the configured one."""
    STOP_ASKED = "stop_asked"
    STOPPED = "stopped"


class IllegalTransitionError(Exception):
    """A finding that cannot be made in this state: a bug of ours."""


_S = LinkState
_F = Finding

_LIVE = frozenset({_S.LINKING, _S.RESTORING, _S.CONNECTED, _S.TRANSIENT_DISCONNECT, _S.RECONNECTING})
"""States in which an engine runs or is about to."""

_TRYING = frozenset({_S.STARTING, _S.LINKING, _S.RECONNECTING, _S.LOGGED_OUT})
"""States that stay the same from one attempt to the next."""

_WAITING = frozenset({_S.CIRCUIT_OPEN, _S.REPLACED, _S.BANNED, _S.OUTDATED})
"""States that end when a wait is over."""

_TROUBLE = frozenset({_F.GRACE_OVER, _F.SILENT, _F.ENGINE_LOST, _F.UNREACHABLE, _F.REFUSED})
"""Findings that a new engine may cure."""

_ENDS = {
    _F.LOGGED_OUT: _S.LOGGED_OUT,
    _F.UNLINKED: _S.LOGGED_OUT,
    _F.REPLACED: _S.REPLACED,
    _F.BANNED: _S.BANNED,
    _F.OUTDATED: _S.OUTDATED,
}
"""What WhatsApp says that a new engine does not cure."""


def next_state(now: LinkState, finding: Finding) -> LinkState:  # noqa: C901, PLR0911, PLR0912 (it reads like a table)
    """Return where a finding leads; raises IllegalTransitionError for one that cannot be made in this state."""
    match now, finding:
        case (_S.STOPPING, _F.STOPPED):
            return _S.STOPPED
        case (_S.STOPPED, _):
            raise IllegalTransitionError(f"{finding} while {now}")
        case (_S.STOPPING, _) | (_, _F.STOP_ASKED):
            return _S.STOPPING
        case (_S.STARTING | _S.RESTORING | _S.RECONNECTING, _F.SESSION_FOUND):
            return _S.RECONNECTING if now is _S.RECONNECTING else _S.RESTORING
        case (_S.LINKING, _F.SESSION_FOUND):  # the phone has scanned, and the engine was lost before the login
            return _S.LINKING
        case (_S.LOGGED_OUT, _F.SESSION_FOUND):  # neither the library nor we could write: it may be refused once more
            return _S.RESTORING
        case (_S.LOGGED_OUT, _F.SESSION_DAMAGED):
            return _S.LOGGED_OUT
        case (_S.STARTING | _S.LOGGED_OUT | _S.LINKING | _S.RESTORING | _S.RECONNECTING, _F.SESSION_MISSING):
            return _S.LINKING
        case (_, _F.SESSION_DAMAGED) if now in _LIVE or now is _S.STARTING:
            return _S.STARTING
        case (_, _F.CONNECTED) if now in _LIVE:
            return _S.CONNECTED
        case (_S.CONNECTED | _S.TRANSIENT_DISCONNECT, _F.SOCKET_LOST):
            return _S.TRANSIENT_DISCONNECT
        case (_S.LINKING | _S.RESTORING | _S.RECONNECTING, _F.SOCKET_LOST):
            return now
        case (_S.CONNECTED | _S.TRANSIENT_DISCONNECT, _F.RENEWAL_DUE):
            return _S.RECONNECTING
        case (_S.LINKING, _F.QR_ROUND_OVER):
            return _S.LINKING
        case (_, _F.WRONG_ACCOUNT) if now in _LIVE:
            return _S.LINKING
        case (_S.LINKING | _S.STARTING | _S.LOGGED_OUT, _) if finding in _TROUBLE:  # the latter: the disk is full
            return now
        case (_, _) if now in _LIVE and finding in _TROUBLE:
            return _S.RECONNECTING
        case (_, _F.ATTEMPTS_SPENT) if now in _TRYING:
            return _S.CIRCUIT_OPEN
        case (_, _) if now in _LIVE and finding in _ENDS:
            return _ENDS[finding]
        case (_, _F.RETRY_DUE) if now in _WAITING:
            return _S.RECONNECTING
        case (_, _F.RETRY_DUE) if now in _TRYING:
            return now
        case _:
            raise IllegalTransitionError(f"{finding} while {now}")
