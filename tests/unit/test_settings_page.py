"""docs/settings.md tells of every setting, as it is."""

from pathlib import Path

import pytest

from linda_bot.settings import load_settings, setting_names
from scripts.settings_page import PAGE, Setting, page, tables, words_of

ROWS = [setting for settings in tables().values() for setting in settings]


def test_the_page_is_that_of_this_program() -> None:
    """Made from the settings and .env.example: `make docs`."""
    assert PAGE.read_text() == page()


def test_every_setting_has_one_row() -> None:
    """All that the program knows, and nothing else."""
    assert sorted(row.name for row in ROWS) == sorted(setting_names())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_says_what_a_setting_means_and_may_be(row: Setting) -> None:
    """No cell is empty that has something to say, and none repeats its neighbour's comma."""
    assert row.meaning[:1].isupper()
    assert not row.meaning.endswith((",", ".", "Default: none"))
    assert row.allowed.strip("; ")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_example_is_a_value_that_is_accepted_and_changes_something(
    row: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each example is taken as it stands, and is another value than the default."""
    monkeypatch.setenv("LINDA_HTTP_TOKEN", "t" * 32)  # an address for the page asks for it
    defaults = load_settings()

    Path(".env").write_text(f"{row.name}='{row.example}'\n")
    if row.name == "LINDA_HTTP_TOKEN":
        monkeypatch.delenv("LINDA_HTTP_TOKEN")

    assert load_settings() != defaults


def test_durations_are_seconds_and_counts_have_no_unit() -> None:
    """Also in a list, and where words are allowed beside a number."""
    units = {row.name: row.unit for row in ROWS}

    assert units["LINDA_RESTORE__DELAY"] == "seconds"
    assert units["LINDA_RECONNECT__DELAYS"] == "seconds"
    assert units["LINDA_INBOX__BACKLOG"] == "seconds"
    assert units["LINDA_HEALTH__MEMORY_MB"] == "MB"
    assert units["LINDA_LOG__FILE_BYTES"] == "bytes"
    assert units["LINDA_RESTORE__ATTEMPTS"] == ""
    assert units["LINDA_DEVICE_NAME"] == ""


def test_what_may_be_comes_from_the_settings_bounds_and_words() -> None:
    """Bounds, choices, lists, and the words that a user reads who gets it wrong."""
    allowed = {row.name: row.allowed for row in ROWS}

    assert allowed["LINDA_RESTORE__ATTEMPTS"] == "a whole number, 1 to 20"
    assert allowed["LINDA_KEEP_ALIVE__EVERY"] == "a number, more than 0, up to 2,678,400"
    assert allowed["LINDA_RECONNECT__DELAYS"] == "a list, not empty; each a number, 0 to 2,678,400"
    assert allowed["LINDA_LOG__FORMAT"] == "auto, console or json"
    assert allowed["LINDA_ALERT__QUIET"] == "two times of the day, for example 22:00-07:00; or empty"
    assert allowed["LINDA_BACKUP__KEY"] == "a text; it is shown nowhere; or empty"


def test_a_comment_belongs_to_the_setting_right_below_it() -> None:
    """What joins it to its neighbours is left out; a paragraph of its own is nobody's."""
    words = words_of(
        "# All of them.\n\n# A handler: how long,\n# in all, it may take,\n#LINDA_A=1\n"
        "# and how often. Default: none.\n#LINDA_B=\n"
    )

    assert words["LINDA_A"].meaning == "A handler: how long, in all, it may take"
    assert words["LINDA_A"].default == "1"
    assert words["LINDA_B"] == ("How often", "")
