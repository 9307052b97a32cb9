"""What a setting's value may be, and what is said of one that it may not be."""

import json
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from linda_bot.database.connecting import Database
from linda_bot.kernel.errors import UsageError

_LAST_PORT = 65535
_SHORTEST_TOKEN = 16


def phone_number(value: str) -> str:
    """Return a phone number in international format, digits only; raises UsageError, which says what is right."""
    try:
        return _digits_of(value)
    except ValueError:
        raise UsageError("type the number in international format, for example 971505760056") from None


def _account(value: str) -> str:
    if value == "default":
        return value
    try:
        return _digits_of(value)
    except ValueError as error:
        message = str(error).replace("must be", "must be `default` or", 1)
        raise ValueError(message) from None


def _digits_of(value: str) -> str:
    # A number copied from a phone's contacts comes with hyphens of its own and invisible direction marks.
    digits = re.sub(r"[\s()+.\-\u2010-\u2015\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", value)
    if not re.fullmatch(r"[1-9][0-9]{6,14}", digits):
        message = "must be a phone number in international format, for example 971505760056"
        raise ValueError(message)
    return digits


def _command_prefix(value: str) -> str:
    if not value or any(letter.isspace() for letter in value):
        message = "must be one or more characters without spaces, for example !"
        raise ValueError(message)
    return value


def _path(value: Path) -> Path:
    try:
        return value.expanduser()  # in .env no shell does it
    except RuntimeError:
        message = "must be a path; there is no such home directory"
        raise ValueError(message) from None


def _backlog(value: object) -> object:
    if value in ("handle", "skip"):
        return value
    try:
        return float(str(value))
    except ValueError:
        message = "must be handle, skip, or how many seconds old a message may be, for example 3600"
        raise ValueError(message) from None


def _quiet_hours(value: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]", value):
        message = "must be two times of the day, for example 22:00-07:00"
        raise ValueError(message)
    return value


def _web_address(value: str) -> str:
    if not re.match(r"https?://[^/\s]+", value):
        message = "must be an address that begins with https:// or http://"
        raise ValueError(message)
    return value


class HttpAddress(NamedTuple):
    """Where the web page listens."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False  # a name: where it leads may change

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _http_address(value: object) -> object:
    """Take HOST:PORT, or a port alone, which is this machine's own."""
    found = re.fullmatch(r"(?:(?P<host>\[[0-9a-fA-F:.]+\]|[0-9A-Za-z.-]+):)?(?P<port>\d{1,5})", str(value).strip())
    if found is None or int(found["port"]) > _LAST_PORT:
        message = "must be an address and a port, for example 127.0.0.1:8080"
        raise ValueError(message)
    return HttpAddress((found["host"] or "127.0.0.1").strip("[]"), int(found["port"]))


def _access_token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(rf"[!-~]{{{_SHORTEST_TOKEN},}}", value.get_secret_value()):
        message = f"must be {_SHORTEST_TOKEN} or more characters without spaces; openssl rand -hex 32 makes good ones"
        raise ValueError(message)
    return value


def _public_address(value: str) -> str:
    found = re.fullmatch(r"((?i:https?)://[0-9A-Za-z.-]+(?::\d{1,5})?)((?:/[0-9A-Za-z._~-]+)*)/?", value)
    if found is None:
        message = "must be the address that people type, for example https://bots.example.org/linda"
        raise ValueError(message)
    return found[1].lower() + found[2]


def _several(value: object) -> object:
    """Take a list as it is easy to write: items with commas or spaces between them."""
    if isinstance(value, int):
        return (str(value),)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            found = json.loads(text)
        except ValueError:
            message = "must be a list like 971505760056,971505760057"
            raise ValueError(message) from None
        return [str(each) for each in found] if isinstance(found, list) else found
    return tuple(part for part in re.split(r"[,;\s]+", text) if part)


def _each_once(value: tuple[str, ...]) -> tuple[str, ...]:
    for position, each in enumerate(value):
        if each in value[:position]:
            message = "must name each account once"
            raise ValueError(message)
    return value


def _database(value: SecretStr) -> SecretStr:
    try:
        Database(value.get_secret_value())
    except (UsageError, ValueError):
        message = "must be like postgresql://user:password@host/database"
        raise ValueError(message) from None
    return value


def _host_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", value):
        message = "must be a name of letters, digits, dots and hyphens, for example bots-1"
        raise ValueError(message)
    return value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


OR_NONE: Any = BeforeValidator(_none_if_empty)
"""Has an empty value mean that there is none: some start files cannot leave a variable out."""

Seconds = Annotated[float, Field(ge=0, le=31 * 86400, allow_inf_nan=False)]
SomeSeconds = Annotated[float, Field(gt=0, le=31 * 86400, allow_inf_nan=False)]
Account = Annotated[str, AfterValidator(_account)]
Accounts = Annotated[tuple[Account, ...], NoDecode, BeforeValidator(_several), AfterValidator(_each_once)]
DatabaseAddress = Annotated[SecretStr, AfterValidator(_database)]
HostName = Annotated[str, AfterValidator(_host_name)]
PhoneNumber = Annotated[str, AfterValidator(_digits_of)]
CommandPrefix = Annotated[str, AfterValidator(_command_prefix)]
HomePath = Annotated[Path, AfterValidator(_path)]
Backlog = Annotated[Literal["handle", "skip"] | Seconds, BeforeValidator(_backlog)]
QuietHours = Annotated[str, AfterValidator(_quiet_hours)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
ListenAddress = Annotated[HttpAddress, BeforeValidator(_http_address)]
AccessToken = Annotated[SecretStr, AfterValidator(_access_token)]
PublicAddress = Annotated[str, AfterValidator(_public_address)]
