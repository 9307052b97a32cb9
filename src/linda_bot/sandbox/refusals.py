"""What a WhatsApp server says when it refuses a login or ends a stream, as data."""

from collections.abc import Mapping

from linda_bot.kernel.errors import UsageError
from linda_bot.sandbox.forms import CODE, WORD
from linda_bot.sandbox.nodes import Node

LOGIN_FAILURES: Mapping[int, Mapping[str, str]] = {
    400: {},
    401: {},
    402: {"code": "101", "expire": "3600"},
    403: {},
    405: {},
    406: {},
    409: {},
    418: {},
    500: {},
    501: {},
    503: {},
}
"""Reason of a failure at login that whatsmeow has a name for, and what comes with it (connectionevents.go,
handleConnectFailure; types/events/events.go, ConnectFailureReason)."""

STREAM_ERRORS: Mapping[str, Node] = {
    "replaced": Node("stream:error", content=[Node("conflict", {"type": "replaced"})]),
    "device_removed": Node("stream:error", {"code": "401"}, [Node("conflict", {"type": "device_removed"})]),
    "500": Node("stream:error", {"code": "500"}),
    "503": Node("stream:error", {"code": "503"}),
    "515": Node("stream:error", {"code": "515"}),
}
"""Ways to end a stream (whatsmeow connectionevents.go, handleStreamError)."""


def login_failure(code: int, attrs: Mapping[str, str]) -> Node:
    """Return the refusal of a login, for any code; `attrs` go before what usually comes with it. Raises UsageError."""
    if not CODE.fits(str(code)):
        message = f"{code} is no login failure; write {CODE.says}: {', '.join(map(str, LOGIN_FAILURES))} or any other"
        raise UsageError(message)
    return Node("failure", {"reason": str(code), "location": "sandbox", **LOGIN_FAILURES.get(code, {}), **attrs})


def stream_error(kind: str) -> Node:
    """Return the end of a stream: a kind of STREAM_ERRORS, any other code, or any other word as a conflict's type.

    Raises UsageError.
    """
    if kind in STREAM_ERRORS:
        return STREAM_ERRORS[kind]
    if CODE.fits(kind):
        return Node("stream:error", {"code": kind})
    if WORD.fits(kind):
        return Node("stream:error", content=[Node("conflict", {"type": kind})])
    message = f"{kind[:40]!r} ends no stream; write {', '.join(STREAM_ERRORS)}, a code of three digits or one word"
    raise UsageError(message)
