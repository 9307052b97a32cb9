"""Wrong settings are told in one line that says what to do, and no secret."""

from pathlib import Path

import pytest

from linda_bot.health.alerting.memory import Memory
from linda_bot.health.alerting.setup import prepare_alerting
from linda_bot.kernel.errors import UsageError
from linda_bot.settings import AlertSettings


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"command": "no-such-program-here --secret"}, "LINDA_ALERT__COMMAND"),
        ({"webhook": "https://user:secret@host:port/"}, "LINDA_ALERT__WEBHOOK"),
        ({"webhook": "https://example.org", "webhook_secret": "whsec_secret!"}, "LINDA_ALERT__WEBHOOK_SECRET"),
        ({"quiet": "07:00-07:00"}, "LINDA_ALERT__QUIET"),
    ],
)
def test_a_wrong_setting(tmp_path: Path, settings: dict[str, str], name: str) -> None:
    """By its name."""
    with pytest.raises(UsageError, match=name) as caught:
        prepare_alerting(AlertSettings.model_validate(settings), tmp_path / "none")

    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_right_makes_sinks_in_order(tmp_path: Path) -> None:
    """Each with its name."""
    settings = AlertSettings.model_validate(
        {"command": "true", "webhook": "https://example.org", "webhook_secret": "x", "quiet": "22:00-07:00"}
    )
    found = prepare_alerting(settings, tmp_path / "none")

    assert [make().name for make in found.sinks] == ["command", "webhook"]
    assert found.quiet is not None
    assert found.memory == Memory()
    assert found.open_incident("link") is None
