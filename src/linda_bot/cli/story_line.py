"""A line for a person, and the words that it is made of; pure."""

from typing import NamedTuple

BOLD, DIM, GREEN, YELLOW, RED, RESET = (f"\x1b[{code}m" for code in (1, 2, 32, 33, 31, 0))


class Line(NamedTuple):
    """A line for a person."""

    text: str
    style: str = ""


def span(seconds: float) -> str:
    """Say how long something takes, in its largest unit."""
    seconds = max(seconds, 0)
    for size, unit, smaller in ((86400, "day", 3600), (3600, "hour", 60), (60, "minute", 1)):
        if seconds >= size - smaller / 2:  # else 59.8 minutes would be 60
            count = max(round(seconds / size), 1)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds:.0f} s"


def sentence(text: str) -> str:
    """Make a reason a sentence."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
