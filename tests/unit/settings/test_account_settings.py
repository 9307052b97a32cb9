"""The settings of several accounts."""

from pathlib import Path

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.settings.accounts import load_account_settings

ONE, OTHER = "971505760056", "971505760057"


def file_of(text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have a file of accounts be named."""
    path = Path("accounts.toml").absolute()
    path.write_text(text)
    monkeypatch.setenv("LINDA_ACCOUNTS_FILE", str(path))
    return path


@pytest.mark.parametrize("text", [f"{ONE},{OTHER}", f"{ONE} {OTHER}", f'["{ONE}", "{OTHER}"]', f"+{ONE};{OTHER}"])
def test_a_list_is_easy_to_write(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """With commas, spaces or as JSON."""
    monkeypatch.setenv("LINDA_ACCOUNTS", text)

    assert load_account_settings({}).named == (ONE, OTHER)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{ONE},{ONE}", "must name each account once"),
        (f"{ONE},bob", "must be `default` or a phone number"),
        ("[1,", "must be a list like"),
    ],
)
def test_a_wrong_list_is_refused(monkeypatch: pytest.MonkeyPatch, text: str, told: str) -> None:
    """With one line that says what would be right."""
    monkeypatch.setenv("LINDA_ACCOUNTS", text)

    with pytest.raises(UsageError, match=told) as caught:
        load_account_settings({})
    assert str(caught.value).startswith("LINDA_ACCOUNTS")


def test_each_account_has_what_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file wins over the environment, group by group; what it does not say is everybody's."""
    monkeypatch.setenv("LINDA_OUTBOX__PACE", "1")
    monkeypatch.setenv("LINDA_OUTBOX__EXPIRE", "60")
    monkeypatch.setenv("LINDA_ACCOUNTS", "971505760058")
    file_of(f'[{ONE}]\nhandlers = "shop.py"\n[{OTHER}]\ncommand_prefix = "/"\noutbox.pace = 2\n', monkeypatch)

    accounts = load_account_settings({})

    assert accounts.named == ("971505760058", ONE, OTHER)
    assert [accounts.of(each).handlers for each in accounts.named] == [None, "shop.py", None]
    assert [accounts.of(each).command_prefix for each in accounts.named] == ["!", "!", "/"]
    assert [accounts.of(each).outbox.pace for each in accounts.named] == [1, 1, 2]
    assert {accounts.of(each).outbox.expire for each in accounts.named} == {60}
    assert [accounts.of(each).account for each in accounts.named] == list(accounts.named)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[shop]\n", r"\[shop\] is no account"),
        (f'[{ONE}]\nhandler = "x.py"\n', "LINDA_HANDLER"),
        (f"[{ONE}]\noutbox.pace = -1\n", "LINDA_OUTBOX__PACE=-1 is wrong"),
        (f'[{ONE}]\nhttp = "1"\n', "http is for all accounts; set LINDA_HTTP instead"),
        (f'[{ONE}]\n["+{ONE}"]\n', "is there twice"),
        (f"{ONE} = 1\n", "stands below a line"),
        ("[", "is no TOML"),
    ],
)
def test_a_wrong_file_is_refused(monkeypatch: pytest.MonkeyPatch, text: str, told: str) -> None:
    """At the start, with one line that names the file, and the account where there is one."""
    path = file_of(text, monkeypatch)

    with pytest.raises(UsageError, match=told) as caught:
        load_account_settings({})
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is told."""
    monkeypatch.setenv("LINDA_ACCOUNTS_FILE", "/nowhere/accounts.toml")

    with pytest.raises(UsageError, match=r"LINDA_ACCOUNTS_FILE=/nowhere/accounts.toml cannot be read: No such file"):
        load_account_settings({})


def test_the_store_is_no_secret_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong address is refused without being shown, and a right one is not in a repr."""
    monkeypatch.setenv("LINDA_STORE", "mysql://linda:s3cret@db/bots")
    with pytest.raises(UsageError, match="LINDA_STORE is wrong: must be like postgresql://") as caught:
        load_account_settings({})
    assert "s3cret" not in str(caught.value)

    monkeypatch.setenv("LINDA_STORE", "postgresql://linda:s3cret@db/bots")
    assert "s3cret" not in repr(load_account_settings({}).shared)
