"""One database in memory, hosts with real keepers, landlords that write down what they are told; in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from linda_bot.fleet.keeper import FleetKeeper, Manners
from linda_bot.fleet.ledger import AccountState, Grant, Host
from linda_bot.fleet.sharing import Rules
from linda_bot.kernel.events import Event
from tests.support.fake_fleet import FakeDatabase, FakeLedger

LEASE_S = 15.0
E = TypeVar("E", bound=Event)


class Tenants:
    """A landlord that runs nothing; it can be slow, and fail."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.told: list[tuple[float, str, str]] = []
        self.rights: list[tuple[str, float]] = []
        self.begin_s = self.end_s = 0.1
        self.begin_error: Exception | None = None
        self.end_error: Exception | None = None
        self.evict_error: Exception | None = None
        self.ending = self.most_ending = 0

    async def begin(self, account: str, grant: Grant) -> None:
        self._note("begin", account)
        await asyncio.sleep(self.begin_s)
        if self.begin_error:
            raise self.begin_error
        self.running.add(account)

    async def hand_over(self, account: str) -> None:
        self._note("hand over", account)
        self.ending += 1
        self.most_ending = max(self.ending, self.most_ending)
        try:
            await asyncio.sleep(self.end_s)
        finally:
            self.ending -= 1
        if self.end_error:
            raise self.end_error
        self.running.discard(account)

    def evict(self, account: str) -> None:
        self._note("evict", account)
        if self.evict_error:
            raise self.evict_error
        self.running.discard(account)

    def extend(self, account: str, right_s: float) -> None:
        self.rights.append((account, right_s))

    def times(self, what: str) -> list[float]:
        """Return when it was told to do so."""
        return [at for at, each, _ in self.told if each == what]

    def _note(self, what: str, account: str) -> None:
        self.told.append((round(asyncio.get_running_loop().time(), 2), what, account))


class Member:
    """A host that takes part."""

    def __init__(self, world: "FleetWorld", name: str, *, capacity: int = 20, manners: Manners | None = None) -> None:
        self.ahead_s = 0.0
        self.tenants = Tenants()
        self.events: list[Event] = []
        loop = asyncio.get_running_loop()
        host = Host(name, f"place of {name}", f"start {len(world.members)}", capacity, 1.0, LEASE_S)
        self.ledger = FakeLedger(world.database, host, within_s=LEASE_S / 5)
        self.keeper = FleetKeeper(
            self.ledger,
            self.tenants,
            host,
            self.events.append,
            rules=Rules(settled_s=20.0),
            manners=manners,
            clock=lambda: loop.time() + self.ahead_s,
        )
        self.task = loop.create_task(self.keeper.run(), name=name)

    def told(self, kind: type[E]) -> list[E]:
        """Return what it told of that kind."""
        return [event for event in self.events if isinstance(event, kind)]

    async def leave(self, within_s: float = 20) -> None:
        """Go in good order."""
        await self.keeper.leave(within_s=within_s)
        await self.end()

    async def end(self) -> None:
        """Cancel it."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


class FleetWorld:
    """A database and who takes part."""

    def __init__(self, accounts: int) -> None:
        self.database = FakeDatabase()
        self.members: list[Member] = []
        self.accounts = [f"1555000000{n}" for n in range(accounts)]
        for account in self.accounts:
            self.database.set_state(account, AccountState.ACTIVE, make=True)

    def host(self, name: str, *, capacity: int = 20, manners: Manners | None = None) -> Member:
        """Have a host take part."""
        member = Member(self, name, capacity=capacity, manners=manners)
        self.members.append(member)
        return member


@asynccontextmanager
async def fleet(accounts: int) -> AsyncIterator[FleetWorld]:
    """Have a fleet of so many accounts, and no task of it left at the end."""
    world = FleetWorld(accounts)
    try:
        yield world
    finally:
        for member in world.members:
            if not member.task.done():
                await member.end()
    await asyncio.sleep(0)
