"""A machine of the fleet: its clocks, its daemon with a real keeper, and the engines of its accounts."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import NamedTuple, TypeVar

from linda_bot.database.connecting import DatabaseTroubleError
from linda_bot.fleet.keeper import FleetKeeper, Manners
from linda_bot.fleet.ledger import Grant, Host
from linda_bot.fleet.sharing import Rules
from tests.support.fake_fleet import FakeDatabase, FakeLedger
from trials.fleet.processes import Process

T = TypeVar("T")

LEASE_S = 15.0
WITHIN_S = LEASE_S / 5
_KILLED_WITHIN_S = 0.3
_STEP_OF_A_DEADLINE_S = 0.25
_ORPHAN_WITHIN_S = 3.0
_SLOWEST_BEGIN_S, _SLOWEST_END_S = 0.8, 2.0
_HANGS, _HANGS_S = 0.01, 60.0
_START_S = 30.0


class Breakage(NamedTuple):
    """What of the design is left out, to see whether that is found."""

    engines_end_themselves: bool = True
    evicts: bool = True
    wall_clock: bool = False
    rules: Rules = Rules()
    claims: bool = True
    """Whether hosts take accounts but at their start."""


SOUND = Breakage()


class Engine:
    """An account's engine: it ends when it is told to, and by itself when its right has run out."""

    def __init__(self, machine: "Machine", account: str, right_s: float) -> None:
        self.machine = machine
        self.account = account
        self._ends_at = machine.uptime() + right_s
        self._gone_at: float | None = None

    def extend(self, right_s: float) -> None:
        """Live for so long from now."""
        if self._ends_at > self.machine.uptime():
            self._ends_at = self.machine.uptime() + right_s

    def end(self, within_s: float) -> None:
        """Be gone after so long."""
        gone_at = asyncio.get_running_loop().time() + within_s
        self._gone_at = gone_at if self._gone_at is None else min(self._gone_at, gone_at)

    @property
    def is_gone(self) -> bool:
        """Whether the process is not there any more."""
        if self._gone_at is not None and asyncio.get_running_loop().time() >= self._gone_at:
            return True
        is_over = self.machine.uptime() >= self._ends_at + _STEP_OF_A_DEADLINE_S
        if is_over and self.machine.breakage.engines_end_themselves and not self.machine.is_suspended:
            self.end(0.0)
            return True
        return False

    @property
    def is_live(self) -> bool:
        """Whether it can say anything to the server."""
        return not self.is_gone and not self.machine.is_suspended


class Machine:
    """One host of the fleet."""

    def __init__(self, name: str, database: FakeDatabase, chance: Random, breakage: Breakage = SOUND) -> None:
        self.name = name
        self.database = database
        self.chance = chance
        self.breakage = breakage
        self.capacity = chance.choice([3, 5, 8, 20])
        self.weight = chance.choice([0.5, 1.0, 1.0, 2.0])
        self.rate = chance.uniform(0.93, 1.07)
        self.began = chance.uniform(0, 1e6)
        self.wall_ahead_s = 0.0
        self.is_suspended = False
        self.engines: list[Engine] = []
        self.daemon: Daemon | None = None
        self.starts = 0

    def uptime(self) -> float:
        """The clock that nobody sets; it is not exact, either."""
        return self.began + asyncio.get_running_loop().time() * self.rate

    def wall_clock(self) -> float:
        """The clock that anybody sets."""
        return self.uptime() + self.wall_ahead_s

    @property
    def is_running(self) -> bool:
        """Whether its daemon can do anything."""
        return self.daemon is not None and not self.is_suspended and not self.daemon.process.is_stopped

    def start(self) -> None:
        """Start the daemon."""
        self.starts += 1
        self.daemon = Daemon(self)

    def suspend(self) -> None:
        """Have the whole machine sleep: its clock goes on."""
        self.is_suspended = True
        if self.daemon:
            self.daemon.process.stop()

    def wake(self) -> None:
        """Have it go on."""
        self.is_suspended = False
        if self.daemon:
            self.daemon.process.go_on()

    def kill_daemon(self) -> None:
        """Kill the daemon alone: its engines notice, in seconds."""
        if self.daemon:
            self.daemon.process.kill()
            self.daemon = None
        for engine in self.engines:
            engine.end(self.chance.uniform(0, _ORPHAN_WITHIN_S))

    def lose_power(self) -> None:
        """End everything at once."""
        self.kill_daemon()
        for engine in self.engines:
            engine.end(0.0)
        self.is_suspended = False

    def of(self, account: str) -> list[Engine]:
        """Return the engines of an account that are there, one usually."""
        self.engines = [engine for engine in self.engines if not engine.is_gone]
        return [engine for engine in self.engines if engine.account == account]


