"""What a WhatsApp server says when it refuses a login or ends a stream, as data."""

from collections.abc import Mapping

from linda_bot.kernel.errors import UsageError
from linda_bot.sandbox.nodes import Node

LOGIN_FAILURES: Mapping[int, Mapping[str, str]] = {
    400: {},
    401: {},
    402: {"code": "101", "expire": "3600"},
    403: {},
    405: {},
    406: {},
    409: {},
    500: {},
    503: {},
}
"""Reason of a failure at login, and what comes with it (whatsmeow connectionevents.go, handleConnectFailure)."""

STREAM_ERRORS: Mapping[str, Node] = {
    "replaced": Node("stream:error", content=[Node("conflict", {"type": "replaced"})]),
    "device_removed": Node("stream:error", {"code": "401"}, [Node("conflict", {"type": "device_removed"})]),
    "500": Node("stream:error", {"code": "500"}),
    "503": Node("stream:error", {"code": "503"}),
    "515": Node("stream:error", {"code": "515"}),
}
"""Ways to end a stream (whatsmeow connectionevents.go, handleStreamError)."""


def login_failure(code: int, attrs: Mapping[str, str]) -> Node:
    """Return the refusal of a login; `attrs` go before what usually comes with it. Raises UsageError."""
    if code not in LOGIN_FAILURES:
        message = f"no login failure {code} is known; use one of {', '.join(map(str, LOGIN_FAILURES))}"
        raise UsageError(message)
    return Node("failure", {"reason": str(code), "location": "sandbox", **LOGIN_FAILURES[code], **attrs})


def stream_error(kind: str) -> Node:
    """Return the end of a stream; raises UsageError."""
    if kind not in STREAM_ERRORS:
        message = f"no stream error {kind!r} is known; use one of {', '.join(STREAM_ERRORS)}"
        raise UsageError(message)
    return STREAM_ERRORS[kind]
