"""`linda-bot accounts`: the accounts of one process, from itself where it runs, else from its files."""

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from linda_bot.app.answers import AccountView
from linda_bot.app.status_words import age
from linda_bot.cli.control_client import NoBotError
from linda_bot.cli.house_client import RunningHouse, account_meant, house_of
from linda_bot.cli.output import asked, print_json, print_table, say
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.files import UnreadableFileError, make_private_dir
from linda_bot.kernel.masking import mask_account
from linda_bot.kernel.spans import span
from linda_bot.sessions.device_status import DeviceStatus, load_status
from linda_bot.sessions.lock import acquire_lock
from linda_bot.sessions.paths import HousePaths, SessionPaths
from linda_bot.sessions.roll import Roll, Standing, still_named
from linda_bot.settings.accounts import AccountSettings, load_account_settings
from linda_bot.settings.values import phone_number

_NEXT_START = "No bot runs here: it counts from the next start on."
_ENDING = 4
"""So many digits name an account, mostly."""
_HEADS = ("account", "phase", "link", "linked to", "health", "since", "why")


class _Place(NamedTuple):
    """Where the accounts are."""

    settings: AccountSettings
    data_dir: Path
    house: RunningHouse | None

    @property
    def roll(self) -> Roll:
        """What is remembered of them."""
        return Roll(HousePaths(self.data_dir))

    def there(self) -> list[str]:
        """Return the accounts that there are, in order."""
        if self.house is not None:
            return [view.account for view in self.house.accounts()]
        standings, named = self.roll.read(), self.settings.named
        return [
            account
            for account in dict.fromkeys((*named, *standings))
            if account in named or standings[account] is not Standing.REMOVED
        ]


def listed(options: argparse.Namespace) -> int:
    """List all accounts."""
    place = _place(options)
    views = place.house.accounts() if place.house is not None else [_at_rest(place, name) for name in place.there()]
    if options.json:
        found = {"running": place.house is not None, "accounts": [msgspec.to_builtins(view) for view in views]}
        print_json(found, show_numbers=options.show_numbers)
    elif views:
        print_table(_HEADS, map(_row, views), show_numbers=options.show_numbers)
    if not views:
        say("There are no accounts yet: linda-bot accounts add NUMBER, or name them in LINDA_ACCOUNTS.")
    elif place.house is None:
        say("No bot runs here.")
    return ExitCode.OK


def add(options: argparse.Namespace) -> int:
    """Add an account."""
    place, account = _place(options), phone_number(options.number)
    if place.house is not None:
        view = place.house.ask("POST", "accounts", AccountView, {"account": account}, within_s=10)
        _done(options, view, f"Added; to link it: linda-bot accounts link {account[-_ENDING:]}")
        return ExitCode.OK
    with _held(place):
        there = place.there()
        if account in there:
            raise UsageError(f"{mask_account(account)} is there already")
        alone = place.settings.shared.account
        if not there and SessionPaths(place.data_dir, alone).store.exists() and alone != account:
            place.roll.change(alone, Standing.ACTIVE)
            say(f"The account that there was, {mask_account(alone)}, goes on beside it.")
        place.roll.change(account, Standing.ACTIVE)
    _done(options, _at_rest(place, account), f"Added. {_NEXT_START}")
    return ExitCode.OK


def pause(options: argparse.Namespace) -> int:
    """Have nothing of an account run until `resume`."""
    done = "Paused: nothing of it runs until `linda-bot accounts resume`; its session stays."
    return _change(options, "pause", Standing.PAUSED, done)


def resume(options: argparse.Namespace) -> int:
    """End a pause, or have an account begin anew that has ended."""
    return _change(options, "resume", Standing.ACTIVE, "It begins.")


