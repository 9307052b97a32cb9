"""What the client library's errors mean."""

import pytest

from linda_bot.connection.lifecycle import Finding
from linda_bot.connection.reasons import (
    how_engine_ended,
    judge_connect_error,
    judge_round_end,
    why_logged_out,
    why_not_linked,
)


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


@pytest.mark.parametrize(
    "sign",
    ["malformed", "not a database", "disk i/o error", "no such table", "sqldb", "invalid length"],
)
def test_signs_of_a_damaged_store(sign: str) -> None:
    """Whatever case they are in; but not where it was the network that said so."""
    assert judge_connect_error(f"failed: {sign.upper()}").finding is Finding.SESSION_DAMAGED
    assert judge_connect_error(f"failed to dial: {sign}").finding is Finding.UNREACHABLE


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        ("dial tcp: lookup web.whatsapp.com: no such host", "is there a network?"),
        ("lookup web.whatsapp.com: server misbehaving", "is there a network?"),
        ("connect: network is unreachable", "there is no network"),
        ("connect: connection refused", "the connection was refused"),
        ("read: connection reset by peer", "the connection was cut"),
        ("read: i/o timeout", "no answer"),
        ("context deadline exceeded", "no answer"),
        ("operation timed out", "no answer"),
        ("x509: certificate signed by unknown authority", "its certificate is not trusted"),
        ("proxy: Bad Gateway", "the proxy cannot reach it"),
        ("proxyconnect tcp: no", "the proxy does not let us through"),
        ("unexpected EOF", "the connection was cut"),
    ],
)
def test_what_a_network_error_means(error: str, meaning: str) -> None:
    """Said in words for people, without the library's own."""
    found = judge_connect_error(error)

    assert found.finding is Finding.UNREACHABLE
    assert meaning in found.because
    assert error not in found.because
    assert not found.because.endswith("~")


@pytest.mark.parametrize(
    ("outcome", "code_left_s", "finding", "beyond_doubt"),
    [
        ("timeout", None, Finding.UNREACHABLE, False),
        ("timeout", 2.1, Finding.UNREACHABLE, False),
        ("timeout", 2.0, Finding.QR_ROUND_OVER, False),
        ("timeout", -1.0, Finding.QR_ROUND_OVER, False),
        ("err-client-outdated", 10.0, Finding.OUTDATED, False),
        ("err-passkey-wanted", 10.0, Finding.QR_ROUND_OVER, True),
        ("err-unexpected-state", None, Finding.REFUSED, False),
        ("err-unexpected-state", 10.0, Finding.QR_ROUND_OVER, False),
    ],
)
def test_how_a_qr_round_ended(outcome: str, code_left_s: float | None, finding: Finding, *, beyond_doubt: bool) -> None:
    """A line that is cut while a code is shown is no round that somebody let pass."""
    found = judge_round_end(outcome, code_left_s=code_left_s)

    assert (found.finding, found.beyond_doubt) == (finding, beyond_doubt)
    assert (found.because == f"linking ended with {outcome}") is ("unexpected" in outcome)


@pytest.mark.parametrize(
    ("code", "said"),
    [(401, "removed on the phone"), (403, "gone or locked"), (406, "(406)"), (499, "or WhatsApp dropped it")],
)
def test_why_a_device_was_logged_out(code: int, said: str) -> None:
    """With the code where it is known, and in words where it is not."""
    assert said in why_logged_out(code)
    assert (f"({code})" in why_logged_out(code)) is (code < 499)


def test_how_processes_and_linking_ended() -> None:
    """Signals are no statuses, and the code of a refusal is told."""
    assert how_engine_ended(-9) == "the engine was ended by signal 9"
    assert how_engine_ended(0) == "the engine ended with status 0"
    assert how_engine_ended(2) == "the engine ended with status 2"
    assert "code 515" in why_not_linked(515)
