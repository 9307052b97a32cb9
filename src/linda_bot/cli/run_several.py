"""`linda-bot run` with several accounts."""

import argparse
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, TextIO

from linda_bot.app.job import Job
from linda_bot.app.run_house import run_house
from linda_bot.cli.ahead import EngineChoice
from linda_bot.cli.house_console import HouseConsole
from linda_bot.cli.run import Doors
from linda_bot.database.connecting import Database
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.events import Event
from linda_bot.settings.accounts import load_account_settings

if TYPE_CHECKING:
    from linda_bot.app.front import Front
    from linda_bot.app.house import House
    from linda_bot.web.house_doors import HouseDoors

_OF_ONE = {"--pair-phone": "pair_phone", "--qr-file": "qr_file", "--reload": "reload"}


async def run_several(
    options: argparse.Namespace, ahead: EngineChoice, overrides: Mapping[str, object], stream: TextIO
) -> int:
    """Run all accounts until asked to stop; raises UsageError."""
    for option, name in _OF_ONE.items():
        if getattr(options, name):
            raise UsageError(f"{option} is for one account alone: add --account, or leave it out")
    accounts = load_account_settings(overrides)
    shared = accounts.shared
    for account in accounts.named:
        accounts.of(account)
    console = HouseConsole(stream, show_numbers=not shared.log.mask)
    job = Job(
        settings=shared,
        engine_command=ahead.command,
        engine_environment=ahead.environment,
        engine=ahead.process,
        can_show_qr=False,
        in_sandbox=options.sandbox is not None,
    )
    doors = _HouseDoors(job)
    if shared.log.format == "json":
        return await run_house(accounts, job, _nothing, stream, doors)
    place = Database(shared.store.get_secret_value()).shown if shared.store else shared.data_dir.absolute()
    count = len(accounts.named)
    what = "a host for the accounts" if shared.store else f"{count} account{'' if count == 1 else 's'}"
    console.greet(what, place, in_sandbox=job.in_sandbox)
    return await run_house(accounts, job, console.show, stream, doors)


class _HouseDoors(Doors):
    """A control socket for each account and one for the house, and one web page."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.settings.http)
        self._job = job
        self._made: HouseDoors | None = None

    def open(self, front: "Front") -> AbstractAsyncContextManager[None]:
        """Answer on an account's own control socket until the end of the block."""
        return self._doors().open(front)

    def open_house(self, house: "House") -> AbstractAsyncContextManager[None]:
        """Answer until the end of the block."""
        return self._doors().open_house(house)

    def _doors(self) -> "HouseDoors":
        if self._made is None:
            from linda_bot.web.house_doors import HouseDoors  # the first account has its places by now

            self._made = HouseDoors(self._job, self.listener)
        return self._made


def _nothing(_account: str, _event: Event) -> None:
    """Say nothing: the log lines on stderr tell it."""
