"""Reading QR codes off a terminal."""

import base64
import random

import pytest

from linda_bot.cli.qr import qr_lines
from linda_bot.sandbox.qr import UnreadableQrError, qr_from_terminal

INVERTED = str.maketrans("█▀▄ ", " ▄▀█")


def linking_code(chance: random.Random) -> str:
    """Return a text as whatsmeow makes it (pair.go, makeQRData)."""
    ref = f"2@{base64.b64encode(chance.randbytes(48)).decode()}"
    keys = [base64.b64encode(chance.randbytes(32)).decode() for _ in range(3)]
    return f"https://wa.me/settings/linked_devices#{','.join([ref, *keys, '6'])}"


@pytest.mark.slow
def test_a_hundred_codes_are_read() -> None:
    """A hundred of a hundred, with and without colours, as drawn and inverted."""
    chance = random.Random(4711)
    for number in range(100):
        text = linking_code(chance)
        lines = qr_lines(text, colours=bool(number % 2))
        if number % 4 == 0:
            lines = [line.translate(INVERTED) for line in lines]
        assert qr_from_terminal("\n".join(["Scan this:", "", *lines, "", "Waiting for the scan"])) == text


def test_the_last_of_several_codes_counts() -> None:
    """Codes are replaced as they expire."""
    screen = [*qr_lines("the first", colours=False), "a new code:", *qr_lines("the second", colours=False), "done"]

    assert qr_from_terminal("\n".join(screen)) == "the second"


def test_a_code_that_is_still_being_drawn_is_passed_over() -> None:
    """The one before it is still valid."""
    screen = [*qr_lines("the first", colours=False), "a new code:", *qr_lines("the second", colours=False)[:5]]

    assert qr_from_terminal("\n".join(screen)) == "the first"


@pytest.mark.parametrize("screen", ["", "no code here", "█" * 40, "\n".join(["█" * 40] * 20)])
def test_a_screen_without_a_code(screen: str) -> None:
    """One error, whatever is there instead."""
    with pytest.raises(UnreadableQrError):
        qr_from_terminal(screen)
