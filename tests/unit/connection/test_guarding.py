"""Whoever sends waits until it is known whether the guard is there; in virtual time."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from linda_bot.connection.events import GuardSet, GuardWithdrawn, RollBacksCaught
from linda_bot.connection.guarding import GuardKeeper
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.sessions.guard import Guard
from linda_bot.whatsapp.events import Connected, Disconnected, EngineExited, EnginePrinted, EngineStarted
from linda_bot.whatsapp.port import WhatsAppClient
from tests.support.fake_client import NUMBER, FakeClient, FakeWhatsApp

pytestmark = pytest.mark.looptime

STARTED = EngineStarted(pid=7, library_version="0", import_ms=0)
CONNECTED = Connected(number=NUMBER)
EXITED = EngineExited(code=-9, asked=False)
ON = Guard(active=True)
OFF = Guard(active=False, why="of another form")


class GuardWorld:
    """A keeper, the store that it guards, and a link."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.told: list[str] = []
        self.store: Guard | Exception = ON
        """What is found in the store."""
        self.takes_s = 0.0
        """How long the disk takes."""
        self.set = 0
        self.looked = 0
        self.up = asyncio.Event()
        self.up.set()
        self.whatsapp = FakeWhatsApp()
        self.keeper = GuardKeeper(self.bus, self._set_guard, self._look, self._client)

    async def _set_guard(self) -> Guard:
        self.set += 1
        return await self._found()

    async def _look(self) -> Guard:
        self.looked += 1
        return await self._found()

    async def _found(self) -> Guard:
        await asyncio.sleep(self.takes_s)
        if isinstance(self.store, Exception):
            raise self.store
        return self.store

    async def _client(self) -> WhatsAppClient:
        await self.up.wait()
        return FakeClient(self.whatsapp)

    async def tell(self, *events: Event, wait_s: float = 0.01) -> None:
        """Let something happen, and give the keeper time."""
        for event in events:
            self.bus.publish(event)
        await asyncio.sleep(wait_s)

    async def held(self) -> bool:
        """Return whether somebody who wants to send waits."""
        try:
            async with asyncio.timeout(0.001):
                await self.keeper.client()
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def running() -> AsyncIterator[GuardWorld]:
    """Run a keeper, and somebody who hears what it tells."""
    world = GuardWorld()

    async def hear() -> None:
        with world.bus.subscribe(Event, name="test", depth=1000) as events:
            async for event in events:
                match event:
                    case GuardSet():
                        world.told.append("set")
                    case GuardWithdrawn(because=because):
                        world.told.append(f"withdrawn: {because}")
                    case RollBacksCaught(count=count, total=total):
                        world.told.append(f"caught {count} of {total}")
                    case _:
                        pass

    tasks = [asyncio.create_task(world.keeper.run()), asyncio.create_task(hear())]
    await asyncio.sleep(0.01)
    try:
        yield world
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in tasks), "a task has died"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_nothing_is_sent_before_the_guard_is_known() -> None:
    """Not before the login, not while the trigger is set; then at once."""
    async with running() as world:
        world.takes_s = 2
        assert await world.held()
        await world.tell(STARTED, wait_s=5)
        assert await world.held()
        await world.tell(CONNECTED, wait_s=1.9)
        assert await world.held()
        await asyncio.sleep(0.2)
        assert not await world.held()
        assert world.keeper.is_active()

    assert world.told == ["set"]


async def test_somebody_who_waits_gets_the_client_when_all_is_there() -> None:
    """The guard first, the link later."""
    async with running() as world:
        world.up.clear()
        waiting = asyncio.create_task(world.keeper.client())
        await world.tell(STARTED, CONNECTED)
        assert not waiting.done()
        world.up.set()
        await asyncio.sleep(0.01)
        assert isinstance(await waiting, FakeClient)


async def test_an_engine_that_ends_while_somebody_waits_for_the_link() -> None:
    """The one who waits goes on waiting, for the guard of the next engine."""
    async with running() as world:
        await world.tell(STARTED, CONNECTED)
        world.up.clear()
        waiting = asyncio.create_task(world.keeper.client())
        await world.tell(EXITED, STARTED)
        world.up.set()
        await asyncio.sleep(1)
        assert not waiting.done()
        await world.tell(CONNECTED)
        assert waiting.done()


@pytest.mark.parametrize("gone", [(EXITED,), (EXITED, STARTED), (STARTED,)])
async def test_each_engine_is_guarded_anew(gone: tuple[Event, ...]) -> None:
    """From the death of one to the login of the next nothing is sent; the guard is told of once."""
    async with running() as world:
        await world.tell(STARTED, CONNECTED)
        await world.tell(*gone)
        assert await world.held()
        await world.tell(STARTED, CONNECTED)
        assert not await world.held()

    assert world.set == 2
    assert world.told == ["set"]


async def test_a_login_of_the_same_engine_changes_nothing() -> None:
    """The library has reconnected by itself: the store was open all the time."""
    async with running() as world:
        await world.tell(STARTED, CONNECTED)
        await world.tell(Disconnected(), CONNECTED)
        assert not await world.held()

    assert world.set == 1


