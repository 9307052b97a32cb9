"""A person has the device taken off the account while the bot runs; in virtual time."""

import asyncio

import pytest

from linda_bot.connection.events import AttemptFailed, LinkGaveUp, LinkingStarted, LinkStateChanged, LogoutAsked
from linda_bot.connection.incidents import concern_of
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.errors import ExitCode
from linda_bot.whatsapp.events import ConnectEnded
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError
from tests.support.fake_client import NUMBER
from tests.support.link_world import LinkWorld

pytestmark = pytest.mark.looptime


def said_goodbye(world: LinkWorld) -> None:
    """Check that the session is gone and the bot has ended, without a code and without an alarm."""
    assert world.exit_code is ExitCode.OK
    assert world.files.aside == world.files.retired == ["a person asked for it"]
    assert len(world.told(LogoutAsked)) == 1
    assert not world.told(LinkingStarted, AttemptFailed, LinkGaveUp)
    states = [event.new for event in world.told(LinkStateChanged) if isinstance(event, LinkStateChanged)]
    assert states[-4:] == ["connected", "logged_out", "stopping", "stopped"]
    assert not [event for event in world.told(LinkStateChanged) if concern_of(event)]


async def test_the_session_is_set_aside_and_the_bot_ends() -> None:
    """Nobody is there to scan a code."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        await world.link.log_out()
        await world.until(LinkState.STOPPED)

    said_goodbye(world)
    assert not world.whatsapp.linked


async def test_the_library_may_tell_of_its_end_before_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is the logout's end, no lost connection; also where nobody waits for the answer any more."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        (client,) = world.whatsapp.running
        log_out = client.logout

        async def log_out_and_tell(*, within_s: float = 20) -> None:
            await log_out(within_s=within_s)
            client.tell(ConnectEnded(error=""))
            await asyncio.sleep(3)

        monkeypatch.setattr(client, "logout", log_out_and_tell)
        asking = asyncio.create_task(world.link.log_out())
        await asyncio.sleep(1)
        asking.cancel()
        await world.until(LinkState.STOPPED)

    said_goodbye(world)


async def test_a_refusal_changes_nothing() -> None:
    """Neither an error nor silence: the link goes on, and it can be asked again."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.logout_refusal = "internal-server-error"
        with pytest.raises(ClientError, match="internal-server-error"):
            await world.link.log_out()
        world.whatsapp.logout_refusal = ""
        world.whatsapp.answers = False
        with pytest.raises(NoAnswerError):
            await world.link.log_out(within_s=5)
        world.whatsapp.answers = True
        assert world.link.state is LinkState.CONNECTED
        assert world.whatsapp.linked[world.files.store] == NUMBER
        await world.link.log_out()
        await world.until(LinkState.STOPPED)

    said_goodbye(world)


async def test_only_one_at_a_time() -> None:
    """Whoever asks meanwhile is told so."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.answers = False
        first = asyncio.create_task(world.link.log_out(within_s=5))
        await asyncio.sleep(1)
        with pytest.raises(NotSentError, match="under way"):
            await world.link.log_out(within_s=5)
        with pytest.raises(NoAnswerError):
            await first
        world.whatsapp.answers = True


@pytest.mark.parametrize("linked", [True, False])
async def test_without_a_link_nobody_can_be_told(*, linked: bool) -> None:
    """The bot goes on."""
    world = LinkWorld(linked=linked)
    world.whatsapp.reachable = not linked
    async with world.running():
        await asyncio.sleep(10)
        with pytest.raises(NotSentError, match="not up"):
            await world.link.log_out()
        await asyncio.sleep(10)
        assert world.exit_code is None
    assert world.files.aside == []
