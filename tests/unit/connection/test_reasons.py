"""What the client library's errors mean."""

import pytest

from linda_bot.connection.lifecycle import Finding
from linda_bot.connection.reasons import judge_connect_error


@pytest.mark.parametrize(
    ("error", "finding", "said", "is_local"),
    [
        ("failed to dial: lookup web.whatsapp.com: no such host", Finding.UNREACHABLE, "is there a network?", False),
        ("failed to upgrade database: database disk image is malformed", Finding.SESSION_DAMAGED, "malformed", False),
        ("failed to upgrade database: database or disk is full", Finding.UNREACHABLE, "the disk is full", True),
        ("proto: required field Info not set", Finding.REFUSED, "does not know", False),
        ("", Finding.ENGINE_LOST, "ended the connection", False),
        ("something new", Finding.UNREACHABLE, "something new", False),
    ],
)
def test_a_connect_that_failed(error: str, finding: Finding, said: str, *, is_local: bool) -> None:
    """Whose fault it is decides what is done: a full disk is neither the store's nor the network's."""
    found = judge_connect_error(error)

    assert (found.finding, found.is_local) == (finding, is_local)
    assert said in found.because
