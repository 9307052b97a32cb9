"""`.env.example` and the settings say the same."""

import re
from pathlib import Path

from linda_bot.settings import load_settings, setting_names

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_every_setting_is_in_the_example() -> None:
    """The example lists each setting once, and nothing else."""
    listed = re.findall(r"^#(LINDA_\w+)=", EXAMPLE.read_text(), re.MULTILINE)

    assert sorted(listed) == sorted(setting_names())


def test_the_example_shows_the_defaults() -> None:
    """With every line of the example taken as it stands, the settings are what they are without it."""
    defaults = load_settings()
    every_line = re.sub(r"^#(?=LINDA_)", "", EXAMPLE.read_text(), flags=re.MULTILINE)

    Path(".env").write_text(every_line)
    settings = load_settings()
    Path(".env").write_text(every_line.replace("LINDA_RESTORE__ATTEMPTS=3", "LINDA_RESTORE__ATTEMPTS=4"))
    changed = load_settings()

    assert settings.model_copy(update={"handlers": settings.handlers or None}) == defaults
    assert changed.restore.attempts == 4
