"""Two hundred messages for a bot that is away, and what becomes of them when it is ended while it works them off."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import psutil
import pytest
import pytest_asyncio

from linda_bot.kernel.errors import ExitCode
from tests.support.fault_world import FaultWorld, fault_world
from tests.support.faulted_bot import FaultedBot

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

FLOOD = 200
LIBRARY_QUEUE = 101
"""How many messages the library may have confirmed and not handed over: its queue, and the one in hand."""
IN_THE_MIDDLE, NEARLY_ALL = 50, 150
WITHIN_S = 20
QUIET_S = 1.3
"""Longer than the pause before an answer is sent again."""
Record = Callable[[str, object], None]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultWorld]:
    """One server, one friend, and a bot."""
    async with fault_world(tmp_path_factory.mktemp("flood") / "sandbox") as running:
        yield running


class Count(NamedTuple):
    """What has become of a flood."""

    lost: int
    """Neither handled nor answered."""
    handled_twice: int
    answered: int
    answered_twice: int
    dropped: int
    """Answers that the friend's library dropped, because their Signal counter had been used before."""

    def tell(self, record: Record) -> None:
        """Write it into the report."""
        for name, value in self._asdict().items():
            record(name, value)


class Flood:
    """A flood that waits for a bot."""

    def __init__(self, world: FaultWorld, before: FaultedBot, sent: dict[str, str]) -> None:
        self._world = world
        self._sent = sent
        self._before = before
        self._dropped = world.friend.dropped_old_counter
        self._answers: list[str] = []

    @property
    def handled(self) -> list[str]:
        """The ids that were handled, by all bots since it began."""
        return [each for each in self._before.handled() if each in self._sent]

    @property
    def received(self) -> int:
        """How many have reached a daemon."""
        return sum(each in self._sent for each in self._before.received())

    async def is_worked_off(self, bot: FaultedBot) -> bool:
        """Wait until a bot is there, nothing waits for it, and nothing more is handled or answered."""
        waiting, seen = self._world.sandbox.queued, (-1, -1)
        async with asyncio.timeout(WITHIN_S):
            while not bot.is_up or waiting(bot.number) or seen != self._progress():
                seen = self._progress()
                await asyncio.sleep(QUIET_S)
        return True

    def _progress(self) -> tuple[int, int]:
        self._answers += [message.text for message in self._world.friend.received()]
        return len(self.handled), len(self._answers)

    def count(self) -> Count:
        """Count what has become of it."""
        self._progress()
        answers = Counter(self._answers)
        handled = Counter(self.handled)
        known = set(handled) | {each for each, text in self._sent.items() if text in answers}
        return Count(
            lost=len(self._sent) - len(known),
            handled_twice=sum(times > 1 for times in handled.values()),
            answered=len(answers),
            answered_twice=sum(times > 1 for times in answers.values()),
            dropped=self._world.friend.dropped_old_counter - self._dropped,
        )


async def begin(world: FaultWorld) -> tuple[Flood, FaultedBot]:
    """Have everything written while the bot is away, then start it."""
    before = await world.lasting_bot()
    assert await before.process.stop() == ExitCode.OK
    world.friend.received()
    flood = Flood(world, before, await world.flood(before, FLOOD))
    bot = await world.start_again(before)
    world.keep(bot)
    return flood, bot


async def test_all_of_it_is_worked_off(world: FaultWorld, record_property: Record) -> None:
    """Each message is handled once and answered once; an answer that the friend's library drops was sent, too."""
    flood, bot = await begin(world)
    assert await flood.is_worked_off(bot)
    count = flood.count()
    count.tell(record_property)

    assert (count.lost, count.handled_twice, count.answered_twice) == (0, 0, 0)
    assert count.answered + count.dropped == FLOOD
    assert await world.is_answered(bot)


async def test_a_quick_bot_loses_none_at_an_orderly_end(world: FaultWorld, record_property: Record) -> None:
    """SIGTERM near the end: what is in hand is finished within the second that there is for it."""
    flood, bot = await begin(world)
    assert await bot.until(lambda: len(flood.handled) >= NEARLY_ALL, within_s=WITHIN_S)
    assert await bot.process.stop(signal.SIGTERM) == ExitCode.OK
    record_property("handled_before_the_next_start", len(flood.handled))
    again = await world.start_again(bot)
    world.keep(again)
    assert await flood.is_worked_off(again)
    count = flood.count()
    count.tell(record_property)

    assert (count.lost, count.handled_twice, count.answered_twice) == (0, 0, 0)
    assert await world.is_answered(again)


async def test_a_killed_engine_loses_no_more_than_its_library_held(world: FaultWorld, record_property: Record) -> None:
    """What was written down is handled once by the next engine's link, and so is what the server still has."""
    flood, bot = await begin(world)
    assert await bot.until(lambda: len(flood.handled) >= IN_THE_MIDDLE, within_s=WITHIN_S)
    (engine,) = bot.engines()
    psutil.Process(engine).kill()
    assert await bot.until(lambda: "reconnecting" in bot.states)
    on_the_way = FLOOD - flood.received - world.sandbox.queued(bot.number)
    assert await flood.is_worked_off(bot)
    count = flood.count()
    record_property("confirmed_and_on_the_way", on_the_way)
    count.tell(record_property)

    # Not `on_the_way`: the server may only now be reading what the engine has confirmed with its last breath.
    assert count.lost <= LIBRARY_QUEUE
    assert (count.handled_twice, count.answered_twice) == (0, 0)
    assert await world.is_answered(bot)


@pytest.mark.parametrize(("ending", "delay_ms"), [(signal.SIGKILL, 0), (signal.SIGTERM, 20)], ids=str)
async def test_what_was_confirmed_and_not_handled_is_counted(
    world: FaultWorld, ending: signal.Signals, delay_ms: int, record_property: Record
) -> None:
    """A kill, or an orderly end of a bot that has more in hand than it can finish: nothing is lost."""
    flood, bot = await begin(world)
    if delay_ms:
        await world.inject(f"slow-link delay_ms={delay_ms} for_s={WITHIN_S}", bot.number)
    assert await bot.until(lambda: len(flood.handled) >= IN_THE_MIDDLE, within_s=WITHIN_S)
    await bot.process.stop(ending)
    await world.inject("clear")
    handled, waiting = len(flood.handled), world.sandbox.queued(bot.number)
    again = await world.start_again(bot)
    world.keep(again)
    assert await flood.is_worked_off(again)
    count = flood.count()
    record_property("handled_before_the_next_start", handled)
    record_property("on_the_server_then", waiting)
    count.tell(record_property)

    assert (count.lost, count.dropped) == (0, 0)
    assert (count.handled_twice, count.answered_twice) == (0, 0)
    assert await world.is_answered(again)
