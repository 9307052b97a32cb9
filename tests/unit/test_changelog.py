"""How a release is cut."""

import pytest

from scripts.changelog import UNRELEASED, cut, entries, newest

TEXT = """# Changelog

Words.

## [Unreleased]

### Added

- One thing,
  in two lines.
- Another.

## [0.1.0] - 2026-01-02

### Fixed

- An old one.
"""


def test_what_is_unreleased_becomes_a_release() -> None:
    """Below an empty section; what was released before stays as it is."""
    text = cut(TEXT, "0.2.0", "2026-03-04")

    assert entries(text, UNRELEASED) == []
    assert entries(text, "0.2.0") == ["- One thing,", "- Another."]
    assert newest(text) == ("0.2.0", "2026-03-04")
    assert text.replace("## [0.2.0] - 2026-03-04\n\n", "") == TEXT
    assert entries(text, "0.1.0") == ["- An old one."]


@pytest.mark.parametrize(
    ("text", "version", "told"),
    [
        (TEXT, "0.1.0", "already"),
        (TEXT, "1.0", "is no version"),
        (TEXT, "v0.2.0", "is no version"),
        (cut(TEXT, "0.2.0", "2026-03-04"), "0.3.0", "nothing is unreleased"),
    ],
)
def test_what_cannot_be_cut_is_said(text: str, version: str, told: str) -> None:
    """Twice the same, no version at all, or nothing in it."""
    with pytest.raises(ValueError, match=told):
        cut(text, version, "2026-05-06")


def test_a_changelog_without_a_release_says_so() -> None:
    """As before the first one."""
    with pytest.raises(LookupError, match="no release"):
        newest("## [Unreleased]\n")
    with pytest.raises(LookupError, match="no section"):
        entries("## [Unreleased]\n", "0.1.0")
