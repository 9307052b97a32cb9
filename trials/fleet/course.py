"""A seeded course of a fleet's life: what happens when, and how it goes on."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from random import Random
from typing import NamedTuple

from linda_bot.fleet.ledger import AccountState
from tests.support.fake_fleet import FakeDatabase
from trials.fleet.checks import Checks
from trials.fleet.machine import SOUND, Breakage, Machine
from trials.fleet.processes import pace_tasks

_ROUND_S = 900.0
_REST_S = 420.0
_MOST_MACHINES, _MOST_ACCOUNTS = 6, 16


class Life(NamedTuple):
    """What a course came to."""

    hours: float
    acts: int
    moves: int
    longest_two_s: float
    longest_free_s: float
    violations: tuple[str, ...]


class Course:
    """One fleet and what is done to it."""

    def __init__(self, seed: int, breakage: Breakage, *, only: Collection[str], round_s: float) -> None:
        self._round_s = round_s
        self._chance = Random(seed)
        self._breakage = breakage
        loop = asyncio.get_running_loop()
        rate = self._chance.uniform(0.93, 1.07)
        self.database = FakeDatabase(lambda: loop.time() * rate, seed=seed)
        self.machines: dict[str, Machine] = {}
        self.checks = Checks(self.database, self.machines)
        self.acts: list[str] = []
        self._numbers = 0
        self._acts = {name: act for name, act in ACTS.items() if name in only}
        self._heals: set[asyncio.Task[None]] = set()

    async def live(self, hours: float) -> Life:
        """Live for so many hours."""
        loop = asyncio.get_running_loop()
        pace_tasks(loop)
        began = loop.time()
        for number in range(self._chance.randint(2, 12)):
            self.database.set_state(f"account {number:02}", AccountState.ACTIVE, make=True)
        for _ in range(3):
            self.add_machine()
        looking = loop.create_task(self.checks.run(), name="checks")
        while loop.time() - began < hours * 3600:
            await self._round()
            await self._rest()
        looking.cancel()
        for machine in self.machines.values():
            machine.lose_power()
        await asyncio.sleep(1)
        if looking.done() and not looking.cancelled():
            looking.result()
        return Life(
            round((loop.time() - began) / 3600, 2),
            len(self.acts),
            len(self.database.moves),
            round(self.checks.longest_two_s, 2),
            round(self.checks.longest_free_s, 2),
            tuple(self.checks.violations),
        )

    def add_machine(self) -> Machine:
        """Have one more host."""
        self._numbers += 1
        machine = Machine(f"host-{self._numbers}", self.database, self._chance, self._breakage)
        machine.wall_ahead_s = self._chance.choice([0.0, 0.0, 3600.0, -3600.0])
        self.machines[machine.name] = machine
        machine.start()
        return machine

    def later(self, seconds: float, undo: Callable[[], object]) -> None:
        """Have something end after a while."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            undo()

        task = asyncio.get_running_loop().create_task(wait(), name="heal")
        self._heals.add(task)
        task.add_done_callback(self._heals.discard)

    async def _round(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._round_s
        while loop.time() < until:
            name = self._chance.choice(list(self._acts))
            self._acts[name](self, self._chance)
            self.acts.append(f"{loop.time():.1f} {name}")
            at_once = self._chance.random() < 0.3
            await asyncio.sleep(self._chance.uniform(0, 4) if at_once else self._chance.expovariate(1 / 45))

    async def _rest(self) -> None:
        """Have everything be well again, wait, and look whether it is."""
        while self._heals:
            await asyncio.wait(set(self._heals))
        for machine in self.machines.values():
            machine.wake()
            if machine.daemon is None:
                machine.start()
        await asyncio.sleep(_REST_S)
        self.checks.at_rest()

    def some(self) -> Machine:
        """Choose a machine."""
        return self.machines[self._chance.choice(sorted(self.machines))]


def _kill(course: Course, chance: Random) -> None:
    machine = course.some()
    machine.kill_daemon()
    course.later(chance.choice([0.5, 5, 60]), lambda: _start(course, machine))


def _lose_power(course: Course, chance: Random) -> None:
    machine = course.some()
    machine.lose_power()
    course.later(chance.uniform(5, 120), lambda: _start(course, machine))


def _start(course: Course, machine: Machine) -> None:
    if machine.daemon is None and machine.name in course.machines and not machine.is_suspended:
        machine.start()


def _stop_process(course: Course, chance: Random) -> None:
    daemon = course.some().daemon
    if daemon is not None and not daemon.machine.is_suspended:
        daemon.process.stop()
        course.later(_long(chance), lambda: None if daemon.machine.is_suspended else daemon.process.go_on())


def _suspend(course: Course, chance: Random) -> None:
    machine = course.some()
    machine.suspend()
    course.later(_long(chance), machine.wake)


def _leave(course: Course, chance: Random) -> None:
    machine = course.some()
    if machine.daemon and machine.is_running and not machine.daemon.is_leaving:
        machine.daemon.leave()
        course.later(chance.uniform(30, 90), lambda: _start(course, machine))


def _add_machine(course: Course, chance: Random) -> None:
    del chance
    if len(course.machines) < _MOST_MACHINES:
        course.add_machine()


def _remove_machine(course: Course, chance: Random) -> None:
    del chance
    machine = course.some()
    if len(course.machines) > 2 and machine.daemon and machine.is_running and not machine.daemon.is_leaving:
        machine.daemon.leave()
        course.later(60, lambda: _scrap(course, machine))


def _scrap(course: Course, machine: Machine) -> None:
    machine.lose_power()
    course.machines.pop(machine.name, None)


def _freeze(course: Course, chance: Random) -> None:
    course.database.freeze()
    course.later(_long(chance), course.database.thaw)


def _restart_database(course: Course, chance: Random) -> None:
    course.database.stop()
    course.later(chance.choice([0.2, 2, 20]), course.database.start)


def _cut_off(course: Course, chance: Random) -> None:
    name = course.some().name
    course.database.cut_off.add(name)
    course.later(_long(chance), lambda: course.database.cut_off.discard(name))


def _slow_link(course: Course, chance: Random) -> None:
    name = course.some().name
    course.database.slow_s[name] = chance.uniform(0.1, 2.0)
    course.later(chance.uniform(10, 90), lambda: course.database.slow_s.pop(name, None))


def _set_clock(course: Course, chance: Random) -> None:
    course.some().wall_ahead_s += chance.choice([-3600.0, 3600.0])


def _add_account(course: Course, chance: Random) -> None:
    del chance
    if len(course.database.accounts) < _MOST_ACCOUNTS:
        name = f"account {len(course.database.accounts):02}"
        course.database.set_state(name, AccountState.ACTIVE, make=True)


def _pause_account(course: Course, chance: Random) -> None:
    account = chance.choice(sorted(course.database.accounts))
    course.database.set_state(account, chance.choice([AccountState.PAUSED, AccountState.REMOVED]))
    course.later(_long(chance), lambda: course.database.set_state(account, AccountState.ACTIVE))


def _long(chance: Random) -> float:
    return chance.choice([chance.uniform(0.1, 5), chance.uniform(5, 20), chance.uniform(20, 120)])


ACTS: dict[str, Callable[[Course, Random], None]] = {
    "kill": _kill,
    "lose power": _lose_power,
    "stop process": _stop_process,
    "suspend": _suspend,
    "leave": _leave,
    "add machine": _add_machine,
    "remove machine": _remove_machine,
    "freeze database": _freeze,
    "restart database": _restart_database,
    "cut off": _cut_off,
    "slow link": _slow_link,
    "set clock": _set_clock,
    "add account": _add_account,
    "pause account": _pause_account,
}


@contextmanager
def virtual_time() -> Iterator[asyncio.AbstractEventLoop]:
    """Have an event loop whose hours take seconds."""
    import looptime

    loop = looptime.new_event_loop(start=0.0, noop_cycles=1)
    try:
        yield loop
    finally:
        loop.close()


def live(
    seed: int,
    hours: float,
    breakage: Breakage = SOUND,
    *,
    only: Collection[str] = tuple(ACTS),
    round_s: float = _ROUND_S,
) -> Life:
    """Have a fleet live for so many hours, where only such things happen."""

    async def course() -> Life:
        return await Course(seed, breakage, only=only, round_s=round_s).live(hours)

    with virtual_time() as loop:
        return loop.run_until_complete(course())