class Daemon:
    """One run of linda-bot on a machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.process = Process()
        self.is_leaving = False
        self.events: list[object] = []
        host = Host(
            machine.name,
            f"place of {machine.name}",
            f"{machine.name}, start {machine.starts}",
            machine.capacity,
            machine.weight,
            LEASE_S,
        )
        self.keeper = FleetKeeper(
            _Line(machine.database, host, self.process, claims=machine.breakage.claims),
            _Landlord(self),
            host,
            self.events.append,
            rules=machine.breakage.rules,
            manners=Manners(),
            clock=machine.wall_clock if machine.breakage.wall_clock else machine.uptime,
        )
        self.task = self.process.run(self.keeper.run(), f"daemon of {machine.name}")

    def leave(self) -> "asyncio.Task[None]":
        """Begin to end in good order."""
        self.is_leaving = True
        return self.process.run(self._leave(), f"{self.machine.name} leaves")

    async def _leave(self) -> None:
        await self.keeper.leave(within_s=25)
        if self.machine.daemon is self:
            self.machine.daemon = None
        self.task.cancel()
        for engine in self.machine.engines:
            engine.end(0.0)


class _Line(FakeLedger):
    """What a process has of the database, for as long as it lives."""

    def __init__(self, database: FakeDatabase, host: Host, process: Process, *, claims: bool) -> None:
        super().__init__(database, host, within_s=WITHIN_S)
        self._process = process
        self._claims = claims

    async def renew(self, held: Mapping[str, int]) -> frozenset[str]:
        self._check()
        return await super().renew(held)

    async def claim(self, account: str) -> Grant | None:
        self._check()
        return await super().claim(account) if self._claims or self.database.now < _START_S else None

    async def release(self, *args: object) -> bool:
        self._check()
        return await super().release(*args)  # type: ignore[arg-type]

    async def depart(self) -> None:
        self._check()
        await super().depart()

    def _check(self) -> None:
        if self._process.is_dead:
            raise DatabaseTroubleError("the process is dead")


class _Landlord:
    """Runs engines that are only thought of."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._machine = daemon.machine
        self._chance = daemon.machine.chance

    async def begin(self, account: str, grant: Grant) -> None:
        del grant
        while self._machine.of(account):  # the session's lock
            await asyncio.sleep(0.05)
        await asyncio.sleep(self._chance.uniform(0.05, _SLOWEST_BEGIN_S))
        right_s = self._daemon.keeper.right_s(account)
        if right_s > 0 and not self._daemon.process.is_dead:
            self._machine.engines.append(Engine(self._machine, account, right_s))

    async def hand_over(self, account: str) -> None:
        hangs = self._chance.random() < _HANGS
        await asyncio.sleep(_HANGS_S if hangs else self._chance.uniform(0.05, _SLOWEST_END_S))
        for engine in self._machine.of(account):
            engine.end(0.0)

    def evict(self, account: str) -> None:
        if self._daemon.process.is_dead or not self._machine.breakage.evicts:
            return
        for engine in self._machine.of(account):
            engine.end(self._chance.uniform(0.01, _KILLED_WITHIN_S))

    def extend(self, account: str, right_s: float) -> None:
        for engine in self._machine.of(account) if not self._daemon.process.is_dead else ():
            engine.extend(right_s)
