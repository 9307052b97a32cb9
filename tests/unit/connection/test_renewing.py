"""A new engine in good order: nothing that comes or goes meanwhile is lost, doubled or out of order."""

import asyncio

import pytest

from linda_bot.app.companions import heard
from linda_bot.connection.lifecycle import LinkState
from linda_bot.messaging.message import Message
from linda_bot.messaging.router import Router
from linda_bot.whatsapp.content import Text
from tests.support.link_world import LinkWorld
from tests.support.mail_world import Daemon
from tests.support.quick_disk import quick_directory

pytestmark = pytest.mark.looptime


FRIENDS = [f"49151000000{number}@s.whatsapp.net" for number in range(3)]


@pytest.mark.parametrize("send_takes_s", [0.0, 0.3, 4.0])
async def test_a_busy_link_is_renewed_again_and_again(send_takes_s: float) -> None:
    """An echo bot under six renewals: each message is taken and answered once, in order per chat."""
    router = Router()

    @router.message()
    async def echo(message: Message) -> None:
        await message.reply(message.text)

    said: dict[str, list[str]] = {friend: [] for friend in FRIENDS}
    with quick_directory() as directory:
        world = LinkWorld(mailbox=directory / "messages.db")
        world.whatsapp.send_takes_s = send_takes_s
        daemon = Daemon(directory / "messages.db", world.link.client, router, world.bus)
        async with world.running(), heard(world.bus, "messages", daemon.hear):
            daemon.start()
            await world.until(LinkState.CONNECTED)
            for number in range(60):
                for friend in FRIENDS:
                    said[friend].append(str(number))
                    world.whatsapp.say(str(number), sender=friend)
                await asyncio.sleep(0.7)
                if number % 10 == 5:
                    world.link.renew("the daily refresh")
            await asyncio.sleep(1000)
            await daemon.stop()

    assert len(world.whatsapp.clients) == 7
    for friend in FRIENDS:
        assert [text for chat, text in world.whatsapp.heard if chat == friend] == said[friend]


async def test_what_is_being_sent_is_confirmed_before_the_old_engine_ends() -> None:
    """A slow send holds the renewal up, for ten seconds at most."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        (old,) = world.whatsapp.running
        world.whatsapp.send_takes_s = 6.0
        sending = asyncio.create_task(old.send("c", Text(text="t")))
        await asyncio.sleep(1)
        begun_at = asyncio.get_running_loop().time()
        world.link.hint("asked", insist=True)
        assert await world.link.outcome() is LinkState.CONNECTED
        assert asyncio.get_running_loop().time() - begun_at == pytest.approx(5, abs=0.1)
        assert (await sending).id
        world.whatsapp.send_takes_s = 1000.0
        hanging = asyncio.create_task(world.whatsapp.running[0].send("c", Text(text="t")))
        await asyncio.sleep(1)
        begun_at = asyncio.get_running_loop().time()
        world.link.hint("asked", insist=True)
        assert await world.link.outcome() is LinkState.CONNECTED
        assert asyncio.get_running_loop().time() - begun_at == pytest.approx(10, abs=0.1)
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)


async def test_a_link_whose_line_is_lost_is_renewed_without_a_wait() -> None:
    """Nothing can be confirmed there."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        (old,) = world.whatsapp.running
        world.whatsapp.send_takes_s = 1000.0
        hanging = asyncio.create_task(old.send("c", Text(text="t")))
        await asyncio.sleep(1)
        old.lose_line()
        await world.until(LinkState.TRANSIENT_DISCONNECT)
        assert world.link.hint("asked", insist=True)
        await world.until(LinkState.CONNECTED, within_s=0.1)
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)


async def test_nobody_gets_a_client_that_is_about_to_end() -> None:
    """Who asks during the renewal gets the next one."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        (old,) = world.whatsapp.running
        world.whatsapp.stop_takes_s = 2.0
        world.link.renew("the daily refresh")
        await asyncio.sleep(1)
        assert old.alive
        client = await asyncio.wait_for(world.link.client(), 5)
        assert client is not old
        assert not old.alive
