"""Hours, days and a month of a link, in virtual time."""

import asyncio
import gc
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from linda_bot.connection.entries import enter
from linda_bot.connection.events import AttemptFailed, PingMissed, RefreshStarted, RetryScheduled
from linda_bot.connection.incidents import IncidentWatch
from linda_bot.connection.incidents import Patience as IncidentPatience
from linda_bot.connection.lifecycle import LinkState
from linda_bot.connection.milestones import Milestones
from linda_bot.connection.refresh import Refresher
from linda_bot.kernel.bus import listen
from linda_bot.kernel.events import Event
from linda_bot.sessions.book import HISTORY_AT_MOST, SessionBook
from linda_bot.sessions.paths import SessionPaths
from linda_bot.whatsapp.events import KeepAliveTimedOut
from tests.support.link_world import LinkWorld

pytestmark = pytest.mark.looptime

MINUTE, HOUR = 60.0, 3600.0
DAY = 24 * HOUR


async def backed_up(_reason: str) -> str:
    """Back up without a fault."""
    return ""


@asynccontextmanager
async def companions(world: LinkWorld, *, refreshed: bool = True) -> AsyncIterator[None]:
    """Have what lives beside a link live beside this one."""
    works = [IncidentWatch(IncidentPatience(180, 60), world.bus).run(), Milestones(world.bus).run()]
    if refreshed:
        works.append(Refresher(DAY, backed_up, world.link.renew, world.bus).run())
    tasks = [asyncio.create_task(work) for work in works]
    await asyncio.sleep(0)
    try:
        yield
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.mark.parametrize("outage_s", [30, 10 * MINUTE, DAY])
async def test_after_an_outage_the_link_is_up_within_one_wait(outage_s: float) -> None:
    """However long it was: what is left of the wait that was promised, and not a second more."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.reachable = False
        world.whatsapp.running[0].lose_line()
        await asyncio.sleep(outage_s)
        world.whatsapp.reachable = True
        back_at = asyncio.get_running_loop().time()
        promised = world.told(RetryScheduled)[-1]
        assert isinstance(promised, RetryScheduled)
        due_at = world.times(RetryScheduled)[-1] + promised.in_s
        await world.until(LinkState.CONNECTED, within_s=901)
        assert asyncio.get_running_loop().time() <= max(due_at, back_at) + 0.1

    # While the server is gone the attempts are few: the schedule's, then one for each cool-down.
    assert len(world.whatsapp.clients) <= 12 + outage_s / 900


@pytest.mark.parametrize(("refreshed", "engines"), [(False, 1), (True, 3)])
async def test_quiet_days_are_healthy_days(*, refreshed: bool, engines: int) -> None:
    """Two and a half days without a message, pings answered: no loss, and only the refresh makes engines."""
    async with LinkWorld().running() as world, companions(world, refreshed=refreshed):
        await asyncio.sleep(2.5 * DAY)
        assert world.link.state is LinkState.CONNECTED

    assert len(world.whatsapp.clients) == engines
    assert len(world.told(RefreshStarted)) == engines - 1
    assert not world.told(AttemptFailed)


@pytest.mark.parametrize("library_notices", [False, True])
async def test_a_silent_link_is_recycled_once_and_in_time(*, library_notices: bool) -> None:
    """By our pings within six minutes, by the library's within 100 s; both together are one loss."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        await asyncio.sleep(1000)
        silent_at = asyncio.get_running_loop().time()
        client = world.whatsapp.running[0]
        client.mute = True
        for errors in range(1, 15):
            await asyncio.sleep(30)
            if library_notices and client.alive:
                client.tell(KeepAliveTimedOut(errors=errors))
        (failed_at,) = world.times(AttemptFailed)
        assert failed_at - silent_at <= (100 if library_notices else 360)
        assert world.link.connected_for() > 50
        await asyncio.sleep(2 * HOUR)

    (failed,) = world.told(AttemptFailed)
    assert isinstance(failed, AttemptFailed)
    assert failed.finding == "silent"
    assert len(world.whatsapp.clients) == 2


async def test_one_ping_that_is_lost_is_no_silent_link() -> None:
    """The next one is answered: nothing happens, however often that is so."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        for _ in range(20):
            world.whatsapp.answers = False
            world.link.hint("the network has changed")
            await asyncio.sleep(21)
            world.whatsapp.answers = True
            await asyncio.sleep(100)
        assert len(world.told(PingMissed)) == 20
    assert len(world.whatsapp.clients) == 1


async def test_a_server_that_sends_but_answers_no_ping_is_not_silent() -> None:
    """What is heard between two misses speaks for the link."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        client = world.whatsapp.running[0]
        world.whatsapp.answers = False
        for _ in range(6 * 60):
            await asyncio.sleep(10)
            world.link.hint("the network has changed")
            world.whatsapp.say("still here")
        assert client.alive


async def test_a_ping_is_not_missed_when_something_else_was_heard_meanwhile() -> None:
    """The line is alive; that the server has not answered is its own affair."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.answers = False
        world.link.hint("the network has changed")
        await asyncio.sleep(10)
        world.whatsapp.say("still here")
        await asyncio.sleep(15)
        assert not world.told(PingMissed)


async def test_hints_do_not_make_two_misses_of_one() -> None:
    """A burst of them while a ping is unanswered: the second try has its time all the same."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        (client,) = world.whatsapp.running
        client.mute = True
        for _ in range(30):
            world.link.hint("the network has changed")
            await asyncio.sleep(1)
        client.mute = False
        await asyncio.sleep(60)
        assert client.alive
        assert len(world.told(PingMissed)) == 1


@pytest.mark.slow
async def test_a_month_with_three_drops_a_day_leaves_no_more_than_five_days(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Memory, tasks, threads of events and the history's file: what grows in the first days has stopped growing.

    A month where there is time for it, with --all-faults; else not quite two weeks.
    """
    days = 30 if pytestconfig.getoption("--all-faults") else 12
    paths = SessionPaths(tmp_path, "default")
    paths.directory.mkdir(parents=True)
    book = SessionBook(paths)
    world = LinkWorld(remembers=100)
    blocks: dict[int, int] = {}
    """How many pieces of memory are in use: tracemalloc says the same, and takes ten times as long."""
    tasks: dict[int, int] = {}
    with world.bus.subscribe(Event, name="book", depth=2000) as events:
        writing = asyncio.create_task(listen(events, lambda event: enter(book, event)))
        async with world.running(), companions(world):
            for day in range(1, days + 1):
                for _ in range(3):
                    await asyncio.sleep(DAY / 3 - 200)
                    world.whatsapp.running[0].kill()
                    await asyncio.sleep(100)
                    world.whatsapp.say("hello")
                    await asyncio.sleep(100)
                    assert world.link.state is LinkState.CONNECTED
                world.log.clear()
                del world.whatsapp.clients[:-1]
                gc.collect()
                blocks[day], tasks[day] = sys.getallocatedblocks(), len(asyncio.all_tasks())
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    await book.close()

    assert tasks[days] == tasks[5]
    assert blocks[days] - blocks[5] < 2000
    history = json.loads(paths.history.read_text())
    assert 90 < len(history) <= HISTORY_AT_MOST
    assert {path.name for path in paths.directory.iterdir()} == {"device-status.json", "session-history.json"}
