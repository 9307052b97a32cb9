"""Which of a user's settings are in force in a rehearsal."""

from pathlib import Path

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.rehearsal.conditions import OVERRIDDEN, conditions
from linda_bot.settings import load_settings, setting_names


def test_without_settings_nothing_has_to_be_told() -> None:
    """The defaults, and nobody's data."""
    found = conditions({}, None)

    assert (found.own, dict(found.overridden)) == ((), {})
    assert (found.ping, found.keep, found.handlers) == ("!ping", 5, "")
    assert "LINDA_DATA_DIR" not in found.environment


def test_what_is_set_elsewhere_is_a_setting() -> None:
    """A name that was changed in the settings would leave somebody's alerts on."""
    assert set(OVERRIDDEN) <= set(setting_names())


def test_own_settings_stay_and_dangerous_ones_do_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From the environment in any case, and from .env; the bots' own view is asked."""
    (tmp_path / ".env").write_text("LINDA_ALERT__WEBHOOK=https://example.org/hook\nOTHER=1\nLINDA_BACKUP__KEEP=3\n")
    environ = {"linda_command_prefix": "/", "LINDA_HTTP": "127.0.0.1:8080", "LINDA_DATA_DIR": "/precious", "HOME": "/x"}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = conditions(environ, None)
    for name in environ:
        monkeypatch.delenv(name)
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    seen = load_settings()

    assert found.own == ("LINDA_BACKUP__KEEP", "LINDA_COMMAND_PREFIX")
    assert set(found.overridden) == {"LINDA_ALERT__WEBHOOK", "LINDA_DATA_DIR", "LINDA_HTTP"}
    assert all(found.overridden.values())
    assert (found.ping, found.keep) == ("/ping", 3)
    assert (seen.alert.webhook, seen.http, seen.command_prefix, seen.backup.keep) == (None, None, "/", 3)
    assert seen.data_dir == Path()
    assert not any(name == "HOME" for name in found.environment)


def test_a_wrong_setting_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the bot would refuse it."""
    monkeypatch.setenv("LINDA_BACKUP__KEEP", "many")
    with pytest.raises(UsageError, match="LINDA_BACKUP__KEEP=many"):
        conditions({"LINDA_BACKUP__KEEP": "many"}, None)


def test_handlers_of_the_command_line_win() -> None:
    """They are the user's own as well."""
    found = conditions({"LINDA_HANDLERS": "old.py"}, "new.py")

    assert found.handlers == "new.py"
    assert found.environment["LINDA_HANDLERS"] == "new.py"
    assert found.own == ("LINDA_HANDLERS",)
