"""What of a line that was logged may be seen: the log may have been told to hold more than that."""

import re
from collections.abc import Mapping
from pathlib import Path

from linda_bot.eventlog.pseudonyms import key_of
from linda_bot.eventlog.readable import TRACES
from linda_bot.eventlog.redaction import Redactor

_TEXTS = frozenset({"text", "sender_name", "caption", "quoted_text", "body"})
"""Facts that a stranger wrote, or that say who did."""

_MASKED_TEXT = re.compile(r"<\d+ characters>")


def veil_over(logs: Path, *, show_numbers: bool) -> Redactor | None:
    """Return what hides what is private in the lines of a log, as the log itself does; None where all may be shown."""
    return None if show_numbers else Redactor(key_of(logs))


def veiled(name: str, value: object, veil: Redactor | None) -> object:
    """Return a fact without numbers and without what a stranger wrote."""
    if veil is None:
        return value
    if isinstance(value, str):
        if name in _TEXTS:
            return value if _MASKED_TEXT.fullmatch(value) else veil.text(value)
        return veil.field(value)
    if isinstance(value, dict):
        return {veil.field(str(key)): veiled(str(key), each, veil) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [veiled(name, each, veil) for each in value]
    return value


def veiled_facts(facts: Mapping[str, object], veil: Redactor | None) -> dict[str, object]:
    """Return the facts of a line, each as it may be seen."""
    shown = {name: veiled(name, value, veil) for name, value in facts.items() if name not in TRACES}
    for name in TRACES & facts.keys():  # line by line: each is cut by itself
        shown[name] = "\n".join(str(veiled(name, row, veil)) for row in str(facts[name]).splitlines())
    return shown
