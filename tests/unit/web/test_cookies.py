"""Signed cookies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.web.cookies import Cookie, Scope, csrf_of, new_cookie, read, sign, signing_key

KEY = signing_key(b"k" * 32, "token", "8080")
COOKIE = Cookie(Scope.LOGIN, 1000, "00ff")


@pytest.mark.parametrize("scope", list(Scope))
def test_it_comes_back(scope: Scope) -> None:
    """Until its time is over."""
    cookie = new_cookie(scope, 5.5)
    text = sign(cookie, KEY)
    assert read(text, KEY, cookie.until - 1) == cookie
    assert read(text, KEY, cookie.until) is None
    assert text.replace(".", "").isalnum()  # so it needs no quotes


def test_another_key_makes_it_void() -> None:
    """Another token, another kept key, another door: each makes another one, and so another word for forms."""
    keys = {
        signing_key(kept, token, door)
        for kept in (b"k" * 32, b"j" * 32)
        for token in ("", "token")
        for door in ("8080", "8081")
    }
    assert len(keys) == 8
    for key in keys - {KEY}:
        assert read(sign(COOKIE, KEY), key, 0) is None
        assert csrf_of(COOKIE, key) != csrf_of(COOKIE, KEY)
    assert signing_key(b"k", "b", "a") != signing_key(b"k", "", "ab")


@given(st.text(max_size=300))
def test_any_other_text(text: str) -> None:
    """It is no cookie of ours."""
    assert read(text, KEY, 0) is None
    assert read(sign(COOKIE, KEY) + text, KEY, 0) == (None if text else COOKIE)
    assert read(text + sign(COOKIE, KEY), KEY, 0) == (None if text else COOKIE)


@given(st.integers(0, 200), st.characters(max_codepoint=0x2FF))
def test_one_letter_changed(place: int, letter: str) -> None:
    """Wherever it is."""
    text = sign(COOKIE, KEY)
    changed = text[: place % len(text)] + letter + text[place % len(text) + 1 :]
    assert (read(changed, KEY, 0) is None) is (changed != text)


def test_the_word_for_forms_is_no_signature() -> None:
    """What a page shows cannot be used to make a cookie."""
    csrf = csrf_of(COOKIE, KEY)
    assert csrf != sign(COOKIE, KEY).rpartition(".")[2]
    assert read(f"{COOKIE.id}.{csrf}", KEY, 0) is None
    assert csrf != csrf_of(COOKIE._replace(id="00fe"), KEY)
