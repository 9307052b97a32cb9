"""A person asks for a new connection: what is told of each phase of a link's life; in virtual time."""

import asyncio

import pytest

from linda_bot.app.answers import Reconnected
from linda_bot.app.reconnecting import reconnect
from linda_bot.connection.lifecycle import LinkState
from linda_bot.whatsapp.events import ClientOutdated, TemporarilyBanned
from tests.support.link_world import LinkWorld

pytestmark = pytest.mark.looptime


async def ask(world: LinkWorld, within_s: float = 30) -> Reconnected:
    """Ask the world's link."""
    return await reconnect(world.link, world.bus, "asked", within_s=within_s)


async def test_a_link_that_is_up_is_renewed() -> None:
    """Also for the second who asks meanwhile, by the same new engine."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.stop_takes_s = 1.0
        answers = await asyncio.gather(ask(world), ask(world))
        assert [answer.connected for answer in answers] == [True, True]
        assert answers[0].states == ("reconnecting", "connected")
        assert len(world.whatsapp.clients) == 2


async def test_the_time_is_over_before_the_connection_is_there() -> None:
    """What the link is now is told, and the bot goes on."""
    world = LinkWorld()
    async with world.running():
        await world.until(LinkState.CONNECTED)
        world.whatsapp.answers = False
        begun_at = asyncio.get_running_loop().time()
        answer = await ask(world, within_s=5)
        assert asyncio.get_running_loop().time() - begun_at == pytest.approx(5, abs=0.1)
        assert answer == Reconnected(connected=False, states=("reconnecting",))
        world.whatsapp.answers = True
        assert (await ask(world, within_s=100)).connected


async def test_a_wait_ends() -> None:
    """And with it the outage, if that is over."""
    world = LinkWorld()
    world.whatsapp.reachable = False
    async with world.running():
        await asyncio.sleep(200)
        world.whatsapp.reachable = True
        begun_at = asyncio.get_running_loop().time()
        answer = await ask(world)
        assert answer.connected
        assert asyncio.get_running_loop().time() - begun_at < 2


async def test_no_use_in_waiting() -> None:
    """A ban, and a bot that is to be linked: told at once."""
    world = LinkWorld()
    world.whatsapp.login_answer = TemporarilyBanned(code=101, expires_in_s=3600)
    async with world.running():
        await world.until(LinkState.BANNED)
        begun_at = asyncio.get_running_loop().time()
        answer = await ask(world)
        assert (answer.connected, answer.states) == (False, ("banned",))
        assert "prolong" in answer.why_not
        assert asyncio.get_running_loop().time() == begun_at
    async with LinkWorld(linked=False).running() as world:
        await world.until(LinkState.LINKING)
        await asyncio.sleep(1)
        answer = await ask(world)
        assert (answer.connected, answer.states) == (False, ("linking",))
        assert "scan the QR code" in answer.why_not


async def test_an_outdated_library_gets_one_more_try() -> None:
    """A person may know better; and is told when not."""
    world = LinkWorld()
    world.whatsapp.login_answer = ClientOutdated()
    async with world.running():
        await world.until(LinkState.OUTDATED)
        await asyncio.sleep(20)
        answer = await ask(world)
        assert (answer.connected, answer.states) == (False, ("reconnecting", "outdated"))
        assert "does not accept this version" in answer.why_not
        world.whatsapp.login_answer = None
        await asyncio.sleep(20)
        assert (await ask(world)).connected
