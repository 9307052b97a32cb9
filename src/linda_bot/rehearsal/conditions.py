"""Under which settings it is rehearsed: the user's own, but for what would reach others or touch their data."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dotenv import dotenv_values

from linda_bot.settings import load_settings

_PREFIX = "LINDA_"
_ENV_FILE = ".env"

_NOBODY_IS_TOLD = "nobody is alerted by a rehearsal"
_NO_PAGE = "each bot has its own; two cannot have one address"
OVERRIDDEN: Mapping[str, tuple[str, str]] = {
    "LINDA_DATA_DIR": ("", "your sessions are not touched"),
    "LINDA_ACCOUNT": ("default", "the sandbox has accounts of its own"),
    "LINDA_HTTP": ("", _NO_PAGE),
    "LINDA_HTTP_TOKEN": ("", _NO_PAGE),
    "LINDA_HTTP_URL": ("", _NO_PAGE),
    "LINDA_ALERT__COMMAND": ("", _NOBODY_IS_TOLD),
    "LINDA_ALERT__WEBHOOK": ("", _NOBODY_IS_TOLD),
    "LINDA_ALERT__WEBHOOK_SECRET": ("", _NOBODY_IS_TOLD),
    "LINDA_ALERT__APPRISE": ("[]", _NOBODY_IS_TOLD),
    "LINDA_LINK__QR_FILE": ("", "a picture of yours would be written over"),
    "LINDA_LINK__PAIR_PHONE": ("", "the QR code is rehearsed, not the code that is typed"),
    "LINDA_LOG__FORMAT": ("auto", "the bot's own words are read"),
    "LINDA_INBOX__BACKLOG": ("handle", "what came meanwhile is counted"),
}
"""What is set instead, and why; empty for none. The data directory is a new one for each bot."""


class Conditions(NamedTuple):
    """The settings of the bots that are rehearsed with."""

    environment: Mapping[str, str]
    own: tuple[str, ...]
    """The names of the user's settings that stay in force."""
    overridden: Mapping[str, str]
    """The names of those of the user's that do not, each with the reason."""
    ping: str
    keep: int
    """How many backups are kept."""
    handlers: str = ""


def conditions(environ: Mapping[str, str], handlers: str | None) -> Conditions:
    """Take over the settings of an environment and of `.env`; raises UsageError for one that is wrong."""
    settings = load_settings({"handlers": handlers})
    # Whatever its case, a name means the same setting; two spellings of one would be in each other's way.
    ours = {name.upper(): value for name, value in environ.items() if name.upper().startswith(_PREFIX)}
    in_file = dotenv_values(_ENV_FILE) if Path(_ENV_FILE).is_file() else {}
    set_by_user = {*ours, *(name.upper() for name in in_file if name.upper().startswith(_PREFIX))}
    environment = {**ours, **{name: value for name, (value, _) in OVERRIDDEN.items() if name != "LINDA_DATA_DIR"}}
    environment.pop("LINDA_DATA_DIR", None)
    if handlers is not None:
        environment["LINDA_HANDLERS"] = handlers
        set_by_user.add("LINDA_HANDLERS")
    return Conditions(
        environment=environment,
        own=tuple(sorted(set_by_user - set(OVERRIDDEN))),
        overridden={name: why for name, (_, why) in OVERRIDDEN.items() if name in set_by_user},
        ping=f"{settings.command_prefix}ping",
        keep=settings.backup.keep,
        handlers=settings.handlers or "",
    )
