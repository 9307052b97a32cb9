"""What becomes of one of several accounts: by itself, and by what a person asks."""

import asyncio
import itertools
from collections import deque
from types import SimpleNamespace
from typing import cast

import pytest

from linda_bot.app.account import Account
from linda_bot.app.resident import Phase, Resident
from linda_bot.kernel.errors import ExitCode, SessionHeldError, UsageError

pytestmark = pytest.mark.looptime


class FakeAccount:
    """An account whose life ends as it was told, or when it is asked to stop."""

    def __init__(self, ends: ExitCode | Exception | None, *, linking: bool, ends_after_s: float = 1.0) -> None:
        self.linking = linking
        self.link: object | None = None
        self.front = None
        self.begun = asyncio.Event()
        self.bugs: list[Exception] = []
        self.was_evicted = False
        self._ends = ends
        self._ends_after_s = ends_after_s
        self._stop = asyncio.Event()

    async def run(self) -> ExitCode:
        self.link = SimpleNamespace(state=SimpleNamespace(value="connected"), outcome=_at_once)
        self.begun.set()
        try:
            async with asyncio.timeout(None if self._ends is None else self._ends_after_s):
                await self._stop.wait()
        except TimeoutError:
            if isinstance(self._ends, Exception):
                raise self._ends from None
            assert self._ends is not None
            return self._ends
        await asyncio.sleep(0.5)
        return ExitCode.OK

    def ask_to_stop(self) -> None:
        self._stop.set()

    def evict(self) -> None:
        self.was_evicted = True
        self._stop.set()

    def tell_of_bug(self, error: Exception) -> None:
        self.bugs.append(error)


async def _at_once() -> None:
    """The first attempt is through."""


class World:
    """An account that lives as often as it is told."""

    def __init__(self, *ends: ExitCode | Exception | None) -> None:
        self.lives: list[FakeAccount] = []
        self.phases: list[str] = []
        self._ends = deque(ends)
        self.resident = Resident("971505760056", self._make, asyncio.Semaphore(1), self._changed)

    def _make(self, _name: str, linking: bool) -> Account:  # noqa: FBT001
        ends = self._ends.popleft() if self._ends else None
        if isinstance(ends, UsageError):
            raise ends
        self.lives.append(FakeAccount(ends, linking=linking))
        return cast("Account", self.lives[-1])

    def _changed(self) -> None:
        self.phases.append(self.resident.phase.value)


async def test_an_account_that_needs_a_phone_rests_until_it_is_asked_for() -> None:
    """Nothing runs in between; then codes are shown."""
    world = World(ExitCode.LINKING_NEEDED)
    world.resident.begin()
    await asyncio.sleep(100)
    assert (world.resident.phase, len(world.lives)) == (Phase.UNLINKED, 1)
    assert world.resident.view().why == "it is not linked to a phone"

    await world.resident.link()
    await asyncio.sleep(1)
    assert world.resident.phase is Phase.RUNNING
    assert [life.linking for life in world.lives] == [False, True]
    await world.resident.end(Phase.PAUSED)


async def test_codes_that_are_asked_for_while_it_finds_out_come_with_its_next_life() -> None:
    """So nobody has to ask twice."""
    world = World(ExitCode.LINKING_NEEDED)
    world.resident.begin()
    await asyncio.sleep(0.5)
    await world.resident.link()
    await asyncio.sleep(1)
    assert [life.linking for life in world.lives] == [False, True]
    await world.resident.end(Phase.PAUSED)


async def test_an_account_that_is_up_is_not_disturbed_by_codes() -> None:
    """It goes on with the same life."""
    world = World(None)
    world.resident.begin()
    await asyncio.sleep(20)
    await world.resident.link()
    await asyncio.sleep(20)
    assert len(world.lives) == 1
    await world.resident.end(Phase.PAUSED)


async def test_failures_are_tried_again_ever_later() -> None:
    """After 5 s, 30 s, 2 min, then every 10 min; `resume` does not wait."""
    world = World(*(ValueError("a bug") for _ in range(5)))
    loop = asyncio.get_running_loop()
    world.resident.begin()
    begun = []
    for number in range(5):
        while len(world.lives) <= number:
            await asyncio.sleep(0.1)
        begun.append(round(loop.time()))
    assert [later - earlier for earlier, later in itertools.pairwise(begun)] == [6, 31, 121, 601]
    await asyncio.sleep(2)
    view = world.resident.view()
    assert (view.phase, view.why) == ("failed", "a bug of linda-bot: ValueError: a bug")
    assert view.next_try_s is not None
    assert view.next_try_s > 500
    assert world.lives[0].bugs

    world.resident.begin()
    await asyncio.sleep(1)
    assert world.resident.phase is Phase.RUNNING
    await world.resident.end(Phase.PAUSED)


async def test_a_session_that_somebody_holds_is_asked_for_again() -> None:
    """It may be free soon."""
    world = World(SessionHeldError("another linda-bot holds it"))
    world.resident.begin()
    await asyncio.sleep(12)
    assert len(world.lives) == 2
    await world.resident.end(Phase.PAUSED)


async def test_an_account_that_cannot_even_be_made_is_told_as_such() -> None:
    """Its settings may be wrong by now."""
    world = World(UsageError("LINDA_OUTBOX__PACE is wrong"))
    world.resident.begin()
    await asyncio.sleep(1)
    assert (world.resident.phase, world.resident.why) == (Phase.FAILED, "LINDA_OUTBOX__PACE is wrong")
    await world.resident.end(Phase.PAUSED)


async def test_what_time_does_not_mend_is_left_alone() -> None:
    """Another client would be driven out again and again."""
    world = World(ExitCode.REPLACED)
    world.resident.begin()
    await asyncio.sleep(10_000)
    assert (world.resident.phase, world.resident.why) == (Phase.ENDED, "another client uses its device")
    assert len(world.lives) == 1


@pytest.mark.parametrize("after_s", [0.0, 0.3, 3.0])
async def test_an_end_is_an_end_whenever_it_comes(after_s: float) -> None:
    """Before its turn, at the beginning, and later: nothing of it runs then, and it can begin anew."""
    world = World()
    world.resident.begin()
    await asyncio.sleep(after_s)
    await world.resident.end(Phase.PAUSED, "a person has paused it")
    assert (world.resident.phase, world.resident.is_running, world.resident.is_ending) == (Phase.PAUSED, False, False)
    before = len(world.lives)
    await asyncio.sleep(1000)
    assert len(world.lives) == before
    world.resident.begin()
    await asyncio.sleep(1)
    assert world.resident.is_running
    await world.resident.end(Phase.PAUSED)


async def test_accounts_take_their_turns() -> None:
    """One that hangs at its beginning keeps the next one waiting for a moment only."""
    turns, made = asyncio.Semaphore(1), []

    def make(name: str, _linking: bool) -> Account:  # noqa: FBT001
        account = FakeAccount(None, linking=False)
        if name == "hangs":
            account.run = _for_ever  # type: ignore[method-assign]
        made.append((name, asyncio.get_running_loop().time()))
        return cast("Account", account)

    residents = [Resident(name, make, turns, lambda: None) for name in ("hangs", "next")]
    began_at = asyncio.get_running_loop().time()
    for resident in residents:
        resident.begin()
    await asyncio.sleep(10)
    assert [(name, round(at - began_at)) for name, at in made] == [("hangs", 0), ("next", 5)]
    for resident in residents:
        await resident.end(Phase.PAUSED)


async def _for_ever() -> ExitCode:
    await asyncio.Event().wait()
    raise AssertionError
