"""What several commands take from their options."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from linda_bot.kernel.errors import UsageError
from linda_bot.sessions.paths import SessionPaths
from linda_bot.settings import Settings, load_settings

if TYPE_CHECKING:
    from linda_bot.cli.shared_places import SharedAccount
    from linda_bot.whatsapp.mailbox import MailPlace

_WAIT_AT_MOST_S = 86400.0


class Place(NamedTuple):
    """Where a command finds an account."""

    settings: Settings
    paths: SessionPaths
    """Its files; where another host has it, or nobody, a copy of those that the database has, until the command ends.
    """
    shared: "SharedAccount | None" = None
    """What is in a database; None where all of it is in files."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is in a database, and does not run on this host."""
        return self.shared is not None and not self.shared.is_here

    @property
    def shown(self) -> str:
        """Where that is, for people."""
        return str(self.paths.data_dir) if self.shared is None else self.shared.database.shown

    @property
    def shown_cache(self) -> str:
        """Where its backups are, for people."""
        return str(self.paths.cache) if self.shared is None else self.shared.database.shown

    @property
    def mailbox(self) -> "Path | MailPlace":
        """Where its messages are."""
        return self.paths.mailbox if self.shared is None else self.shared.mail

    def has_session(self) -> bool:
        """Return whether there is a session, whatever is in it; raises DatabaseTroubleError."""
        return self.paths.store.exists() if self.shared is None else self.shared.has_session()


def place_for(options: argparse.Namespace, *, here: bool = False, with_copies: bool = False) -> Place:
    """Return where the account is that the settings and options describe, wherever that is.

    With `here` only what runs on this host will do, of accounts in a database; `with_copies` has backups be there in
    full. Raises UsageError, also where the account is in another place than the settings say, NoBotError,
    DatabaseTroubleError.
    """
    place = known(files_for(options))
    if place.shared is None or place.shared.is_here:
        return place
    if here:
        raise place.shared.ask_elsewhere()
    from linda_bot.cli.shared_places import lay_down

    return place._replace(paths=lay_down(place.shared, with_copies=with_copies))


def mailbox_for(options: argparse.Namespace) -> "Path | MailPlace":
    """Return where the messages are of the account that is meant; raises what `place_for` raises."""
    return known(files_for(options)).mailbox


def files_for(options: argparse.Namespace) -> Place:
    """Return what this host has of an account in files, wherever its session is; raises UsageError."""
    settings = load_settings({"data_dir": options.data_dir, "account": options.account})
    return Place(settings, SessionPaths(settings.data_dir.absolute(), settings.account))


def known(place: Place) -> Place:
    """Return a place with what is known of the account, its files being this host's; raises what `place_for` raises."""
    if place.settings.store is not None:
        from linda_bot.cli.shared_places import shared_account

        return place._replace(shared=shared_account(place.settings.store.get_secret_value(), place.paths))
    if place.paths.moved_to.exists():
        from linda_bot.app.migrating.records import refuse_if_elsewhere  # hardly anybody pays for it

        refuse_if_elsewhere(place.paths, None)
    return place


def wait_of(options: argparse.Namespace, *, may_be_zero: bool = False) -> float:
    """Return `--wait` in seconds; raises UsageError."""
    wait_s = float(options.wait)
    if not (0 < wait_s <= _WAIT_AT_MOST_S or (may_be_zero and wait_s == 0)):  # not a number is not in between either
        least = "0 or more" if may_be_zero else "more than 0"
        raise UsageError(f"--wait {wait_s:g} is wrong: it must be seconds, {least} and at most a day (86400)")
    return wait_s
