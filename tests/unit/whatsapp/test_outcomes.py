"""What an error text of the client library means: whether a message may be sent again is decided by this."""

import pytest

from linda_bot.whatsapp.outcomes import (
    NOT_BEGUN,
    NOT_PENDING,
    NOT_SENT_YET,
    OUTBOX_UNWRITABLE,
    UNSENDABLE,
    lacks_room_for_a_message,
    lacks_store_for_a_send,
    request_error,
)
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("can't encrypt: websocket not connected", NotSentError),
        ("client is nil: ensure client is connected", NotSentError),
        ("the store doesn't contain a device JID", NotSentError),
        ("the session is held by another engine", NotSentError),
        (NOT_BEGUN, NotSentError),
        (OUTBOX_UNWRITABLE, NotSentError),
        (NOT_PENDING, NotSentError),
        (f"{NOT_SENT_YET}the file could not be uploaded: timed out", NotSentError),
        ("failed to save session: database or disk is full", NotSentError),
        ("disk I/O error", NotSentError),
        ("write: no space left on device", NotSentError),
        ("database is locked (5)", NotSentError),
        ("attempt to write a readonly database", NotSentError),
        ("unable to open database file", NotSentError),
        ("database disk image is malformed", NotSentError),
        ("timed out waiting for message send response", NoAnswerError),
        ("info query timed out", NoAnswerError),
        ("websocket disconnected before info query returned response", NoAnswerError),
        (f"{UNSENDABLE}timed out while reading the file", ClientError),
        ("server returned error 479", ClientError),
        ("", ClientError),
    ],
)
def test_whether_it_has_left(text: str, kind: type[ClientError]) -> None:
    """Provably not, perhaps, or refused: where nothing tells, nothing is claimed."""
    found = request_error(text)

    assert (type(found), str(found)) == (kind, text)


@pytest.mark.parametrize(
    "end",
    [
        "driver: bad connection",
        "dial tcp 127.0.0.1:5432: connect: connection refused",
        "read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer",
        "unexpected EOF",
        "pq: the database system is shutting down (57P03)",
        "pq: terminating connection due to administrator command (57P01)",
        "pq: linda-bot: this host's lease has passed on (LB001)",
        "database or disk is full",
    ],
)
def test_a_store_that_takes_nothing(end: str) -> None:
    """What was not read is not confirmed, and what was not encrypted does not count as sent."""
    assert lacks_room_for_a_message(f"Client: Error decrypting message 3A from 49@lid: failed to store: {end}")
    assert lacks_store_for_a_send(f"Client: Failed to encrypt 3EB0 for 4915112345678.0:1@lid: {end}")
    assert isinstance(request_error(f"failed to get device list: {end}"), NotSentError)


@pytest.mark.parametrize(
    "line",
    [
        "Client: Failed to encrypt 3EB0 for 49@lid: no signal session established with 49:0",
        "Client: Failed to encrypt EOF for 49@lid: untrusted identity",
        "Client: somebody wrote connection refused",
    ],
)
def test_what_is_no_fault_of_the_store(line: str) -> None:
    """Somebody's device that has no session, or somebody's words."""
    assert not lacks_room_for_a_message(line)
    assert not lacks_store_for_a_send(line)
