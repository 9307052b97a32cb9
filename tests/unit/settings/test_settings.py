"""Settings: read once, frozen, and clear about what is wrong."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from linda_bot.kernel.alerts import NOTICE_VARIABLES
from linda_bot.kernel.errors import UsageError
from linda_bot.settings import load_settings, setting_names


def test_the_order_of_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flag, environment, .env, default."""
    assert load_settings().command_prefix == "!"
    Path(".env").write_text("LINDA_COMMAND_PREFIX=#\n")
    assert load_settings().command_prefix == "#"
    monkeypatch.setenv("LINDA_COMMAND_PREFIX", "?")
    assert load_settings().command_prefix == "?"
    assert load_settings({"command_prefix": "/", "account": None}).command_prefix == "/"


@pytest.mark.parametrize(
    "spelling",
    [
        "971505760056",
        "+971 50 576-0056",
        "+971(50)5760056",
        "+971.50.576.0056",
        "\u202a+971\xa050\u2011576\u20110056\u202c",  # as copied from the contacts of a phone
    ],
)
def test_an_account_is_a_number(monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    """However people write it."""
    monkeypatch.setenv("LINDA_ACCOUNT", spelling)

    assert load_settings().account == "971505760056"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LINDA_ALERT__WEBHOOK", "user:secret@host", "LINDA_ALERT__WEBHOOK is wrong: must be an address"),
        ("LINDA_ACCOUNT", "../../etc", "LINDA_ACCOUNT=../../etc is wrong: must be `default` or a phone number"),
        ("LINDA_ACCOUNT", "0501234567", "international format"),
        ("LINDA_ACCOUNT", "9\u0667\u0661505760056", "international format"),
        ("LINDA_DATA_DIR", "~nobody-of-this-name/x", "no such home directory"),
        ("LINDA_RESTORE__ATTEMPTS", "0", "greater than or equal to 1"),
        ("LINDA_RECONNECT__GRACE", "-1", "greater than or equal to 0"),
        ("LINDA_RECONNECT__GRACE", "inf", "finite"),
        ("LINDA_RECONNECT__DELAYS", "[]", "LINDA_RECONNECT__DELAYS="),
        ("LINDA_RECONNECT__DELAYS", "[3,-1]", "LINDA_RECONNECT__DELAYS=-1"),
        ("LINDA_RECONNECT__DELAYS", "nonsense", "a list is written like [3,10,30]"),
        ("LINDA_LOG__LEVEL", "loud", "must be 'debug', 'info', 'warning' or 'error'"),
        ("LINDA_LOG__LEVLE", "info", "did you mean LINDA_LOG__LEVEL?"),
        ("linda_acount", "1", "linda_acount is not a setting; did you mean LINDA_ACCOUNT?"),
        ("LINDA_COMMAND_PREFIX", "a b", "without spaces"),
        ("LINDA_DEVICE_NAME", "\x1b[31m" * 20, "\\x1b[31m"),
        ("LINDA_HTTP", "here", "LINDA_HTTP=here is wrong: must be an address and a port, for example 127.0.0.1:8080"),
        ("LINDA_HTTP", "127.0.0.1:70000", "must be an address and a port"),
        ("LINDA_HTTP", "0.0.0.0:8080", "can be reached from other machines: set LINDA_HTTP_TOKEN"),
        ("LINDA_HTTP", "[::]:8080", "can be reached from other machines"),
        ("LINDA_HTTP", "bot.example.org:8080", "can be reached from other machines"),
        ("LINDA_HTTP_TOKEN", "only-15-letters", "LINDA_HTTP_TOKEN is wrong: must be 16 or more characters"),
        ("LINDA_HTTP_TOKEN", "sixteen letters with spaces", "without spaces"),
        ("LINDA_HTTP_URL", "https://bots.example.org/linda", "others reach the web page: set LINDA_HTTP_TOKEN"),
        ("LINDA_HTTP_URL", "javascript:alert(1)", "must be the address that people type"),
    ],
)
def test_a_wrong_setting_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    """The name as the user spelt it, and what would be right."""
    monkeypatch.setenv(name, value)

    with pytest.raises(UsageError) as caught:
        load_settings()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "address", "loopback"),
    [
        ("8080", ("127.0.0.1", 8080), True),
        ("127.0.0.1:8080", ("127.0.0.1", 8080), True),
        ("localhost:0", ("localhost", 0), True),
        ("[::1]:80", ("::1", 80), True),
        ("0.0.0.0:80", ("0.0.0.0", 80), False),
        ("[fe80::1]:80", ("fe80::1", 80), False),
    ],
)
def test_where_the_web_page_is(
    monkeypatch: pytest.MonkeyPatch, written: str, address: tuple[str, int], *, loopback: bool
) -> None:
    """A port alone is this machine's own; for other addresses there is a token."""
    monkeypatch.setenv("LINDA_HTTP", written)
    monkeypatch.setenv("LINDA_HTTP_TOKEN", "x" * 16)
    monkeypatch.setenv("LINDA_HTTP_URL", "HTTPS://Bots.example.org/Linda/")

    settings = load_settings()
    assert settings.http == address
    assert settings.http.is_loopback is loopback
    assert settings.http_url == "https://bots.example.org/Linda"


def test_a_mistyped_token_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be nearly right, and errors go into logs."""
    monkeypatch.setenv("LINDA_HTTP_TOKEN", "nearly-secret")

    with pytest.raises(UsageError) as caught:
        load_settings()
    assert "nearly" not in str(caught.value)


def test_a_file_that_is_no_text() -> None:
    """Said so, not thrown."""
    Path(".env").write_bytes(b"LINDA_ACCOUNT=\xff\xfe\x00")

    with pytest.raises(UsageError):
        load_settings()


def test_a_file_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's .env, for example."""
    Path(".env").write_text("LINDA_ACCOUNT=default\n")

    def denied(_path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("linda_bot.settings.dotenv_values", denied)
    with pytest.raises(UsageError, match=r"\.env cannot be read: Permission denied"):
        load_settings()


def test_a_tilde_means_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """In .env no shell replaces it, and a directory named ~ is not what anybody wants."""
    monkeypatch.setenv("HOME", "/home/somebody")
    Path(".env").write_text("LINDA_DATA_DIR=~/bot\n")

    assert load_settings().data_dir == Path("/home/somebody/bot")


def test_settings_are_frozen() -> None:
    """Nobody changes them for somebody else."""
    settings = load_settings()

    with pytest.raises(ValidationError):
        settings.account = "1"
    with pytest.raises(ValidationError):
        settings.restore.attempts = 9


def test_every_name_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of names is what is really read."""
    for name in setting_names():
        with monkeypatch.context() as context:
            context.setenv(name, "nonsense [" if "NAME" not in name else "x" * 99)
            if name in (
                "LINDA_ACCOUNTS_FILE",
                "LINDA_DATA_DIR",
                "LINDA_HANDLERS",
                "LINDA_BACKUP__KEY_FILE",
                "LINDA_BACKUP__KEY",
                "LINDA_LINK__QR_FILE",
                "LINDA_ALERT__COMMAND",
                "LINDA_ALERT__WEBHOOK_SECRET",
            ):
                continue
            with pytest.raises(UsageError):
                load_settings()


def test_what_an_alert_command_is_told_is_no_misspelt_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may well call `linda-bot` to find out more."""
    for name in NOTICE_VARIABLES:
        monkeypatch.setenv(name, "something")

    assert load_settings().account == "default"
