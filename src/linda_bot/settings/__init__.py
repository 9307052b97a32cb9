"""The settings: environment, `.env` and command line, read once, frozen, handed out by the slice.

Durations are seconds.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from linda_bot.kernel.alerts import NOTICE_VARIABLES
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.masking import printable
from linda_bot.settings.values import (
    OR_NONE,
    AccessToken,
    Account,
    Accounts,
    Backlog,
    CommandPrefix,
    DatabaseAddress,
    HomePath,
    HostName,
    ListenAddress,
    PhoneNumber,
    PublicAddress,
    QuietHours,
    Seconds,
    SomeSeconds,
    WebAddress,
)

_PREFIX = "LINDA_"
_NESTING = "__"
_ENV_FILE = ".env"
_SHOWN_VALUE = 60
_SECRETS = ("_APPRISE", "_KEY", "_SECRET", "_STORE", "_TOKEN", "_WEBHOOK")


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RestoreSettings(_Group):
    """Bringing an existing session back."""

    attempts: int = Field(default=3, ge=1, le=20)
    delay: Seconds = 5
    auth_timeout: SomeSeconds = 30


class ReconnectSettings(_Group):
    """Getting a lost link back."""

    grace: Seconds = 10
    delays: tuple[Seconds, ...] = Field(default=(3, 10, 30, 60, 120), min_length=1)
    max_attempts: int = Field(default=10, ge=1, le=1000)
    cool_down: SomeSeconds = 900
    logins_at_once: int = Field(default=15, ge=1, le=100)
    login_spacing: Seconds = 20


class KeepAliveSettings(_Group):
    """Finding a silent link."""

    every: SomeSeconds = 300
    timeout: SomeSeconds = 20


class LinkSettings(_Group):
    """Linking to a phone."""

    qr_rounds: int = Field(default=10, ge=1, le=1000)
    qr_file: Annotated[HomePath | None, OR_NONE] = None
    pair_phone: Annotated[PhoneNumber | None, OR_NONE] = None


class RefreshSettings(_Group):
    """Renewing a link before it goes stale."""

    every: SomeSeconds = 86400


class AlertSettings(_Group):
    """Telling a person that something is wrong."""

    after: SomeSeconds = 180
    clear_after: Seconds = 60
    remind: tuple[SomeSeconds, ...] = (3600, 21600, 86400)
    quiet: Annotated[QuietHours | None, OR_NONE] = None
    command: Annotated[str | None, OR_NONE] = None
    webhook: Annotated[WebAddress | None, OR_NONE] = None
    webhook_secret: Annotated[SecretStr | None, OR_NONE] = None
    apprise: tuple[SecretStr, ...] = ()


class HealthSettings(_Group):
    """Looking at how the bot is."""

    every: SomeSeconds = 300
    memory_mb: float = Field(default=1024, gt=0, le=1_000_000, allow_inf_nan=False)


class ReplacedSettings(_Group):
    """When another client uses the same device."""

    wait: Seconds = 30


class BackupSettings(_Group):
    """Verified copies of the session."""

    keep: int = Field(default=5, ge=1, le=1000)
    after_stable: Seconds = 60
    every: SomeSeconds = 21600
    key_file: Annotated[HomePath | None, OR_NONE] = None
    key: Annotated[SecretStr | None, OR_NONE] = None


class InboxSettings(_Group):
    """What is done with messages that arrive."""

    backlog: Backlog = "handle"
    most_waiting: int = Field(default=100_000, ge=100, le=10_000_000)
    keep: SomeSeconds = 604800


class HandlerSettings(_Group):
    """How handlers are run."""

    timeout: SomeSeconds = 120
    tries: int = Field(default=3, ge=1, le=20)
    chats_at_once: int = Field(default=64, ge=1, le=10_000)


class OutboxSettings(_Group):
    """How messages are sent."""

    pace: Seconds = 0
    ramp_after: Seconds = 600
    ramp_for: Seconds = 60
    expire: Seconds = 86400
    repeat_unknown: bool = False
    receipts: bool = False


class StartSettings(_Group):
    """Beginning with several accounts."""

    at_once: int = Field(default=2, ge=1, le=1000)


class FleetSettings(_Group):
    """Sharing the accounts of a database with other hosts."""

    host: Annotated[HostName | None, OR_NONE] = None
    capacity: int = Field(default=100, ge=1, le=10_000)
    weight: float = Field(default=1, gt=0, le=1000, allow_inf_nan=False)
    lease: float = Field(default=15, ge=3, le=600, allow_inf_nan=False)
    settled: Seconds = 60


class LogSettings(_Group):
    """The event log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"
    mask: bool = True
    file_bytes: int = Field(default=5_000_000, ge=10_000, le=10_000_000_000)
    files: int = Field(default=6, ge=2, le=1000)


