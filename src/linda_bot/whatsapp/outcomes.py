"""What an error text of the client library means; the one place that decides whether something may be repeated."""

import re

from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError

NOT_BEGUN = "the engine is ending, this was not begun"
OUTBOX_UNWRITABLE = "the outbox cannot be written"
"""What our own engine says before the client library has got a message."""

UNSENDABLE = "not sent: "
NOT_SENT_YET = "not sent yet: "
"""How the text begins when nothing has left: the same again will not either, or it may do so later."""

NOT_PENDING = f"{NOT_SENT_YET}by now the outbox says otherwise"
"""What our own engine says of rows that are not to be sent as they were asked for."""

# whatsmeow errors.go and client.go; neonize main.go ("client is nil"): said before anything is written to the socket.
# The three that "failed" are questions that come before the message itself (send.go), with any reason behind them.
_BEFORE_SENDING = (
    "websocket not connected",
    "client is nil",
    "the store doesn't contain a device jid",
    "session is held",
    "failed to get device list",
    "failed to fetch lid mappings",
    "failed to prefetch sessions",
    "failed to save cached sessions",
    NOT_BEGUN,
    OUTBOX_UNWRITABLE,
)

# SQLite's words for a store that cannot be used for the moment. whatsmeow (send.go) reads and writes it before anything
# is written to the socket, and only logs what goes wrong with it afterwards.
_NOT_READ = "Client: Error decrypting message "
_UNWRITABLE = ("disk is full", "no space left on device", "readonly database")
_STORE_TROUBLE = (*_UNWRITABLE, "disk i/o error", "database is locked", "unable to open database", "image is malformed")

# A database that is away, refuses what an older lease writes, or has no room: Go's words and the server's codes
# (PostgreSQL's appendix A), at the end of a line. Words that a socket to WhatsApp may use as well count only where a
# line is about the store for sure.
_DATABASE = r"driver: bad connection|\((57P0[1-5]|53...|08...|25006|LB001)\)"
_NETWORK = r"connection refused|connection reset by peer|broken pipe|i/o timeout|\bEOF"
_DATABASE_AWAY = re.compile(f"({_DATABASE})$", re.IGNORECASE)
_STORE_AWAY = re.compile(f"({_DATABASE}|{_NETWORK})$", re.IGNORECASE)
_NOT_ENCRYPTED = "Client: Failed to encrypt "

# The same files (ErrIQTimedOut, ErrMessageTimedOut, DisconnectedError): it was written, and no answer came.
_WITHOUT_ANSWER = ("timed out", "websocket disconnected before")


def request_error(text: str) -> ClientError:
    """Return the error that a failed request raises.

    NotSentError: it provably did not leave, the same call may succeed later. NoAnswerError: it may have had its effect.
    Else a plain ClientError: the server refused it.
    """
    if text.startswith(UNSENDABLE):
        return ClientError(text)
    lowered = text.lower()
    before = text.startswith(NOT_SENT_YET) or any(sign in lowered for sign in (*_BEFORE_SENDING, *_STORE_TROUBLE))
    if before or _DATABASE_AWAY.search(text):
        return NotSentError(text)
    if any(sign in lowered for sign in _WITHOUT_ANSWER):
        return NoAnswerError(text)
    return ClientError(text)


def lacks_room_for_a_message(line: str) -> bool:
    """Return whether a line of the library's log says that a message was not read because the store takes nothing.

    Only its ends count: what stands between them may be a stranger's words. Other lines may end alike: what they are
    about is not needed, or the message has been read.
    """
    return line.startswith(_NOT_READ) and _takes_nothing(line)


def lacks_store_for_a_send(line: str) -> bool:
    """Return whether a line says that a message was not encrypted for somebody, because the store takes nothing.

    The library then sends it to those for whom it was, were it nobody, and counts it as sent (whatsmeow send.go,
    encryptMessageForDevices).
    """
    return line.startswith(_NOT_ENCRYPTED) and _takes_nothing(line)


def _takes_nothing(line: str) -> bool:
    end = line.rstrip()
    return end.lower().endswith(_UNWRITABLE) or _STORE_AWAY.search(end) is not None
