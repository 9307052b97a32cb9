"""Which accounts there are, beside those that the settings name: what a person has added, paused or removed."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.events import utc_now
from linda_bot.kernel.files import UnreadableFileError, make_private_dir, read_json, write_json
from linda_bot.kernel.masking import mask_account
from linda_bot.sessions.device_status import timestamp
from linda_bot.sessions.paths import HousePaths

_VERSION = 1


class Standing(StrEnum):
    """What is to be done with an account."""

    ACTIVE = "active"
    PAUSED = "paused"
    """Nothing runs; its session stays."""
    REMOVED = "removed"
    """It is not there any more; its files are, where they were."""


class Roll:
    """The file in which it stands; whoever keeps it is the only one who writes."""

    def __init__(self, paths: HousePaths) -> None:
        self.path = paths.roll

    def read(self) -> dict[str, Standing]:
        """Return what a person has said of accounts, in the order in which they came.

        Raises UsageError when the file cannot be read: without it a removed account would come back.
        """
        if not self.path.exists():
            return {}
        try:
            content = read_json(self.path)
        except UnreadableFileError as error:
            raise UsageError(f"{self.path} cannot be read ({error}); mend it, or move it away") from None
        found: dict[str, Standing] = {}
        for account, said in _accounts(content).items():
            standing = said.get("state") if isinstance(said, dict) else None
            if standing in tuple(Standing):
                found[account] = Standing(standing)
        return found

    def change(self, account: str, standing: Standing, *, now: datetime | None = None) -> None:
        """Say something of an account; raises OSError, UsageError."""
        known = self.read()
        known[account] = standing
        make_private_dir(self.path.parent)
        changed_at = timestamp(now or utc_now())
        accounts = {name: {"state": each.value} for name, each in known.items()}
        write_json(self.path, {"version": _VERSION, "changedAt": changed_at, "accounts": accounts})


def still_named(account: str) -> str:
    """Say why an account cannot be removed that the settings name."""
    return f"{mask_account(account)} is named in the settings: take it out of LINDA_ACCOUNTS or the accounts' file"


def _accounts(content: object) -> dict[str, Any]:
    found = content.get("accounts") if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}