def remove(options: argparse.Namespace) -> int:
    """End an account and forget it; its files stay."""
    place = _place(options)
    account = account_meant(options.number, place.there())
    if account in place.settings.named:
        raise UsageError(still_named(account))
    if not asked(f"Remove {_shown(options, account)}? It ends, and is not begun again.", yes=options.yes):
        say("Nothing was changed.")
        return ExitCode.UNWELL
    paths = SessionPaths(place.data_dir, account)
    kept = f"Its session stays in {paths.directory}, its messages in {paths.mailbox.parent}."
    if place.house is not None:
        _done(options, place.house.change("DELETE", f"accounts/{account}"), f"Removed. {kept}")
        return ExitCode.OK
    with _held(place):
        place.roll.change(account, Standing.REMOVED)
    view = msgspec.structs.replace(_at_rest(place, account), phase="removed")
    _done(options, view, f"Removed. {kept} {_NEXT_START}")
    return ExitCode.OK


def link(options: argparse.Namespace) -> int:
    """Show the codes with which a phone links an account, until it is linked."""
    place = _place(options)
    if place.house is None:
        raise NoBotError("no bot runs here, and only one that runs can link an account: start it with `linda-bot run`")
    from linda_bot.cli.accounts_link import link_account

    account = account_meant(options.number, place.there())
    number = None if options.pair_phone is None else phone_number(options.pair_phone)
    return link_account(place.house, account, number, as_json=options.json, show_numbers=options.show_numbers)


def _change(options: argparse.Namespace, what: str, standing: Standing, done: str) -> int:
    place = _place(options)
    account = account_meant(options.number, place.there())
    if place.house is not None:
        _done(options, place.house.change("POST", f"accounts/{account}/{what}"), done)
        return ExitCode.OK
    with _held(place):
        place.roll.change(account, standing)
    _done(options, _at_rest(place, account), f"{done} {_NEXT_START}")
    return ExitCode.OK


def _place(options: argparse.Namespace) -> _Place:
    settings = load_account_settings({"data_dir": options.data_dir})
    data_dir = settings.shared.data_dir.absolute()
    house = house_of(data_dir)
    if house is None and settings.shared.store is not None:
        raise NoBotError("no bot runs here, and the accounts are in the database: ask where one runs")
    return _Place(settings, data_dir, house)


@contextmanager
def _held(place: _Place) -> Iterator[None]:
    """Let no bot begin with the accounts while they are changed; raises SessionHeldError, UsageError."""
    paths = HousePaths(place.data_dir)
    try:
        make_private_dir(paths.directory)
        lock = asyncio.run(acquire_lock(paths, wait_s=2))
        try:
            yield
        finally:
            lock.release()
    except OSError as error:
        raise UsageError(f"{place.roll.path} cannot be written: {error.strerror}; nothing was changed") from error


def _at_rest(place: _Place, account: str) -> AccountView:
    """Return an account of which nothing runs."""
    standing = place.roll.read().get(account, Standing.ACTIVE)
    try:
        status, _ = load_status(SessionPaths(place.data_dir, account).device_status)
    except UnreadableFileError:  # there is none yet, or `doctor` has something to say of it
        status = DeviceStatus()
    return AccountView(
        id="",
        account=account,
        phase="paused" if standing is Standing.PAUSED else "stopped",
        linked_number=status.number if status.device_linked else "",
        is_named=account in place.settings.named,
    )


def _row(view: AccountView) -> Sequence[str]:
    is_linked = view.phase == "running" and view.state
    since = view.state_since if is_linked else view.since
    why = view.because if is_linked and view.state != "connected" else "" if is_linked else view.why
    if view.next_try_s is not None:
        why += f"; next try in {span(view.next_try_s)}"
    if view.alerts:
        why = f"{view.alerts} alert{'' if view.alerts == 1 else 's'}{f'; {why}' if why else ''}"
    return (
        view.account,
        f"{view.phase} on {view.host}" if view.host else view.phase,
        view.state.replace("_", " ") or "-",
        view.linked_number or "-",
        "-" if view.health == "unknown" else view.health,
        age(since) if since else "-",
        why,
    )


def _done(options: argparse.Namespace, view: AccountView, text: str) -> None:
    if options.json:
        print_json(msgspec.to_builtins(view), show_numbers=options.show_numbers)
    say(f"{_shown(options, view.account)}: {text}")


def _shown(options: argparse.Namespace, account: str) -> str:
    return account if options.show_numbers else mask_account(account)
