"""`linda-bot migrate`: an account moves from files to a shared database, or back."""

import argparse
from collections.abc import Callable
from functools import partial

from linda_bot.app.migrating.moving import Move, Moved, NotMovedError
from linda_bot.app.migrating.records import load_marker, load_row
from linda_bot.app.migrating.whereabouts import Home
from linda_bot.cli.output import asked, print_json, say
from linda_bot.database.connecting import SCHEMES, Database
from linda_bot.database.places import HOUSE, account_schema
from linda_bot.kernel.errors import ExitCode, LindaError, TransientError, UsageError
from linda_bot.kernel.masking import mask_account
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.making import Maker
from linda_bot.settings import Settings, load_settings
from linda_bot.settings.values import phone_number
from linda_bot.whatsapp.preparing import PREPARE_COMMAND

_IN_DATABASE = "SELECT nspname FROM pg_namespace WHERE nspname ~ %s ORDER BY nspname"


def migrate(options: argparse.Namespace) -> int:
    """Move an account, or all of them; exit code 0 only if all are where they were to go."""
    try:
        return _migrate(options)
    except TransientError as error:  # no bug: the database is away, or another host was faster
        raise NotMovedError(str(error)) from None


def _migrate(options: argparse.Namespace) -> int:
    settings = load_settings({"data_dir": options.data_dir, "account": options.account})
    to = Home.FILES if options.to == Home.FILES else Home.DATABASE
    database = _database(options, settings)
    names = _accounts(to, settings, database) if options.all else [settings.account]
    if not names:
        raise UsageError("there is no account to move")
    target = f"the files of {settings.data_dir.absolute()}" if to is Home.FILES else database.shown
    what = f"{len(names)} accounts" if options.all else f"the account {_shown(names[0], options)}"
    question = (
        f"Move {what} to {target}? Nothing may run there meanwhile; what is left behind is set aside, not deleted."
    )
    if not asked(question, yes=options.yes):
        say("Nothing was changed.")
        return ExitCode.OK
    moved, failures = [], []
    for name in names:
        shown = _shown(name, options)
        try:
            moved.append(_move(name, to, settings, database, partial(_say, shown)))
        except LindaError as error:
            if not options.all:
                raise
            failures.append((name, error))
            say(f"{shown}: {error}")
        else:
            _tell(moved[-1], shown, target)
    if options.json:
        document = {
            "to": to.value,
            "moved": [each._asdict() for each in moved],
            "failed": [{"account": name, "error": str(error)} for name, error in failures],
        }
        print_json(document, show_numbers=options.show_numbers)
    return ExitCode.UNWELL if failures else ExitCode.OK


def _move(name: str, to: Home, settings: Settings, database: Database, tell: Callable[[str], None]) -> Moved:
    move = Move(SessionPaths(settings.data_dir.absolute(), name), database, Maker(PREPARE_COMMAND), tell)
    return move.to_files() if to is Home.FILES else move.to_database()


def _say(shown: str, line: str) -> None:
    say(f"{shown}: {line}")


def _tell(moved: Moved, shown: str, target: str) -> None:
    say(f"{shown}: it is in {target}{' already' if moved.was_there else ''}.")
    for place in moved.aside:
        say(f"{shown}: what it left is set aside: {place}")


def _database(options: argparse.Namespace, settings: Settings) -> Database:
    """Return the database that is meant; raises UsageError."""
    for address in (options.to, options.source or ""):
        if address.partition("://")[0] in SCHEMES:
            return Database(address)
    if options.to not in (Home.FILES, Home.DATABASE) or options.source:
        raise UsageError(
            "--to is wrong: it must be `files`, `database` (LINDA_STORE) or an address: postgresql://user@host/name"
        )
    if settings.store is None:
        raise UsageError("say which database: set LINDA_STORE, or name its address")
    return Database(settings.store.get_secret_value())


def _accounts(to: Home, settings: Settings, database: Database) -> list[str]:
    """Name the accounts that are where they would be moved from, or were on their way."""
    directories = (settings.data_dir / "sessions").glob("session-*")
    here = [SessionPaths(settings.data_dir.absolute(), each.name.removeprefix("session-")) for each in directories]
    if to is Home.DATABASE:
        return sorted(
            paths.account
            for paths in here
            if _is_account(paths.account)
            and (paths.store.exists() or ((marker := load_marker(paths)) is not None and not marker.done))
        )
    pattern = f"^{account_schema('')}(default|[0-9]+)$"
    with SharedStore(database, settings.account).opened("look", schema=HOUSE) as connection:
        found = [row[0].removeprefix(account_schema("")) for row in connection.execute(_IN_DATABASE, (pattern,))]
        rows = {name: load_row(connection, name) for name in found}
    there = [name for name, row in rows.items() if row is None or row.place == Home.DATABASE]
    unfinished = [paths.account for paths in here if _is_account(paths.account) and paths.moved_to.exists()]
    return sorted({*there, *(name for name in unfinished if not _is_done(settings, name))})


def _is_done(settings: Settings, name: str) -> bool:
    marker = load_marker(SessionPaths(settings.data_dir.absolute(), name))
    return marker is None or marker.done


def _is_account(name: str) -> bool:
    try:
        return name == "default" or phone_number(name) == name
    except (UsageError, ValueError):
        return False


def _shown(name: str, options: argparse.Namespace) -> str:
    return name if options.show_numbers else mask_account(name)
