"""Personal data masked, strangers' texts harmless."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.kernel.masking import hide_codes, mask_line, mask_number, mask_text, printable

numbers = st.from_regex(r"[1-9]\d{6,14}", fullmatch=True)


@given(numbers)
def test_a_number_is_not_in_its_mask(number: str) -> None:
    """But the same number always looks the same."""
    masked = mask_number(number)

    assert number not in masked
    assert masked == mask_number(number)
    assert len(masked) == len(number)


@given(
    number=numbers,
    before=st.sampled_from(["", "to ", "+", "(", "session ", "x="]),
    after=st.sampled_from(
        ["", " ", "@s.whatsapp.net", "@lid", ":12@lid", ".0:3@s.whatsapp.net", "_1:0", ")", ".", ", next", "/x"]
    ),
)
def test_no_number_gets_through_a_line(number: str, before: str, after: str) -> None:
    """In whatever form the library writes it."""
    assert number not in mask_line(f"before {before}{number}{after} end")


@pytest.mark.parametrize(
    "code",
    ["2@aBc+/=,key,key,key,6", "https://wa.me/settings/linked_devices#2@aBc,key,key,key,6"],
)
def test_no_code_gets_through_a_line(code: str) -> None:
    """A QR text is a credential for a minute."""
    assert mask_line(f"got {code} now") == "got <QR code> now"
    assert hide_codes(f"got {code} for 971505760056") == "got <QR code> for 971505760056"


def test_other_texts_stay_readable() -> None:
    """Times, ids and short numbers are no personal data."""
    line = "2026-02-07T10:35:00.000Z engine 12345 took 340 ms for 3EB0AE55 in quarantine-20260207T103500.123Z"

    assert mask_line(line) == line


@given(st.text(max_size=2000))
def test_a_printable_text_is_one_harmless_line(text: str) -> None:
    """No control, format or line character is left, and the length is bounded."""
    shown = printable(text, 100)

    assert all(unicodedata.category(letter)[0] != "C" for letter in shown)
    assert len(shown.splitlines()) <= 1
    assert len(shown) <= 101


def test_escapes_are_shown() -> None:
    """One sees what somebody tried."""
    assert printable("a\x1b[2Jb\u202ec\nd\x7f") == "a\\x1b[2Jb\\u202ec\\nd\\x7f"
    assert printable("naïve 猫 \N{PARTY POPPER}") == "naïve 猫 \N{PARTY POPPER}"


def test_of_a_text_only_its_length_is_said() -> None:
    """Message texts are nobody's business."""
    assert mask_text("secret") == "<6 characters>"
