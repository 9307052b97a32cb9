"""The settings of several accounts: what all of them share, and what a TOML file says of each.

The file has a table for each account, whose keys are the settings' names in small letters:

    [971505760056]
    handlers = "shop.py"

    [971505760057]
    command_prefix = "/"
    outbox.pace = 2
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.masking import printable
from linda_bot.settings import Settings, load_settings
from linda_bot.settings.values import Account

OF_THE_PROCESS = frozenset(
    [
        "account",
        "accounts",
        "accounts_file",
        "data_dir",
        "fleet",
        "http",
        "http_token",
        "http_url",
        "log",
        "start",
        "store",
    ]
)
"""What all accounts of a process have in common."""


class AccountSettings(NamedTuple):
    """Where the settings of accounts come from."""

    shared: Settings
    overrides: Mapping[str, object]
    """What the command line says."""
    own: Mapping[str, Mapping[str, Any]]
    """What the file says, by account."""

    @property
    def named(self) -> tuple[str, ...]:
        """The accounts that the settings name, in order."""
        return tuple(dict.fromkeys((*self.shared.accounts, *self.own)))

    def of(self, account: str) -> Settings:
        """Return an account's settings; raises UsageError, which names what is wrong in the file."""
        own = self.own.get(account, {})
        mixed = {**self.overrides, **own, "account": account}
        link = {**_group(self.overrides, "link"), **_group(own, "link")}
        if link:
            mixed["link"] = link
        try:
            return load_settings(mixed)
        except UsageError as error:
            if not own:
                raise
            raise UsageError(f"{self.shared.accounts_file}, account {account}: {error}") from None


def load_account_settings(overrides: Mapping[str, object]) -> AccountSettings:
    """Read the settings of all accounts; raises UsageError, one line."""
    shared = load_settings(overrides)
    own = {} if shared.accounts_file is None else _read(shared.accounts_file)
    found = AccountSettings(shared, overrides, own)
    for account in own:
        found.of(account)
    return found


def _read(path: Path) -> dict[str, Mapping[str, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"LINDA_ACCOUNTS_FILE={path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {printable(str(error))}") from None
    found: dict[str, Mapping[str, Any]] = {}
    for name, own in content.items():
        try:
            account = TypeAdapter(Account).validate_python(name)
        except ValidationError:
            what = printable(f"[{name}]")
            raise UsageError(f"{path}: {what} is no account; a table's name is a number, like [971505760056]") from None
        if account in found:
            raise UsageError(f"{path}: account {account} is there twice")
        if not isinstance(own, dict):
            raise UsageError(f"{path}: what belongs to account {account} stands below a line [{account}]")
        for key in sorted(OF_THE_PROCESS.intersection(own)):
            raise UsageError(f"{path}, account {account}: {key} is for all accounts; set LINDA_{key.upper()} instead")
        found[account] = own
    return found


def _group(settings: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = settings.get(name)
    return found if isinstance(found, Mapping) else {}