class Settings(BaseSettings):
    """All of them; `.env.example` says what each means."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter=_NESTING, env_file=_ENV_FILE, frozen=True, extra="ignore"
    )

    account: Account = "default"
    accounts: Accounts = ()
    accounts_file: Annotated[HomePath | None, OR_NONE] = None
    store: Annotated[DatabaseAddress | None, OR_NONE] = None
    data_dir: HomePath = Path()
    http: Annotated[ListenAddress | None, OR_NONE] = None
    http_token: Annotated[AccessToken | None, OR_NONE] = None
    http_url: Annotated[PublicAddress | None, OR_NONE] = None
    device_name: str = Field(default="Linda Bot", min_length=1, max_length=50)
    handlers: str | None = None
    owners: tuple[PhoneNumber, ...] = ()
    command_prefix: CommandPrefix = "!"
    restore: RestoreSettings = RestoreSettings()
    reconnect: ReconnectSettings = ReconnectSettings()
    keep_alive: KeepAliveSettings = KeepAliveSettings()
    link: LinkSettings = LinkSettings()
    replaced: ReplacedSettings = ReplacedSettings()
    refresh: RefreshSettings = RefreshSettings()
    alert: AlertSettings = AlertSettings()
    health: HealthSettings = HealthSettings()
    backup: BackupSettings = BackupSettings()
    inbox: InboxSettings = InboxSettings()
    handler: HandlerSettings = HandlerSettings()
    outbox: OutboxSettings = OutboxSettings()
    log: LogSettings = LogSettings()
    start: StartSettings = StartSettings()
    fleet: FleetSettings = FleetSettings()


def load_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """Read the settings; overrides come from the command line and win.

    Raises UsageError, one line that names the first wrong setting and what would be right.
    """
    settings = _read(overrides or {})
    _check_http(settings)
    if not settings.data_dir.is_absolute():
        try:
            Path.cwd()
        except OSError:
            message = "the working directory is gone; change to another one, or choose a place with --data-dir"
            raise UsageError(message) from None
    return settings


def _read(overrides: Mapping[str, object]) -> Settings:
    _refuse_unknown_names(os.environ)
    try:
        if Path(_ENV_FILE).is_file():  # keys of other programs may stand there too; only ours must be known
            _refuse_unknown_names(dotenv_values(_ENV_FILE))
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise UsageError(_explain(error)) from None
    except SettingsError as error:
        raise UsageError(_explain_unparsable(error)) from None
    except UnicodeDecodeError:
        message = f"{_ENV_FILE} is not a text file in UTF-8"
        raise UsageError(message) from None
    except OSError as error:
        message = f"{_ENV_FILE} cannot be read: {error.strerror}; make it readable or start in another directory"
        raise UsageError(message) from None


def _check_http(settings: Settings) -> None:
    """Refuse a web page that strangers could read."""
    if settings.http_token is not None:
        return
    advice = "set LINDA_HTTP_TOKEN, for example to what `openssl rand -hex 32` prints"
    if settings.http is not None and not settings.http.is_loopback:
        message = f"LINDA_HTTP={settings.http} (--http) can be reached from other machines: {advice}"
        raise UsageError(message)
    if settings.http_url is not None:
        message = f"LINDA_HTTP_URL says that others reach the web page: {advice}"
        raise UsageError(message)


def setting_names() -> list[str]:
    """Return every setting's name as a user spells it."""
    names = []
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, _Group):
            names += [f"{_PREFIX}{name}{_NESTING}{inner}".upper() for inner in group.model_fields]
        else:
            names.append(f"{_PREFIX}{name}".upper())
    return names


def _refuse_unknown_names(names: Iterable[str]) -> None:
    """Refuse a LINDA_ variable that is no setting: pydantic-settings looks only for those it knows."""
    known = setting_names()
    groups = {name.partition(_NESTING)[0] for name in known if _NESTING in name}
    for name in sorted(names):
        spelt = name.upper()
        if not spelt.startswith(_PREFIX) or spelt in known or spelt in groups:
            continue
        if spelt in NOTICE_VARIABLES or spelt.startswith("LINDA_SANDBOX_"):  # what we tell others, who may ask back
            continue
        raise UsageError(_unknown(name))


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name.upper(), setting_names(), n=1)
    hint = f"did you mean {near[0]}?" if near else "see .env.example for the settings there are"
    return f"{printable(name, _SHOWN_VALUE)} is not a setting; {hint}"


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = [str(part) for part in first["loc"]]
    name = _spelt(place)
    if first["type"] == "extra_forbidden":
        return _unknown(name)
    # An address or a key may be a secret, also one that is mistyped.
    shown = "" if name.endswith(_SECRETS) else f"={printable(str(first['input']), _SHOWN_VALUE)}"
    return f"{name}{shown} is wrong: {_right(first['msg'])}"


def _explain_unparsable(error: SettingsError) -> str:
    found = re.search(r'field "(\w+)"', str(error))
    name = f"{_PREFIX}{found[1]}".upper() if found else _PREFIX
    return f"a {name}{_NESTING}... setting cannot be read; a list is written like [3,10,30], anything else as it is"


def _spelt(place: list[str]) -> str:
    """Return a setting's name as the user spells it, without the positions inside a list."""
    words = [part for part in place if not part.isdecimal()]
    if words and words[0].upper().startswith(_PREFIX):  # a key of .env that is no field keeps its own name
        return words[0].upper()
    return f"{_PREFIX}{_NESTING.join(words)}".upper()


def _right(message: str) -> str:
    message = message.removeprefix("Value error, ").replace("Input should be", "must be").replace("Input", "it")
    return message[:1].lower() + message[1:]
