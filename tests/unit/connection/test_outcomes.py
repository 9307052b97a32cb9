"""Restoring in three attempts, and what a second caller is told of the attempt that is under way; in virtual time."""

import asyncio

import pytest

from linda_bot.connection.events import AttemptFailed, HintTaken, RestoreStarted, RetryScheduled
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.errors import ExitCode, SessionInaccessibleError
from linda_bot.whatsapp.content import Text
from linda_bot.whatsapp.events import (
    Connected,
    ConnectEnded,
    Disconnected,
    LoggedOut,
    TemporarilyBanned,
)
from tests.support.fake_client import NUMBER
from tests.support.link_world import RULES, LinkWorld

pytestmark = pytest.mark.looptime

DAMAGED = ConnectEnded(error="file is not a database")


async def test_a_bad_session_gets_three_attempts_five_seconds_apart() -> None:
    """Each is told with its number, and each has an engine of its own."""
    world = LinkWorld()
    world.whatsapp.login_answer = DAMAGED
    async with world.running():
        await asyncio.sleep(10.5)
        numbers = [event.attempt for event in world.told(RestoreStarted) if isinstance(event, RestoreStarted)]
        assert numbers == [1, 2, 3]
        assert world.times(RestoreStarted) == pytest.approx([0, 5, 10], abs=0.1)


@pytest.mark.parametrize("what", ["the server is silent", "the engine does not start"])
async def test_each_attempt_has_thirty_seconds(what: str) -> None:
    """Counted from the engine's start, whatever hangs; then the server's road, not the bad session's."""
    world = LinkWorld()
    world.whatsapp.answers = what != "the server is silent"
    world.whatsapp.start_takes_s = 100.0 if world.whatsapp.answers else 0.0
    async with world.running():
        await asyncio.sleep(33.5 + 30)
        assert world.times(AttemptFailed) == pytest.approx([30, 63], abs=0.1)
        assert world.link.state is LinkState.RECONNECTING
    assert len(world.told(RestoreStarted)) == 1
    assert not world.files.aside


async def test_sockets_that_are_lost_before_the_login_do_not_prolong_it() -> None:
    """A server that takes the connection and drops it, again and again: 30 s in all."""
    world = LinkWorld()
    world.whatsapp.login_answer = Disconnected()
    async with world.running():
        for _ in range(20):
            await asyncio.sleep(2)
            for client in world.whatsapp.running:
                client.tell(Disconnected())
            if world.told(AttemptFailed):
                break
        assert world.times(AttemptFailed)[0] <= 30


async def test_a_second_caller_gets_the_result_of_the_attempt_that_runs() -> None:
    """No second engine is made; the result is the state that the attempt leads to."""
    world = LinkWorld()
    world.whatsapp.start_takes_s = 10.0
    async with world.running():
        await asyncio.sleep(1)
        callers = [asyncio.create_task(world.link.outcome()) for _ in range(3)]
        assert not world.link.hint("asked", insist=True)
        assert await asyncio.gather(*callers) == [LinkState.CONNECTED] * 3
        assert asyncio.get_running_loop().time() == pytest.approx(10, abs=0.1)
    assert len(world.whatsapp.clients) == 1


async def test_a_second_caller_is_told_of_a_failure_too() -> None:
    """The server does not answer: the caller does not wait for the next attempt."""
    world = LinkWorld()
    world.whatsapp.answers = False
    async with world.running():
        await asyncio.sleep(1)
        world.link.hint("asked", insist=True)
        assert await world.link.outcome() is LinkState.RECONNECTING
        assert asyncio.get_running_loop().time() == pytest.approx(30, abs=0.1)


@pytest.mark.parametrize("turns", range(4))
async def test_a_renewal_is_done_when_the_new_engine_is_up(turns: int) -> None:
    """Not before, also when the old one's library comes back from a drop just then, some turns of the loop earlier."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.start_takes_s = 4.0
        old = world.whatsapp.running[0]
        old.tell(Disconnected())
        old.tell(Connected(number=NUMBER))
        for _ in range(turns):
            await asyncio.sleep(0)
        assert world.link.hint("asked", insist=True)
        before = asyncio.get_running_loop().time()
        assert await world.link.outcome() is LinkState.CONNECTED
        assert asyncio.get_running_loop().time() - before == pytest.approx(4, abs=0.1)
        assert old not in world.whatsapp.running


async def test_the_end_is_a_result() -> None:
    """Who waits for a result when the link is stopped, or asks after that, does not wait for ever."""
    world = LinkWorld()
    world.whatsapp.answers = False
    async with world.running():
        await asyncio.sleep(1)
        waiting = asyncio.create_task(world.link.outcome())
        await asyncio.sleep(1)
        assert not waiting.done()
    assert await asyncio.wait_for(waiting, 1) is LinkState.STOPPED
    world.link.stop_asked()
    assert world.link.state is LinkState.STOPPED
    assert not world.link.hint("asked", insist=True)


async def test_after_a_stop_was_asked_for_no_engine_is_begun() -> None:
    """The last engine may finish what it does; when it dies, that is the end."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.link.stop_asked()
        assert not world.link.renew("the daily refresh")
        assert not world.link.hint("asked", insist=True)
        await asyncio.sleep(1)
        assert len(world.whatsapp.running) == 1
        world.whatsapp.running[0].kill()
        assert await world.exited() is ExitCode.OK
    assert len(world.whatsapp.clients) == 1


