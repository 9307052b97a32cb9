"""How a host begins to take part, and ends: with a database that is not there, is a newer one, or has its name."""

import asyncio
import sys
import time
from pathlib import Path

import psycopg
import pytest

from linda_bot.app.fleet_house import FleetHouse
from linda_bot.app.run_fleet import Fleet
from linda_bot.database.migrating import bring_up_to_date
from linda_bot.fleet.events import FleetRecovered, FleetTrouble
from linda_bot.fleet.ledger import HostReplacedError
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.events import Event
from linda_bot.sessions.paths import HousePaths
from linda_bot.settings.accounts import load_account_settings
from tests.support.postgres import Server

NOWHERE = "postgresql://linda:secret@127.0.0.1:9/none"


class World:
    """A host, without accounts."""

    def __init__(self, directory: Path, address: str, host: str = "here") -> None:
        fleet = {"host": host, "lease": 3}
        settings = load_account_settings({"data_dir": directory, "store": address, "fleet": fleet})
        (directory / "sessions").mkdir(parents=True, exist_ok=True)
        self.bus = EventBus()
        self.events: list[Event] = []
        self.fleet = Fleet(settings.shared, HousePaths(directory), self.bus)
        self.house: FleetHouse = self.fleet.house_of(settings, lambda _name, _linking: pytest.fail("no account"))

    def told(self) -> list[str]:
        """Return the kinds of events so far."""
        return [type(event).__name__ for event in self.events]


async def test_a_database_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    """It is tried again and again; the end does not wait for it."""
    world = World(tmp_path, NOWHERE)
    with world.bus.subscribe((FleetTrouble, FleetRecovered), name="test") as events:
        async with world.fleet.taking_part() as taking_part:
            await asyncio.sleep(4.5)
            assert not taking_part.done()
            assert [type(event) for event in events.pending()] == [FleetTrouble]
            assert "the database has not been reached yet: the database none on" in world.house.readiness()
            assert "secret" not in world.house.readiness()
            began_at = time.monotonic()
        assert time.monotonic() - began_at < 3


async def test_a_database_that_comes_back_is_told(
    tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it was away before this host had taken part."""
    world = World(tmp_path, postgres.new_database())
    monkeypatch.setattr("linda_bot.app.run_fleet._AGAIN_S", 0.2)
    right, world.fleet.database = world.fleet.database, type(world.fleet.database)(NOWHERE)
    with world.bus.subscribe((FleetTrouble, FleetRecovered), name="test") as events:
        async with world.fleet.taking_part():
            await asyncio.sleep(0.5)
            world.fleet.database = right
            async with asyncio.timeout(20):
                while world.house.readiness():
                    await asyncio.sleep(0.05)
            assert [type(event) for event in events.pending()] == [FleetTrouble, FleetRecovered]
            figures = world.fleet.figures()
            assert (figures.database_up, figures.hosts, figures.held, figures.lease_left_s) == (True, 1, 0, None)


async def test_a_newer_versions_database_ends_the_host(tmp_path: Path, postgres: Server) -> None:
    """In one line; nothing of it is touched."""
    world = World(tmp_path, postgres.new_database())
    await asyncio.to_thread(bring_up_to_date, world.fleet.database)
    with psycopg.connect(world.fleet.database.address, autocommit=True) as connection:
        connection.execute("UPDATE linda_bot.alembic_version SET version_num = '9999'")
    async with world.fleet.taking_part() as taking_part:
        await asyncio.wait({taking_part}, timeout=10)
        with pytest.raises(UsageError, match="written by a newer linda-bot"):
            taking_part.result()


async def test_a_second_host_of_one_name_ends(tmp_path: Path, postgres: Server) -> None:
    """The first one goes on; the message says what to do."""
    address = postgres.new_database()
    first, second = World(tmp_path / "a", address), World(tmp_path / "b", address)
    async with first.fleet.taking_part() as going_on:
        async with asyncio.timeout(20):
            while first.house.readiness():
                await asyncio.sleep(0.05)
        async with second.fleet.taking_part() as taking_part:
            await asyncio.wait({taking_part}, timeout=10)
            with pytest.raises(HostReplacedError, match="LINDA_FLEET__HOST") as found:
                taking_part.result()
            assert found.value.exit_code is ExitCode.USAGE
        assert not going_on.done()


async def test_without_the_driver_the_host_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says how to get it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    world = World(tmp_path, NOWHERE)
    async with world.fleet.taking_part() as taking_part:
        await asyncio.wait({taking_part}, timeout=10)
        with pytest.raises(UsageError, match="PostgreSQL extra"):
            taking_part.result()


async def test_a_bug_in_looking_at_the_accounts_ends_the_host(
    tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that is blind must not go on as if it saw."""
    world = World(tmp_path, postgres.new_database())

    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(world.house, "live", fail)
    async with world.fleet.taking_part() as taking_part:
        await asyncio.wait({taking_part}, timeout=10)
        with pytest.raises(ZeroDivisionError):
            taking_part.result()
