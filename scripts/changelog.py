"""The changelog as text: what is in a section, and how the unreleased one becomes a release."""

import re

UNRELEASED = "Unreleased"
_HEADING = re.compile(r"^## \[([^\]]+)\](?: - (\S+))?$", re.MULTILINE)
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)((a|b|rc)\d+)?")


def entries(text: str, name: str) -> list[str]:
    """Return the first lines of a section's entries; raises LookupError when there is no such section."""
    headings = list(_HEADING.finditer(text))
    for at, heading in enumerate(headings):
        if heading.group(1) == name:
            end = headings[at + 1].start() if at + 1 < len(headings) else len(text)
            return [line for line in text[heading.end() : end].splitlines() if line.startswith("- ")]
    raise LookupError(f"the changelog has no section [{name}]")


def newest(text: str) -> tuple[str, str]:
    """Return the newest release and its date; raises LookupError when there is none."""
    for heading in _HEADING.finditer(text):
        if heading.group(1) != UNRELEASED:
            return heading.group(1), heading.group(2) or ""
    raise LookupError("the changelog has no release")


def cut(text: str, version: str, date: str) -> str:
    """Return the changelog with what is unreleased as a release, below an empty section for what comes next.

    Raises ValueError for a version that is none, is there already, or has nothing in it.
    """
    if not _VERSION.fullmatch(version):
        raise ValueError(f"{version!r} is no version: three numbers, such as 0.2.0, perhaps with rc1 behind them")
    if any(heading.group(1) == version for heading in _HEADING.finditer(text)):
        raise ValueError(f"the changelog has a section [{version}] already")
    if not entries(text, UNRELEASED):
        raise ValueError("nothing is unreleased")
    return text.replace(f"## [{UNRELEASED}]\n", f"## [{UNRELEASED}]\n\n## [{version}] - {date}\n", 1)
