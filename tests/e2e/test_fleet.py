"""Several hosts on one database: who has an account, and that never two have it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.support.hosts_world import LEASE_S, HostsWorld, numbers_of
from tests.support.pausing_proxy import PausingProxy
from tests.support.postgres import Server, find_binaries, running_server
from trials.chaos.weather import make_weather

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HANDED_OVER_WITHIN_S = 3.0
MORE_S = 5.0
"""Beside the lease: how long an account may be without a host that dies."""
BOUND_S = 1.0
"""How long a process that was paused may take to end when it wakes up."""


@pytest.fixture
async def world(sandbox: Sandbox, postgres: Server, tmp_path: Path) -> AsyncIterator[HostsWorld]:
    """Hosts that share a database."""
    sandbox.keeps_both = True  # so that two engines of one account would be seen
    found = HostsWorld(sandbox, postgres.new_database(), tmp_path)
    yield found
    await found.close()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may stop."""
    binaries = find_binaries()
    if binaries is None:
        assert os.environ.get("POSTGRES_TESTS") != "required"
        pytest.skip("there is no PostgreSQL; scripts/postgres installs it")
    with running_server(binaries) as server:
        yield server


@asynccontextmanager
async def writing(friend: Contact, numbers: list[str], *, every_s: float) -> AsyncIterator[list[str]]:
    """Write to all accounts in turn until the end of the block; yields what was written so far."""
    written: list[str] = []
    ended = asyncio.Event()

    async def write() -> None:
        while not ended.is_set():
            for number in numbers:
                text = f"number {len(written)} to {number}"
                await friend.send(number, text)
                written.append(text)
                await asyncio.sleep(every_s)

    task = asyncio.create_task(write())
    try:
        yield written
    finally:
        ended.set()
        await task


async def answers_of(friend: Contact, written: list[str], *, within_s: float) -> tuple[int, int]:
    """Return how many answers are missing, and how many came more than once."""
    wanted, counts = {f"echo {text}" for text in written}, dict.fromkeys((f"echo {text}" for text in written), 0)
    give_up_at = time.monotonic() + within_s
    while any(not counts[text] for text in wanted) and time.monotonic() < give_up_at:
        try:
            message = await friend.next_message(within_s=1)
        except TimeoutError:
            continue
        if message.text in counts:
            counts[message.text] += 1
    for message in friend.received():
        if message.text in counts:
            counts[message.text] += 1
    return sum(not count for count in counts.values()), sum(count > 1 for count in counts.values())


@pytest.mark.parametrize("count", [6, pytest.param(12, marks=pytest.mark.rare)])
async def test_three_hosts_share_the_accounts(world: HostsWorld, count: int) -> None:
    """They come to an equal share; a host that is killed, or told to end, is replaced, and nobody is linked anew."""
    numbers = numbers_of(count)
    await world.start("a")
    await world.link("a", numbers)
    async with world.friend() as friend:
        await world.all_answer(friend, numbers, within_s=20)
        # The clock of one of them is an hour off, where that can be had: it is of no consequence.
        weather = make_weather(world.directory)
        if weather is not None:
            weather.clock_off_by(3600)
        await world.start("b", **(weather.environment if weather is not None else {}))
        await world.start("c")
        share = count // 3
        await world.settled({"a": share, "b": share, "c": share}, within_s=90)
        await world.all_answer(friend, numbers, within_s=20)
        handed = [move for move in await world.moves() if move.why == "handed_over"]
        assert count - share <= len(handed) < 2 * count  # who was there first may have given one too many away
        assert max(move.free_s for move in handed) < HANDED_OVER_WITHIN_S

        died_at = time.monotonic()
        world.kill("b")
        await world.all_answer(friend, numbers, within_s=LEASE_S + MORE_S)
        print(f"after kill -9 all answered again within {time.monotonic() - died_at:.1f} s")  # noqa: T201

        before = len(await world.moves())
        async with writing(friend, numbers, every_s=0.05) as written:
            await asyncio.sleep(0.5)
            assert await world.end("c") == 0
            await asyncio.sleep(1)
        lost, doubled = await answers_of(friend, written, within_s=30)
        gaps = [move.free_s for move in (await world.moves())[: len(await world.moves()) - before] if move.to_host]
        assert (lost, doubled) == (0, 0)
        assert gaps
        assert max(gaps) < HANDED_OVER_WITHIN_S
        await world.settled({"a": count})
    assert world.pairings(numbers) == count
    assert world.sandbox.overlaps == []


