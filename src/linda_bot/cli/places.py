"""What several commands take from their options."""

import argparse

from linda_bot.kernel.errors import UsageError
from linda_bot.sessions.paths import SessionPaths
from linda_bot.settings import load_settings

_WAIT_AT_MOST_S = 86400.0


def paths_for(options: argparse.Namespace) -> SessionPaths:
    """Return where the session is that the settings and options describe; raises UsageError."""
    settings = load_settings({"data_dir": options.data_dir, "account": options.account})
    return SessionPaths(settings.data_dir.absolute(), settings.account)


def wait_of(options: argparse.Namespace, *, may_be_zero: bool = False) -> float:
    """Return `--wait` in seconds; raises UsageError."""
    wait_s = float(options.wait)
    if not (0 < wait_s <= _WAIT_AT_MOST_S or (may_be_zero and wait_s == 0)):  # not a number is not in between either
        least = "0 or more" if may_be_zero else "more than 0"
        raise UsageError(f"--wait {wait_s:g} is wrong: it must be seconds, {least} and at most a day (86400)")
    return wait_s
