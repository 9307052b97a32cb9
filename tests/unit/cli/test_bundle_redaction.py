"""What may leave the machine: by the name of a value, and by what is in it."""

from pathlib import Path

import pytest

from linda_bot.cli.bundle_redaction import BundleRedactor
from linda_bot.sessions.paths import SessionPaths

NUMBER, SECRET = "4915112345678", "open sesame"


@pytest.fixture
def redactor(tmp_path: Path) -> BundleRedactor:
    """One that knows a secret."""
    return BundleRedactor(SessionPaths(tmp_path, "default"), [SECRET, ""])


@pytest.mark.parametrize(
    "name",
    ["code", "key", "password", "qr", "secret", "token", "Authorization", "Cookie", "pairing_code", "QR_CODE"],
)
def test_a_value_with_the_name_of_a_secret_is_one(redactor: BundleRedactor, name: str) -> None:
    """However deep it stands; whether there was one may be told."""
    found = redactor.value("settings", {"door": [{name: "ABCD-EFGH"}, {name: ""}], "port": 8080})

    assert found == {"door": [{name: "<secret>"}, {name: ""}], "port": 8080}


@pytest.mark.parametrize("name", ["text", "push_name", "caption", "Subject"])
def test_of_what_strangers_wrote_only_the_length_is_told(redactor: BundleRedactor, name: str) -> None:
    """It may be anything."""
    assert redactor.value(name, "meet me at noon") == "<15 characters>"
    assert redactor.value(name, "") == ""


def test_a_known_secret_is_nowhere(redactor: BundleRedactor) -> None:
    """In the middle of a line, as a name, within a list."""
    found = repr(
        [redactor.line(f"it is {SECRET}!"), redactor.value("x", {SECRET: [SECRET, (SECRET,)]}), redactor.plain(SECRET)]
    )

    assert SECRET not in found
    assert found.count("<secret>") == 5


def test_a_number_is_nowhere(redactor: BundleRedactor) -> None:
    """Written as a text or as a figure, whatever its name is; a count is no number, however large."""
    found = redactor.value("x", {"from": f"+{NUMBER}", "account": int(NUMBER), NUMBER: 1, "bytes": 10**12})

    assert NUMBER not in repr(found)
    assert isinstance(found, dict)
    assert found["bytes"] == 10**12


def test_whose_home_it_is_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a person's name in it."""
    monkeypatch.setenv("HOME", "/home/ann-example")

    redactor = BundleRedactor(SessionPaths(tmp_path, "default"))

    assert redactor.line("see /home/ann-example/bot/my_bot.py") == "see ~/bot/my_bot.py"
    assert redactor.plain(7) == 7
