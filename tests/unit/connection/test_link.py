"""The life of a link, in virtual time, on a client that behaves."""

import asyncio

import pytest

from linda_bot.connection.events import (
    LinkGaveUp,
    LinkingCompleted,
    LinkingStarted,
    RestoreCompleted,
    RestoreStarted,
    RetryScheduled,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.errors import ExitCode, SessionInaccessibleError, SessionUnreachableError
from linda_bot.whatsapp.events import (
    ClientOutdated,
    Connected,
    ConnectEnded,
    Disconnected,
    EngineStarted,
    KeepAliveTimedOut,
    LoggedOut,
    QrIssued,
    QrRoundEnded,
    StreamReplaced,
    TemporarilyBanned,
)
from tests.support.fake_client import NUMBER
from tests.support.link_world import RULES, LinkWorld

pytestmark = pytest.mark.looptime


async def scan(world: LinkWorld, number: str = NUMBER) -> None:
    """Be the phone: wait for a code that nobody scanned yet, and scan it."""
    seen = world.told(QrIssued)
    while len(world.told(QrIssued)) == len(seen) and not seen:
        await asyncio.sleep(0.1)
    event = world.told(QrIssued)[-1]
    assert isinstance(event, QrIssued)
    world.whatsapp.running[0].scan(event.code, number)


async def test_a_linked_session_is_restored_without_a_code() -> None:
    """Start, log in, listen; the story is told in order."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)

    assert [RestoreStarted, RestoreCompleted] == [type(e) for e in world.told(RestoreStarted, RestoreCompleted)]
    assert not world.told(QrIssued)
    assert NUMBER == world.link.number


async def test_an_unlinked_session_is_linked_by_a_code() -> None:
    """No restore, one code, one pairing."""
    async with LinkWorld(linked=False).running() as world:
        await scan(world)
        await world.until(LinkState.CONNECTED)

    assert 1 == world.whatsapp.pairings
    assert [LinkingStarted, LinkingCompleted] == [type(e) for e in world.told(LinkingStarted, LinkingCompleted)]
    assert not world.told(RestoreStarted)


async def test_an_unreachable_server_costs_neither_session_nor_code() -> None:
    """Retries by the schedule; when the server is back the link is up within one delay."""
    world = LinkWorld()
    world.whatsapp.reachable = False
    async with world.running():
        await asyncio.sleep(100)
        world.whatsapp.reachable = True
        await world.until(LinkState.CONNECTED, within_s=60)

    waits = [event.in_s for event in world.told(RetryScheduled) if isinstance(event, RetryScheduled)]
    assert [3, 10, 30, 60] == waits
    assert not world.told(QrIssued)
    assert not world.files.aside


async def test_a_server_that_never_answers_is_given_thirty_seconds() -> None:
    """A dial that hangs is an unreachable server, not a bad session."""
    world = LinkWorld()
    world.whatsapp.answers = False
    async with world.running():
        await world.until(LinkState.RECONNECTING)
        assert 30 <= asyncio.get_running_loop().time() <= 31


async def test_a_short_drop_is_left_to_the_library() -> None:
    """The same engine comes back within the grace."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        client = world.whatsapp.running[0]
        client.tell(Disconnected())
        await world.until(LinkState.TRANSIENT_DISCONNECT)
        await asyncio.sleep(5)
        client.tell(Connected(number=NUMBER))
        await world.until(LinkState.CONNECTED)

    assert 1 == len(world.whatsapp.clients)


async def test_a_long_drop_gets_a_new_engine() -> None:
    """After the grace the engine is recycled, once."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.running[0].tell(Disconnected())
        await asyncio.sleep(11)
        await world.until(LinkState.CONNECTED)

    assert 2 == len(world.whatsapp.clients)


async def test_a_dead_engine_is_replaced_at_once() -> None:
    """A killed engine costs no wait and no code."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        before = asyncio.get_running_loop().time()
        world.whatsapp.running[0].kill()
        await asyncio.sleep(0.2)
        await world.until(LinkState.CONNECTED)
        assert asyncio.get_running_loop().time() - before < 1

    assert 2 == len(world.whatsapp.clients)


async def test_an_engine_that_dies_again_and_again_is_slowed_down() -> None:
    """A crash loop follows the schedule; only a minute of peace resets it."""
    async with LinkWorld().running() as world:
        for _ in range(4):
            await world.until(LinkState.CONNECTED)
            world.whatsapp.running[0].kill()
            await asyncio.sleep(0.2)
        waits = [event.in_s for event in world.told(RetryScheduled) if isinstance(event, RetryScheduled)]
        assert [10, 30, 60] == waits
        await world.until(LinkState.CONNECTED)
        await asyncio.sleep(61)
        world.whatsapp.running[0].kill()
        await asyncio.sleep(0.3)
        assert world.link.state is LinkState.CONNECTED


async def test_keep_alive_timeouts_recycle_the_engine_once() -> None:
    """A zombie socket is noticed by the library's third miss."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        for errors in (1, 2, 3):
            world.whatsapp.running[0].tell(KeepAliveTimedOut(errors=errors))
        await asyncio.sleep(1)
        await world.until(LinkState.CONNECTED)

    assert 2 == len(world.whatsapp.clients)


async def test_a_quiet_day_is_a_healthy_day() -> None:
    """24 hours without a message, pings answered: no reconnect."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        await asyncio.sleep(24 * 3600)
        assert world.link.state is LinkState.CONNECTED

    assert 1 == len(world.whatsapp.clients)


async def test_unanswered_pings_recycle_the_engine() -> None:
    """Two misses of the application's own round trip, and nothing else heard."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.answers = False
        await asyncio.sleep(2 * 320 + 2)
        assert world.link.state is LinkState.RECONNECTING
        world.whatsapp.answers = True
        await world.until(LinkState.CONNECTED, within_s=120)


async def test_a_removed_device_is_set_aside_and_linked_anew() -> None:
    """401: no retry, the files are kept, a new code is shown and the reason said."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.running[0].tell(LoggedOut(code=401, on_connect=False))
        await scan(world)
        await world.until(LinkState.CONNECTED)

    assert "401" in world.files.aside[0]
    assert 1 == len(world.files.aside)
    assert 1 == world.whatsapp.pairings


async def test_a_removed_device_ends_a_bot_that_may_show_no_code() -> None:
    """--no-qr: exit code 5 with what to do."""
    async with LinkWorld(rules=RULES._replace(can_show_qr=False)).running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.running[0].tell(LoggedOut(code=401, on_connect=False))
        assert ExitCode.LOGGED_OUT == await world.exited()

    assert 1 == len(world.told(LinkGaveUp))


async def test_an_unlinked_bot_that_may_show_no_code_ends() -> None:
    """--no-qr without a session: exit code 4, no engine was started."""
    async with LinkWorld(linked=False, rules=RULES._replace(can_show_qr=False)).running() as world:
        assert ExitCode.LINKING_NEEDED == await world.exited()

    assert not world.whatsapp.clients


async def test_a_replaced_link_waits_and_then_yields() -> None:
    """30 s, two tries, exit code 7."""
    async with LinkWorld().running() as world:
        for _ in range(3):
            await world.until(LinkState.CONNECTED)
            world.whatsapp.running[0].tell(StreamReplaced())
            await asyncio.sleep(1)
        assert ExitCode.REPLACED == await world.exited()
        assert 60 <= asyncio.get_running_loop().time() < 70


async def test_a_ban_is_waited_out() -> None:
    """No engine runs until the ban is over."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.running[0].tell(TemporarilyBanned(code=101, expires_in_s=7200))
        await asyncio.sleep(7000)
        assert world.link.state is LinkState.BANNED
        assert not world.whatsapp.running
        await world.until(LinkState.CONNECTED, within_s=300)


async def test_an_outdated_client_is_no_storm() -> None:
    """One try an hour, no code."""
    world = LinkWorld()
    world.whatsapp.login_answer = ClientOutdated()
    async with world.running():
        await asyncio.sleep(5 * 3600 - 10)
        assert world.link.state is LinkState.OUTDATED

    assert 5 == len(world.whatsapp.clients)
    assert not world.told(QrIssued)


async def test_qr_rounds_end() -> None:
    """Nobody scans: three rounds with an engine each, then exit code 4."""
    async with LinkWorld(linked=False).running() as world:
        for _ in range(3):
            while not world.whatsapp.running:
                await asyncio.sleep(0.1)
            client = world.whatsapp.running[0]
            await asyncio.sleep(60)  # the code runs out
            client.tell(QrRoundEnded(outcome="timeout"))
            await asyncio.sleep(1)
        assert ExitCode.LINKING_NEEDED == await world.exited()

    assert 3 == len(world.whatsapp.clients)


async def test_a_wrong_phone_is_unlinked_again() -> None:
    """The configured account is the only one that may be linked."""
    async with LinkWorld(linked=False, account="15550001111").running() as world:
        await scan(world)
        await asyncio.sleep(5)
        assert world.link.state is LinkState.LINKING
        assert not world.whatsapp.linked


async def test_a_damaged_store_is_tried_before_it_is_set_aside() -> None:
    """Three attempts 5 s apart, then quarantine, then a code."""
    world = LinkWorld()
    world.whatsapp.login_answer = ConnectEnded(error="file is not a database")
    async with world.running():
        while not world.told(QrIssued):
            await asyncio.sleep(0.1)
        assert 10 <= asyncio.get_running_loop().time() <= 11

    assert 1 == len(world.files.aside)


async def test_messages_are_told() -> None:
    """What waited while the bot was down and what comes later, in order, from one engine after the other."""
    world = LinkWorld()
    world.whatsapp.say("first")
    async with world.running():
        await world.until(LinkState.CONNECTED)
        world.whatsapp.say("second")
        world.whatsapp.running[0].kill()
        await asyncio.sleep(0.2)
        await world.until(LinkState.CONNECTED, within_s=5)
        world.whatsapp.say("third")
        await asyncio.sleep(1)

    assert ["first", "second", "third"] == [event.message.text for event in world.taken]


async def test_a_full_disk_in_the_middle_is_waited_out() -> None:
    """A session that cannot be looked at for a while costs a running bot neither its life nor its link."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.files.trouble = SessionInaccessibleError("no space")
        world.whatsapp.running[0].kill()
        await asyncio.sleep(20)
        assert world.link.state is LinkState.RECONNECTING
        world.files.trouble = None
        await world.until(LinkState.CONNECTED, within_s=60)


async def test_a_session_that_cannot_be_looked_at_is_told_at_the_start() -> None:
    """Somebody is there who can mend it."""
    world = LinkWorld()
    world.files.trouble = SessionInaccessibleError("permission denied")

    with pytest.raises(SessionInaccessibleError):
        await world.link.run()


async def test_a_logout_that_the_library_keeps_to_itself_is_noticed() -> None:
    """The device row is gone and no event comes: within seconds a new code is shown, not after the login's deadline."""
    world = LinkWorld()
    world.whatsapp.login_answer = EngineStarted(pid=1, library_version="fake", import_ms=0)  # tells nothing
    async with world.running():
        await asyncio.sleep(2)
        world.whatsapp.linked.clear()
        while not world.told(QrIssued):
            await asyncio.sleep(0.1)
        assert asyncio.get_running_loop().time() < 5

    assert 1 == len(world.files.aside)


@pytest.mark.parametrize("method", ["look", "recover"])
async def test_a_session_that_is_out_of_reach_at_the_start_is_waited_for(method: str) -> None:
    """Unlike one whose files a person must see to: on the schedule of a network that is down."""
    world = LinkWorld()
    world.files.trouble = SessionUnreachableError("the database cannot be used")
    world.files.fails_in = frozenset({method})
    world.files.damaged = method == "recover"
    async with world.running():
        await asyncio.sleep(60)
        assert len(world.told(RetryScheduled)) > 1
        world.files.trouble, world.files.damaged = None, False
        await world.until(LinkState.CONNECTED)