async def test_without_the_guard_it_is_said_once_and_why() -> None:
    """Sending goes on, in its careful way."""
    async with running() as world:
        world.store = OFF
        await world.tell(STARTED, CONNECTED)
        assert not await world.held()
        assert not world.keeper.is_active()
        await world.tell(EXITED, STARTED, CONNECTED, wait_s=200)

    assert world.told == ["withdrawn: of another form"]


@pytest.mark.parametrize("error", [sqlite3.OperationalError("database is locked"), OSError("no disk")])
async def test_a_store_that_cannot_be_used_is_not_guarded(error: Exception) -> None:
    """The reason is the error's; a minute later it is tried again."""
    async with running() as world:
        world.store = error
        await world.tell(STARTED, CONNECTED)
        assert not await world.held()
        assert not world.keeper.is_active()
        world.store = Guard(active=True, caught=50)
        await asyncio.sleep(61)
        assert world.keeper.is_active()

    assert world.told == [f"withdrawn: the session's store cannot be used: {error}", "set"]


async def test_it_is_set_again_where_it_was_lost_even_while_events_come_all_the_time() -> None:
    """Every minute: a bot that is never idle needs it most."""
    async with running() as world:
        await world.tell(STARTED, CONNECTED)
        for _ in range(601):
            await world.tell(EnginePrinted(line=""), wait_s=1)

    assert world.set == 1 + 10


async def test_found_missing_it_is_said_at_once() -> None:
    """Whoever asks for the status hears the truth; answers are careful from then on, until it is back."""
    async with running() as world:
        await world.tell(STARTED, CONNECTED)
        world.store = Guard(active=False, why="gone")
        assert (await world.keeper.refresh()).why == "gone"
        assert not world.keeper.is_active()
        assert not await world.held()
        world.store = ON
        await asyncio.sleep(60)
        assert world.keeper.is_active()

    assert world.told == ["set", "withdrawn: gone", "set"]


async def test_what_it_caught_is_told_from_this_run_on() -> None:
    """Not what was caught before, not twice, and also over an error in between."""
    async with running() as world:
        world.store = Guard(active=True, caught=40)
        await world.tell(STARTED, CONNECTED)
        world.store = Guard(active=True, caught=43)
        await world.keeper.refresh()
        world.store = sqlite3.OperationalError("locked")
        await world.keeper.refresh()
        assert world.keeper.guard.caught == 43
        world.store = Guard(active=True, caught=44)
        await world.tell(EXITED, STARTED, CONNECTED)
        await asyncio.sleep(500)

    assert [each for each in world.told if "caught" in each] == ["caught 3 of 43", "caught 1 of 44"]


async def test_an_error_at_first_does_not_count_an_earlier_life() -> None:
    """What was caught before this run is no news, whenever it is first seen."""
    async with running() as world:
        world.store = sqlite3.OperationalError("locked")
        await world.tell(STARTED, CONNECTED)
        world.store = Guard(active=True, caught=40)
        await asyncio.sleep(61)

    assert world.told[1:] == ["set"]


async def test_many_who_ask_at_once_hear_it_once() -> None:
    """A count is told once, however many look."""
    async with running() as world:
        await world.tell(STARTED, CONNECTED)
        world.takes_s, world.store = 0.5, Guard(active=False, why="gone", caught=5)
        await asyncio.gather(*(world.keeper.refresh() for _ in range(10)))

    assert world.told == ["set", "caught 5 of 5", "withdrawn: gone"]


async def test_a_new_store_counts_from_its_beginning() -> None:
    """After a new linking there is less than before: nothing is told of that."""
    async with running() as world:
        world.store = Guard(active=True, caught=40)
        await world.tell(STARTED, CONNECTED)
        world.store = Guard(active=True, caught=0)
        await world.tell(EXITED, STARTED, CONNECTED)
        world.store = Guard(active=True, caught=2)
        await world.keeper.refresh()

    assert world.told == ["set", "caught 2 of 2"]


async def test_a_look_that_an_engine_outran_says_nothing() -> None:
    """The trigger is taken away between two engines: that is no news."""
    async with running() as world:
        await world.tell(STARTED, CONNECTED)
        world.takes_s, world.store = 1, Guard(active=False, why="taken away")
        asking = asyncio.create_task(world.keeper.refresh())
        await world.tell(EXITED, STARTED, wait_s=2)
        await asking
        world.store = ON
        await world.tell(CONNECTED, wait_s=2)
        assert world.keeper.is_active()

    assert world.told == ["set"]


async def test_nobody_looks_into_a_store_without_an_engine() -> None:
    """Between two engines the store may just be replaced."""
    async with running() as world:
        await world.keeper.refresh()
        await world.tell(STARTED, CONNECTED)
        await world.tell(EXITED)
        assert (await world.keeper.refresh()).active
        await asyncio.sleep(600)

    assert (world.set, world.looked) == (1, 0)
