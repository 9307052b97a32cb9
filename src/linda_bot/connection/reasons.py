"""Why an attempt ended, in words for people, from the client library's own; pure."""

from linda_bot.connection.lifecycle import Finding

_STORE_FAULTS = ("malformed", "not a database", "disk i/o error", "no such table", "sqldb", "invalid length")
"""What the library's connect error says when the store, not the network, is at fault."""

_NETWORK_FAULTS = {
    "no such host": "its name cannot be looked up; is there a network?",
    "server misbehaving": "its name cannot be looked up; is there a network?",
    "network is unreachable": "there is no network",
    "connection refused": "the connection was refused",
    "connection reset": "the connection was cut",
    "i/o timeout": "no answer",
    "deadline exceeded": "no answer",
    "timed out": "no answer",
    "certificate": "its certificate is not trusted; is the clock right, or is a proxy in between?",
    "bad gateway": "the proxy cannot reach it",
    "proxyconnect": "the proxy does not let us through",
    "eof": "the connection was cut",
}
"""What Go's errors say, and what it means; the first that fits counts."""

_LOGOUTS = {
    401: "WhatsApp logged this device out: it was removed on the phone, or WhatsApp dropped it (401)",
    403: "WhatsApp logged this device out: the account's phone is gone or locked (403)",
    406: "WhatsApp logged this device out (406)",
}


def judge_connect_error(error: str) -> tuple[Finding, str]:
    """Tell a damaged store from a server that cannot be reached, and say it in words."""
    lowered = error.lower()
    if "dial" not in lowered and any(sign in lowered for sign in _STORE_FAULTS):
        return Finding.SESSION_DAMAGED, f"the session cannot be opened ({error})"
    if not error:
        return Finding.ENGINE_LOST, "the client library ended the connection"
    known = next((words for sign, words in _NETWORK_FAULTS.items() if sign in lowered), error)
    return Finding.UNREACHABLE, f"WhatsApp cannot be reached: {known}"


def why_logged_out(code: int) -> str:
    """Say why a device was logged out; codes: whatsmeow types/events/events.go (ConnectFailureReason)."""
    return _LOGOUTS.get(code, "WhatsApp logged this device out: it was removed on the phone, or WhatsApp dropped it")


def why_round_ended(outcome: str) -> str:
    """Say why a QR round is over; outcomes: whatsmeow qrchan.go."""
    if outcome == "timeout":
        return "the QR codes ran out before one was scanned"
    if "passkey" in outcome:
        return "the phone asks for a passkey, which neonize cannot answer yet; use an account without one"
    return f"linking ended with {outcome}"


def how_engine_ended(code: int) -> str:
    """Say how a process ended."""
    return f"the engine was ended by signal {-code}" if code < 0 else f"the engine ended with status {code}"