async def test_a_stop_during_a_renewal_ends_the_old_engine() -> None:
    """Something is being sent and takes long; the stop does not wait for it, and leaves no engine."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.send_takes_s = 1000.0
        sending = asyncio.create_task(world.whatsapp.running[0].send("c", Text(text="t")))
        await asyncio.sleep(1)
        world.link.renew("the daily refresh")
        await asyncio.sleep(1)
        before = asyncio.get_running_loop().time()
        world.stop()
        await asyncio.sleep(0.1)
        world.stop()
        sending.cancel()
    assert asyncio.get_running_loop().time() - before < 1


async def test_a_stop_that_is_repeated_waits_for_the_engine() -> None:
    """An engine that takes its time to end is not left behind by the second cancellation."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.stop_takes_s = 2.0
        world.stop()
        await asyncio.sleep(0.5)
        world.stop()
        await asyncio.sleep(0.5)
        assert world.whatsapp.running, "it is still ending"


async def test_the_device_row_is_looked_for_only_until_the_login() -> None:
    """It is the disk's business once a second; a link that is up costs nothing."""
    world = LinkWorld()
    world.whatsapp.start_takes_s = 5.0
    async with world.running():
        await world.until(LinkState.CONNECTED)
        looked = world.files.rows_looked_for
        assert 3 <= looked <= 6
        await asyncio.sleep(3600)
        assert world.files.rows_looked_for == looked


async def test_a_bug_beside_the_attempt_ends_it_aloud() -> None:
    """What fails where nobody awaits it must not leave a link that looks well."""
    world = LinkWorld()
    world.whatsapp.start_takes_s = 5.0

    async def still_linked() -> bool:
        raise ZeroDivisionError

    world.files.still_linked = still_linked  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(world.link.run(), 100)
    assert not world.whatsapp.running


@pytest.mark.parametrize("can_show_qr", [True, False])
async def test_a_logout_while_the_disk_is_full(*, can_show_qr: bool) -> None:
    """Backups cannot be marked nor the session moved: exit code 5, or a code as soon as the disk has room."""
    world = LinkWorld(rules=RULES._replace(can_show_qr=can_show_qr))
    world.files.backups = ["backup-001"]
    async with world.running():
        await world.until(LinkState.CONNECTED)
        world.files.trouble = SessionInaccessibleError("no space")
        world.files.fails_in = frozenset({"look", "retire", "set_aside"})
        world.whatsapp.running[0].tell(LoggedOut(code=401, on_connect=False))
        if can_show_qr:
            await asyncio.sleep(30)
            world.files.trouble = None
            await world.until(LinkState.LINKING, within_s=60)
        else:
            assert await world.exited() is ExitCode.LOGGED_OUT


async def test_a_row_that_stays_after_a_logout_is_refused_by_the_schedule() -> None:
    """The library could not delete it and we cannot move it: each login costs a longer wait, and nothing is illegal."""
    world = LinkWorld()
    world.files.trouble = SessionInaccessibleError("no space")
    world.files.fails_in = frozenset({"set_aside"})
    async with world.running():
        await world.until(LinkState.CONNECTED)
        for _ in range(4):
            for client in world.whatsapp.running:
                client.tell(LoggedOut(code=401, on_connect=True))
                await asyncio.sleep(0.1)
                world.whatsapp.linked[world.files.store] = NUMBER
            await asyncio.sleep(200)
    waits = [event.in_s for event in world.told(RetryScheduled) if isinstance(event, RetryScheduled)]
    assert waits == [3] * len(waits)  # each time it had logged in, and was stable, before


async def test_the_words_of_a_hint() -> None:
    """A ban is not hastened by anybody, and says so; its state is told."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.running[0].tell(TemporarilyBanned(code=101, expires_in_s=1))
        await world.until(LinkState.BANNED)
        assert not world.link.hint("asked", insist=True)
        assert await asyncio.wait_for(world.link.outcome(), 1) is LinkState.BANNED
        await asyncio.sleep(59)
        assert not world.whatsapp.running, "a ban of a second is waited out for a minute"
        await world.until(LinkState.CONNECTED, within_s=5)
        (hint,) = world.told(HintTaken)
        assert isinstance(hint, HintTaken)
        assert (hint.taken, hint.state) == (False, LinkState.BANNED)
