"""A house of accounts that are not there, each with a front that a test can reach."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from linda_bot.app.account import Account
from linda_bot.app.events import AccountChanged
from linda_bot.app.house import House
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode
from linda_bot.sessions.paths import HousePaths, SessionPaths
from linda_bot.sessions.roll import Roll
from tests.support.fake_front import FakeFront


class HousedFront(FakeFront):
    """The front of one of several accounts."""

    def __init__(self, data_dir: Path, account: str) -> None:
        super().__init__(data_dir)
        self.job = SimpleNamespace(
            paths=SessionPaths(data_dir, account), in_sandbox=False, settings=SimpleNamespace(account=account)
        )
        self.chronicle = SimpleNamespace(because="", since=None, alerts=())
        self.book = SimpleNamespace(status=SimpleNamespace(number=account, device_linked=True))
        self.hooks = SimpleNamespace(facts=_nothing)
        self.paired: list[str] = []

    async def pair_phone(self, number: str) -> None:
        self.paired.append(number)


async def _nothing() -> None:
    """No facts."""


class HousedAccount:
    """Lives until it is asked to stop; without a session, only to show codes."""

    def __init__(self, data_dir: Path, account: str, *, is_linked: bool, linking: bool) -> None:
        self.link = SimpleNamespace(state=LinkState.CONNECTED, outcome=_nothing)
        self.begun = asyncio.Event()
        self.front = HousedFront(data_dir, account) if is_linked or linking else None
        self._stop = asyncio.Event()

    async def run(self) -> ExitCode:
        self.begun.set()
        if self.front is None:
            return ExitCode.LINKING_NEEDED
        await self._stop.wait()
        return ExitCode.OK

    def ask_to_stop(self) -> None:
        self._stop.set()

    def evict(self) -> None:
        self._stop.set()


class FakeHouse:
    """Makes such accounts; those in `unlinked` need a phone."""

    def __init__(self, data_dir: Path, named: Sequence[str], *, unlinked: Sequence[str] = ()) -> None:
        self.data_dir = data_dir
        self.bus = EventBus()
        self.roll = Roll(HousePaths(data_dir))
        self.unlinked = list(unlinked)
        self.house = House(named, self.roll, self._make, self.bus, at_once=5)

    def front(self, account: str) -> HousedFront:
        """Return the front of one that runs."""
        return cast("HousedFront", self.house.front(account))

    async def until(self, account: str, phase: str) -> None:
        """Wait until an account is in a phase; raises TimeoutError."""
        with self.bus.subscribe(AccountChanged, name="test") as events:
            async with asyncio.timeout(5):
                while self.house.residents[account].phase != phase:
                    await events.next()

    def _make(self, account: str, linking: bool) -> Account:  # noqa: FBT001
        is_linked = account not in self.unlinked
        return cast("Account", HousedAccount(self.data_dir, account, is_linked=is_linked, linking=linking))
