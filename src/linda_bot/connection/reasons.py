"""Why an attempt ended, in words for people, from the client library's own; pure."""

from linda_bot.connection.lifecycle import Finding
from linda_bot.connection.policy import Ending

OUTDATED = "WhatsApp does not accept this version of the client library any more (405)"
_CUT_SHORT_S = 2.0

_STORE_FAULTS = ("malformed", "not a database", "disk i/o error", "no such table", "sqldb", "invalid length")
"""What the library's connect error says when the store, not the network, is at fault."""

_DISK_FULL = ("disk is full", "no space left on device")
"""SQLITE_FULL, and SQLITE_IOERR with the system's reason, in SQLite's words."""

_POISON = "required field"
"""The library's event pump ends with this when an event has a value that it has no word for (proto2)."""

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


def judge_connect_error(error: str) -> Ending:
    """Tell a damaged store, and a full disk, from a server that cannot be reached, and say it in words."""
    lowered = error.lower()
    if any(sign in lowered for sign in _DISK_FULL):
        return Ending(Finding.UNREACHABLE, "the session cannot be written: the disk is full", is_local=True)
    if "dial" not in lowered and any(sign in lowered for sign in _STORE_FAULTS):
        return Ending(Finding.SESSION_DAMAGED, f"the session cannot be opened ({error})")
    if _POISON in lowered:
        return Ending(Finding.REFUSED, f"WhatsApp said something that the client library does not know ({error})")
    if not error:
        return Ending(Finding.ENGINE_LOST, "the client library ended the connection")
    known = next((words for sign, words in _NETWORK_FAULTS.items() if sign in lowered), error)
    return Ending(Finding.UNREACHABLE, f"WhatsApp cannot be reached: {known}")


def why_logged_out(code: int) -> str:
    """Say why a device was logged out; codes: whatsmeow types/events/events.go (ConnectFailureReason)."""
    return _LOGOUTS.get(code, "WhatsApp logged this device out: it was removed on the phone, or WhatsApp dropped it")


def judge_round_end(outcome: str, *, code_left_s: float | None) -> Ending:
    """Say how a QR round ended that nobody finished; outcomes: whatsmeow qrchan.go.

    `code_left_s` is how long the code that was shown would have been valid still: when the codes run out, none is; a
    line that is cut while one is shown has the same outcome. None: no code had come yet, so nobody could scan.
    """
    if outcome == "timeout" and code_left_s is None:
        return Ending(Finding.UNREACHABLE, "WhatsApp cut the connection before it sent a QR code")
    if outcome == "timeout" and code_left_s is not None and code_left_s > _CUT_SHORT_S:
        return Ending(Finding.UNREACHABLE, "WhatsApp cut the connection while the QR code was shown")
    if outcome == "timeout":
        return Ending(Finding.QR_ROUND_OVER, "the QR codes ran out before one was scanned")
    if outcome == "err-client-outdated":
        return Ending(Finding.OUTDATED, OUTDATED)
    if "passkey" in outcome:
        because = "the phone asks for a passkey, and the client library cannot answer that"
        return Ending(Finding.QR_ROUND_OVER, because, beyond_doubt=True)
    finding = Finding.REFUSED if code_left_s is None else Finding.QR_ROUND_OVER
    return Ending(finding, f"linking ended with {outcome}")


def why_not_linked(code: int) -> str:
    """Say why a device was refused that is not linked yet; what it is called is no logout."""
    return f"WhatsApp refused to link this device (code {code})"


def how_engine_ended(code: int) -> str:
    """Say how a process ended."""
    return f"the engine was ended by signal {-code}" if code < 0 else f"the engine ended with status {code}"
