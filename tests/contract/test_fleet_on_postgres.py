"""Keepers on a real PostgreSQL, in real time: a frozen database, and a host that stands still."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import pytest

from linda_bot.database.connecting import Database
from linda_bot.database.migrating import bring_up_to_date
from linda_bot.fleet.keeper import FleetKeeper
from linda_bot.fleet.ledger import Host
from linda_bot.fleet.postgres_ledger import PostgresLedger
from linda_bot.kernel.events import Event
from tests.support.fleet_world import Tenants
from tests.support.postgres import Server, find_binaries, running_server

LEASE_S = 3.0
ACCOUNTS = [f"1555000000{n}" for n in range(4)]


class Member:
    """A host that takes part."""

    def __init__(self, database: Database, name: str) -> None:
        self.tenants = Tenants()
        self.events: list[Event] = []
        host = Host(name, f"place of {name}", "1st", 10, 1.0, LEASE_S)
        self.ledger = PostgresLedger(database, host, within_s=LEASE_S / 5)
        self.keeper = FleetKeeper(self.ledger, self.tenants, host, self.events.append)
        self.task = asyncio.get_running_loop().create_task(self.keeper.run(), name=name)

    async def close(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        await self.ledger.close()


@pytest.fixture
async def own(postgres: Server) -> AsyncIterator[tuple[Server, Database, AsyncExitStack]]:
    """A server that may be frozen, and a database in it."""
    binaries = find_binaries()
    assert binaries is not None
    async with AsyncExitStack() as closing:
        server = closing.enter_context(running_server(binaries))
        database = Database(server.new_database())
        bring_up_to_date(database)
        yield server, database, closing


async def until(holds: object, *, within_s: float) -> None:
    """Wait until something holds."""
    assert callable(holds)
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.02)


@pytest.mark.slow
async def test_a_fleet_on_a_real_database(own: tuple[Server, Database, AsyncExitStack]) -> None:
    """It takes over from who is silent; it evicts in time while the database is frozen; it heals; it hands over."""
    server, database, closing = own
    a = Member(database, "a")
    closing.push_async_callback(a.close)
    for account in ACCOUNTS:
        await a.ledger.add(account)
    await until(lambda: len(a.tenants.running) == 4, within_s=5)
    b = Member(database, "b")
    closing.push_async_callback(b.close)
    await asyncio.sleep(1)

    server.freeze()
    try:
        await until(lambda: not a.tenants.running, within_s=LEASE_S * 2 / 3 + 0.3)
        assert not b.tenants.running
        assert "did not answer" in a.keeper.trouble
    finally:
        server.thaw()
    await until(lambda: len(a.tenants.running | b.tenants.running) == 4, within_s=LEASE_S + 5)
    assert not a.tenants.running & b.tenants.running

    gone_at = asyncio.get_running_loop().time()
    await a.close()  # without a word: as after kill -9
    await until(lambda: len(b.tenants.running) == 4, within_s=LEASE_S + 5)
    assert asyncio.get_running_loop().time() - gone_at < LEASE_S + 1

    c = Member(database, "c")
    closing.push_async_callback(c.close)
    await asyncio.sleep(1)
    left_at = asyncio.get_running_loop().time()
    await b.keeper.leave(within_s=10)
    await until(lambda: len(c.tenants.running) == 4, within_s=3)
    assert asyncio.get_running_loop().time() - left_at < 3
    assert not b.tenants.times("evict")
