"""A host of a fleet without processes: the real keeper and house, accounts that only say how they live."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from linda_bot.app.account import Account
from linda_bot.app.fleet_house import FleetHouse, Tenants
from linda_bot.app.shared_storage import LeaseEndedError
from linda_bot.connection.lifecycle import LinkState
from linda_bot.fleet.keeper import FleetKeeper, Manners
from linda_bot.fleet.ledger import AccountState, Host
from linda_bot.fleet.sharing import Rules
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode
from linda_bot.kernel.events import Event
from linda_bot.sessions.paths import HousePaths
from linda_bot.sessions.roll import Roll
from tests.support.fake_fleet import FakeDatabase, FakeLedger

LEASE_S = 15.0


class Way(SimpleNamespace):
    """How lives go."""

    begin_s = 0.2
    """Until there is a link."""
    end_s = 0.3
    """From the request to stop to the end, in good order."""
    flush_s = 0.1
    """What comes after that, also where it was cancelled: files are brought to the database."""
    fails: Exception | None = None
    code: ExitCode | None = None
    """How the first attempt ends."""


class Life:
    """An account of a host, for one life; its engine is there from its link on."""

    def __init__(self, name: str, way: Way, fence: int, *, linking: bool) -> None:
        self.name = name
        self.fence = fence
        self.linking = linking
        self.link: SimpleNamespace | None = None
        self.front = None
        self.begun = asyncio.Event()
        self.engines = SimpleNamespace(extend=self._extend)
        self.began_at: float | None = None
        self.ended_at: float | None = None
        self.engine_is_there = False
        self.evicted = 0
        self.rights: list[float] = []
        self._way = way
        self._stop = asyncio.Event()

    @property
    def is_there(self) -> bool:
        """Whether anything of it runs."""
        return self.began_at is not None and self.ended_at is None

    async def run(self) -> ExitCode:
        loop, way = asyncio.get_running_loop(), self._way
        self.began_at = loop.time()
        try:
            await asyncio.sleep(way.begin_s)
            if way.fails is not None:
                raise way.fails
            self.link = SimpleNamespace(state=LinkState.CONNECTED, outcome=_at_once)
            self.begun.set()
            if way.code is not None:
                return way.code
            self.engine_is_there = not self._stop.is_set()  # whoever was evicted before gets none
            await self._stop.wait()
            await asyncio.sleep(0 if self.evicted else way.end_s)
            return ExitCode.OK
        finally:
            self.engine_is_there = False
            try:
                await _whatever_comes(way.flush_s)
            finally:
                self.ended_at = loop.time()

    def ask_to_stop(self) -> None:
        self._stop.set()

    def evict(self) -> None:
        self.evicted += 1
        self.engine_is_there = False
        self._stop.set()

    def tell_of_bug(self, error: Exception) -> None:
        raise AssertionError from error

    def _extend(self, right_s: float) -> None:
        self.rights.append(right_s)


class HousedHost:
    """One host."""

    def __init__(self, directory: Path, database: FakeDatabase, name: str = "here", *, at_once: int = 4) -> None:
        self.database = database
        self.bus = EventBus()
        self.way = Way()
        self.lives: list[Life] = []
        host = Host(name, f"place of {name}", f"start of {name}", 20, 1.0, LEASE_S)
        self.ledger = FakeLedger(database, host, within_s=LEASE_S / 5)
        roll = Roll(HousePaths(directory))
        self.house = FleetHouse([], roll, self._make, self.bus, at_once=at_once, host=host)
        self.keeper = FleetKeeper(
            self.ledger,
            Tenants(self.house),
            host,
            self.bus.publish,
            rules=Rules(settled_s=20.0),
            manners=Manners(),
            clock=lambda: asyncio.get_running_loop().time(),
        )
        self.two_at_once: list[str] = []
        """Accounts that had two lives in this process at the same time: they share a directory."""

    def lives_of(self, account: str) -> list[Life]:
        """Return those that are there."""
        return [life for life in self.lives if life.name == account and life.is_there]

    @asynccontextmanager
    async def taking_part(self) -> AsyncIterator[None]:
        """Take part until the end of the block."""
        tasks = [asyncio.ensure_future(work) for work in (self.keeper.run(), self.house.live(self.ledger))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await self.house.close()

    def _make(self, name: str, linking: bool) -> Account:  # noqa: FBT001
        fence = self.keeper.fence(name)
        if fence is None:
            raise LeaseEndedError("another host has the account by now")
        life = Life(name, self.way, fence, linking=linking)
        if self.lives_of(name):
            self.two_at_once.append(name)
        self.lives.append(life)
        return cast("Account", life)


async def _at_once() -> None:
    """The first attempt is through."""


async def _whatever_comes(seconds: float) -> None:
    """Take a while, as work on a thread does: a request to end does not end it."""
    until = asyncio.get_running_loop().time() + seconds
    cancelled = False
    while (left_s := until - asyncio.get_running_loop().time()) > 0.001:  # timers may fire that much too early
        try:
            await asyncio.sleep(left_s)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


def database_of(*accounts: str) -> FakeDatabase:
    """Return a database with such accounts."""
    database = FakeDatabase()
    for account in accounts:
        database.set_state(account, AccountState.ACTIVE, make=True)
    return database


async def until(found: Callable[[], bool], *, within_s: float = 60.0) -> float:
    """Wait until something is so, in virtual time; return for how long that took."""
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    async with asyncio.timeout(within_s):
        while not found():
            await asyncio.sleep(0.01)
    return loop.time() - began_at


def told(events: list[Event], kind: type[Event]) -> list[Event]:
    """Return those of a kind."""
    return [event for event in events if isinstance(event, kind)]
