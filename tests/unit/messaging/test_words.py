"""What a person types, as words."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.messaging.words import split_command, words_of


def split(text: str) -> list[str]:
    """Return the words."""
    return [word.text for word in words_of(text)]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("!ping", ("ping", "")),
        ("!PING", ("ping", "")),
        ("!say  hello  there ", ("say", "hello  there")),
        ("!say\nhello", ("say", "hello")),
        ("! ping", ("ping", "")),
        ("!", ("", "")),
        ("ping", ("", "")),
        ("", ("", "")),
        ("hi !ping", ("", "")),
    ],
)
def test_a_command_is_its_first_word(text: str, command: tuple[str, str]) -> None:
    """The prefix, a word, and the rest."""
    assert command == split_command(text, "!")


@given(st.text())
def test_no_text_breaks_the_split(text: str) -> None:
    """Whatever strangers write."""
    word, _ = split_command(text, "!")

    assert not any(letter.isspace() for letter in word)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("one  two\nthree", ["one", "two", "three"]),
        ('"two words" three', ["two words", "three"]),
        ("'two words' three", ["two words", "three"]),
        ("“two words” „zwei Wörter“ «deux mots» ‘two words’", ["two words", "zwei Wörter", "deux mots", "two words"]),
        ("don't say won't", ["don't", "say", "won't"]),
        ('"two words', ['"two', "words"]),
        ('two" words', ['two"', "words"]),
        ('a="two words"', ['a="two', 'words"']),
        (r'"say \"hello\"" \n', ['say "hello"', r"\n"]),
        ('""', [""]),
        ("\"\" ''", ["", ""]),
        ('"a"b c', ['"a"b', "c"]),
    ],
)
def test_quotation_marks_keep_words_together(text: str, words: list[str]) -> None:
    """Where they stand around words; one without its partner is a letter."""
    assert split(text) == words


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20), max_size=5))
def test_what_is_quoted_comes_back(words: list[str]) -> None:
    """Whatever is in it."""
    quoted = " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words)

    assert split(quoted) == words


@given(st.text(alphabet=" ab\\\"'“”„‘’«»", max_size=60))
def test_no_letter_is_lost_or_made(text: str) -> None:
    """Each word ends where the next begins, and there is one for each that can be seen."""
    ends = [word.end for word in words_of(text)]

    assert ends == sorted(set(ends))
    assert bool(ends) == bool(text.strip())
    assert not text[ends[-1] :].strip() if ends else True


@pytest.mark.parametrize("text", ['" ', "“ ", '" \\', "'\\' ", '"\\" ', "„", "« ", '"a ', "‘ "])
def test_splitting_takes_no_time(text: str) -> None:
    """Also when somebody tries to make it slow: 65,536 letters stay far below a second."""
    long = (text * 65_536)[:65_536]
    started = time.perf_counter()

    list(words_of(long))

    assert time.perf_counter() - started < 1
