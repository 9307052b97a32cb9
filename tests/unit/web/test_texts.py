"""Texts of strangers on a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from linda_bot.kernel.sentences import sentence
from linda_bot.web.pages.texts import USUAL, fit

NUMBER = "971505760056"


@given(st.text(max_size=600))
def test_any_text_fits(text: str) -> None:
    """As one line that is no longer than it may be, as HTML in UTF-8."""
    shown = fit(text)
    assert shown.isprintable()
    assert len(str(escape(shown)).encode()) <= USUAL + len("…".encode())


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=48))
def test_what_is_short_stays_whole(text: str) -> None:
    """Each of its letters makes five bytes at most."""
    assert fit(text) == text


@pytest.mark.parametrize("lead", range(USUAL - 15, USUAL + 3))
def test_a_cut_leaves_no_number(lead: int) -> None:
    """Wherever it goes through one: it is masked before it is cut."""
    begin, rest = "x" * (lead - 1) + " ", " y" * 500
    shown = fit(begin + NUMBER + rest, show_numbers=False)
    assert shown == f"{begin}97150*****56{rest}"[:USUAL] + "…"


def test_a_sentence() -> None:
    """Has a capital and an end; nothing stays nothing."""
    assert [sentence(text) for text in ("it is so", "Why?", "", "cut…")] == ["It is so.", "Why?", "", "Cut…"]
