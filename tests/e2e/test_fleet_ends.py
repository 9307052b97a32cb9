"""How a host ends when the database hangs, and what it says when it cannot take part."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from linda_bot.sandbox.server import Sandbox
from tests.support.hosts_world import HostsWorld, numbers_of
from tests.support.postgres import Server, find_binaries, running_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ENDS_WITHIN_S = 25.0
AT_ONCE_S = 1.0


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may freeze."""
    binaries = find_binaries()
    if binaries is None:
        assert os.environ.get("POSTGRES_TESTS") != "required"
        pytest.skip("there is no PostgreSQL; scripts/postgres installs it")
    with running_server(binaries) as server:
        yield server


@pytest.mark.parametrize("asked_twice", [False, True])
async def test_the_end_while_the_database_hangs(
    sandbox: Sandbox, own_server: Server, tmp_path: Path, *, asked_twice: bool
) -> None:
    """With a lease of the usual length it ends in time by itself, and at once when somebody asks again."""
    world = HostsWorld(sandbox, own_server.new_database(), tmp_path)
    numbers = numbers_of(2)
    try:
        bot = await world.start("a", LINDA_FLEET__LEASE="15")
        await world.link("a", numbers)
        own_server.freeze()
        try:
            bot.send_signal(signal.SIGTERM)
            asked_at = time.monotonic()
            if asked_twice:
                await asyncio.sleep(2)
                bot.send_signal(signal.SIGINT)
                asked_at = time.monotonic()
            assert await bot.exited(within_s=40) == 0
            took_s = time.monotonic() - asked_at
            print(f"ended within {took_s:.1f} s")  # noqa: T201
            assert took_s < (AT_ONCE_S if asked_twice else ENDS_WITHIN_S)
            assert not any(sandbox.online(number) for number in numbers)
        finally:
            own_server.thaw()
    finally:
        await world.close()


async def test_what_a_host_says_that_cannot_take_part(sandbox: Sandbox, postgres: Server, tmp_path: Path) -> None:
    """One line, and exit code 2: its name is taken, or the database is a newer version's."""
    world = HostsWorld(sandbox, postgres.new_database(), tmp_path)
    try:
        await world.start("a")
        await world.settled({"a": 0}, within_s=20)
        async with world.door("a") as door, asyncio.timeout(20):
            while (await door.get("http://localhost/readyz")).status != 200:
                await asyncio.sleep(0.1)
        twin = await world.start("b", LINDA_FLEET__HOST="a")
        assert await twin.exited(within_s=20) == 2
        assert "another host takes part as a; give this one a name of its own with LINDA_FLEET__HOST" in twin.screen
        await world.end("a")
        with psycopg.connect(world.address, autocommit=True) as connection:
            connection.execute("UPDATE linda_bot.alembic_version SET version_num = '9999'")
        late = await world.start("c")
        assert await late.exited(within_s=20) == 2
        assert "was written by a newer linda-bot" in late.screen
    finally:
        await world.close()


async def test_a_host_is_not_ready_before_the_database_was_reached(
    sandbox: Sandbox, own_server: Server, tmp_path: Path
) -> None:
    """A load balancer sends nobody to it; it says why."""
    world = HostsWorld(sandbox, own_server.new_database(), tmp_path)
    own_server.freeze()
    try:
        await world.start("a")
        async with world.door("a") as door:
            found = await door.get("http://localhost/readyz")
            assert found.status == 503
            assert "the database has not been reached yet" in (await found.json(content_type=None))["detail"]
            own_server.thaw()
            async with asyncio.timeout(30):
                while (await door.get("http://localhost/readyz")).status != 200:
                    await asyncio.sleep(0.1)
            told = await (await door.get("http://localhost/metrics")).text()
            assert "linda_bot_fleet_database_up 1.0" in told
            assert 'linda_bot_fleet_moves_total{why="taken_over"} 0.0' in told
    finally:
        own_server.thaw()
        await world.close()
