"""What of a logged line may be seen, when the log was told to hold more."""

from pathlib import Path
from typing import Any

import pytest

from linda_bot.eventlog.pseudonyms import make_key
from linda_bot.eventlog.redaction import Redactor
from linda_bot.eventlog.veil import veil_over, veiled_facts

NUMBER, SECRET = "4915112345678", "meet me at noon"


@pytest.fixture
def veil(tmp_path: Path) -> Redactor:
    """What hides numbers and texts."""
    make_key(tmp_path)
    found = veil_over(tmp_path, show_numbers=False)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "facts",
    [
        {"sender": NUMBER},
        {"text": SECRET},
        {"event": {"text": SECRET, "sender": NUMBER}},
        {"messages": [{"caption": SECRET}, {"quoted_text": SECRET}]},
        {"by_sender": {NUMBER: {"body": SECRET}}},
        {"senders": (NUMBER, [NUMBER])},
        {"text": [SECRET, {"sender_name": SECRET}]},
        {"trace": f"File x\nValueError: {NUMBER}"},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_numbers_and_texts_are_hidden_however_deep(veil: Redactor, facts: dict[str, Any]) -> None:
    """In objects, in lists, and where they are the name of something."""
    seen = repr(veiled_facts(facts, veil))

    assert NUMBER not in seen
    assert SECRET not in seen


def test_figures_and_what_is_masked_already_stay(veil: Redactor) -> None:
    """Else nothing could be told by them."""
    facts: dict[str, Any] = {"attempt": 3, "after_s": 1.5, "asked": True, "why": None, "text": "<15 characters>"}

    assert veiled_facts(facts, veil) == facts


def test_where_all_may_be_shown_all_is(tmp_path: Path) -> None:
    """A person has asked for it."""
    facts: dict[str, Any] = {"text": SECRET, "sender": NUMBER, "list": [{"body": SECRET}]}

    assert veiled_facts(facts, veil_over(tmp_path, show_numbers=True)) == facts
