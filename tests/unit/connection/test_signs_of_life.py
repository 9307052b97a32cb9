"""What tells a live link from one that hangs or is dead, for us and for the supervisor; in virtual time."""

import asyncio

import pytest

from linda_bot.connection.events import AttemptFailed
from linda_bot.connection.lifecycle import LinkState
from linda_bot.whatsapp.events import (
    EnginePrinted,
    EngineStarted,
    KeepAliveTimedOut,
    PairFailed,
)
from tests.support.link_world import LinkWorld

pytestmark = pytest.mark.looptime


@pytest.mark.slow
async def test_the_link_responds_through_every_normal_wait() -> None:
    """An outage of a day, with slow engines and long waits: nothing of it is a hang."""
    world = LinkWorld()
    world.whatsapp.answers = False
    async with world.running():
        for hour in range(48):
            world.whatsapp.stop_takes_s = float(hour % 3)
            world.whatsapp.start_takes_s = float(hour % 50)
            for _ in range(60):
                await asyncio.sleep(30)
                assert world.link.responds()


async def test_a_look_at_the_files_that_hangs_is_a_hang() -> None:
    """After five minutes, not before."""
    world = LinkWorld()
    world.files.hangs = True
    async with world.running():
        await asyncio.sleep(299)
        assert world.link.responds()
        await asyncio.sleep(2)
        assert not world.link.responds()


async def test_an_engine_that_cannot_be_ended_is_a_hang() -> None:
    """Nothing goes on without it: the supervisor has to help."""
    world = LinkWorld()
    async with world.running():
        await world.until(LinkState.CONNECTED)
        client = world.whatsapp.running[0]
        stop, ended = client.stop, asyncio.Event()

        async def hang(*, within_s: float = 3, drain_s: float = 0) -> None:
            await ended.wait()
            await stop(within_s=within_s, drain_s=drain_s)

        client.stop = hang  # type: ignore[method-assign]
        client.tell(KeepAliveTimedOut(errors=3))
        await asyncio.sleep(10)
        assert world.link.responds()
        await asyncio.sleep(60)
        assert not world.link.responds()
        ended.set()
        await world.until(LinkState.RECONNECTING)
        await world.until(LinkState.CONNECTED)
        assert world.link.responds()


async def test_the_librarys_own_words_are_no_sign_of_life() -> None:
    """It prints lines while the server is silent: the pings go on all the same."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        (client,) = world.whatsapp.running
        world.whatsapp.answers = False
        for _ in range(20):
            await asyncio.sleep(20)
            client.tell(EnginePrinted(line="something"))
            client.tell(EngineStarted(pid=1, library_version="fake", import_ms=0))
        assert world.times(AttemptFailed)[0] == pytest.approx(340, abs=1)


async def test_the_librarys_first_doubt_is_looked_into_at_once() -> None:
    """Twice 20 s without an answer are sooner than two more keep-alives of 35 s; a live line is left alone."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        (client,) = world.whatsapp.running
        client.tell(KeepAliveTimedOut(errors=1))
        await asyncio.sleep(100)
        assert world.link.state is LinkState.CONNECTED

        world.whatsapp.answers = False
        doubted_at = asyncio.get_running_loop().time()
        client.tell(KeepAliveTimedOut(errors=1))
        while not world.told(AttemptFailed):
            await asyncio.sleep(0.5)
        assert asyncio.get_running_loop().time() - doubted_at == pytest.approx(40, abs=1)


async def test_a_pairing_that_nobody_asked_for_ends_a_link_that_is_up() -> None:
    """The library closes its socket for good then, and says nothing else."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.running[0].tell(PairFailed(reason="unexpected"))
        await asyncio.sleep(1)
        assert world.link.state is LinkState.CONNECTED
        assert len(world.whatsapp.clients) == 2