async def test_the_database_fails(sandbox: Sandbox, own_server: Server, tmp_path: Path) -> None:
    """Frozen for longer than a lease it stops all accounts; crashed and back, they go on; nobody is linked anew."""
    sandbox.keeps_both = True
    world = HostsWorld(sandbox, own_server.new_database(), tmp_path)
    numbers = numbers_of(3)
    try:
        await world.start("a")
        await world.link("a", numbers)
        await world.start("b")
        await world.settled({"a": 2, "b": 1}, within_s=60)
        async with world.friend() as friend:
            await world.all_answer(friend, numbers, within_s=20)
            own_server.freeze()
            try:
                async with asyncio.timeout(LEASE_S + 2):
                    while any(sandbox.online(number) for number in numbers):
                        await asyncio.sleep(0.05)
                await asyncio.sleep(2)
                assert not any(sandbox.online(number) for number in numbers)
            finally:
                own_server.thaw()
            await world.all_answer(friend, numbers, within_s=LEASE_S + MORE_S + 10)
            async with writing(friend, numbers, every_s=0.05) as written:
                await asyncio.sleep(0.5)
                own_server.stop("immediate")
                await asyncio.sleep(1)
                own_server.start()
                await asyncio.sleep(1)
            lost, doubled = await answers_of(friend, written, within_s=LEASE_S + MORE_S + 10)
            assert doubled == 0
            # What was being sent in the moment of the crash may have arrived: it is known as such, and not sent again.
            assert lost <= await asyncio.to_thread(world.unknown, numbers) <= len(numbers)
    finally:
        await world.close()
    assert world.pairings(numbers) == len(numbers)
    assert sandbox.overlaps == []


async def test_one_host_is_cut_off_and_one_is_paused(world: HostsWorld, postgres: Server) -> None:
    """The other has their accounts by the end of the lease; never two have one, and it heals."""
    numbers = numbers_of(2)
    async with PausingProxy(postgres.port) as proxy:
        behind = world.address.replace(f":{postgres.port}/", f":{proxy.port}/")
        await world.start("a", address=behind)
        await world.link("a", numbers)
        await world.start("b")
        await world.settled({"a": 1, "b": 1}, within_s=60)
        async with world.friend() as friend:
            proxy.pause()
            await world.settled({"a": 0, "b": 2}, within_s=LEASE_S + MORE_S)
            await world.all_answer(friend, numbers, within_s=10)
            proxy.resume()
            await world.settled({"a": 1, "b": 1}, within_s=60)
            await world.all_answer(friend, numbers, within_s=10)

            daemon = world.hosts["b"]
            daemon.send_signal(signal.SIGSTOP)  # its engine is not, and ends by itself
            await world.settled({"a": 2, "b": 0}, within_s=LEASE_S + MORE_S)
            await world.all_answer(friend, numbers, within_s=10)
            daemon.send_signal(signal.SIGCONT)
            await world.settled({"a": 1, "b": 1}, within_s=60)
            await world.all_answer(friend, numbers, within_s=10)
            assert world.sandbox.overlaps == []

            processes = [psutil.Process(daemon.pid), *psutil.Process(daemon.pid).children(recursive=True)]
            for process in processes:
                process.suspend()
            await world.settled({"a": 2, "b": 0}, within_s=LEASE_S + MORE_S)
            await world.all_answer(friend, numbers, within_s=10)
            woken_at = time.monotonic()
            for process in processes:
                process.resume()
            async with asyncio.timeout(BOUND_S + 1):
                while not world.sandbox.overlaps:
                    await asyncio.sleep(0.02)
            assert time.monotonic() - woken_at < BOUND_S  # what slept had its line open, and is gone
            await world.settled({"a": 1, "b": 1}, within_s=60)
            await world.all_answer(friend, numbers, within_s=10)
    assert world.pairings(numbers) == len(numbers)
    assert len(world.sandbox.overlaps) == 1
