"""What an error text of the client library means: whether a message may be sent again is decided by this."""

import pytest

from linda_bot.whatsapp.outcomes import (
    NOT_BEGUN,
    NOT_PENDING,
    NOT_SENT_YET,
    OUTBOX_UNWRITABLE,
    UNSENDABLE,
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
