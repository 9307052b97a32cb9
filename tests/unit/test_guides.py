"""What the trial from nothing finds in the documents."""

import pytest

from scripts.guides import Command, blocks, commands, commands_in, inline


def test_commands_are_read_with_what_is_shown_below_them() -> None:
    """But for gaps and the picture of a code."""
    text = "$ linda-bot run\nlinda-bot 0.1.0\n...\n  [the code]\n\nKilled\n\n$ linda-bot status; echo $?\n3\n"

    assert list(commands_in(text)) == [
        Command("linda-bot run", ("linda-bot 0.1.0", "Killed")),
        Command("linda-bot status; echo $?", ("3",)),
    ]


def test_the_documents_can_be_followed() -> None:
    """What the trial builds on is there: a clone first, one handler in the README, a bot and its test in the guide."""
    assert next(commands("docs/getting-started.md")).line == "git clone <this repository> linda-bot"
    assert [language for language, _ in blocks("README.md")].count("python") == 1
    assert [language for language, _ in blocks("docs/first-bot.md")].count("python") == 2
    assert inline("README.md", "linda-bot run --handlers") == "linda-bot run --handlers my_bot.py"


def test_a_command_that_went_away_is_missed() -> None:
    """Nothing is left out without a word."""
    with pytest.raises(LookupError, match="no-such-command"):
        inline("README.md", "no-such-command")
