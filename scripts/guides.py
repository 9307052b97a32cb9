"""What the documents tell their readers to type, and show below it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Command(NamedTuple):
    """A line to be typed, and what the document shows below it."""

    line: str
    shown: tuple[str, ...] = ()


def blocks(document: str) -> list[tuple[str, str]]:
    """Return a document's fenced blocks: their language and text."""
    return _FENCE.findall((ROOT / document).read_text())


def commands(document: str) -> Iterator[Command]:
    """Yield what a document types, in its order."""
    for language, text in blocks(document):
        if language == "console":
            yield from commands_in(text)


def inline(document: str, beginning: str) -> str:
    """Return the command within a document's text that begins like this; raises LookupError."""
    for found in re.findall(r"`([^`\n]+)`", (ROOT / document).read_text()):
        if found.startswith(beginning):
            return str(found)
    raise LookupError(f"{document} has no `{beginning}`")


def commands_in(text: str) -> Iterator[Command]:
    """Yield what a console block types: its lines that begin with `$ `."""
    line = ""
    shown: list[str] = []
    for each in text.splitlines():
        if each.startswith("$ "):
            if line:
                yield Command(line, tuple(shown))
            line, shown = each.removeprefix("$ "), []
        elif each.strip() not in {"", "...", "[the code]"}:
            shown.append(each)
    if line:
        yield Command(line, tuple(shown))
