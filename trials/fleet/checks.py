"""What must hold at every moment of a fleet's life; each violation is a line."""

import asyncio
from collections.abc import Collection, Mapping
from typing import TypeVar

from linda_bot.fleet.ledger import AccountState
from linda_bot.fleet.sharing import HostView, quotas
from tests.support.fake_fleet import FakeDatabase
from trials.fleet.machine import LEASE_S, Machine

K = TypeVar("K")

STEP_S = 0.2
TWO_AT_MOST_S = 1.0
"""The fencing bound: a process that was paused may need a moment to see that its right has run out."""
FREE_AT_MOST_S = (LEASE_S + 5) * 1.1
"""A tenth for clocks that are not exact."""
_QUICK_S = 0.3
_MOST_EXCESS = 1.25 + 1e-6
_SETTLED_FOR_S = 120.0


class Checks:
    """Looks at everything again and again."""

    def __init__(self, database: FakeDatabase, machines: Mapping[str, Machine]) -> None:
        self._database = database
        self._machines = machines
        self._two_since: dict[str, float] = {}
        self._believers_since: dict[str, float] = {}
        self._able_since: dict[tuple[str, str], float] = {}
        self._moves_seen = 0
        self._fences: dict[str, int] = {}
        self._held_by: dict[str, str] = {}
        self.violations: list[str] = []
        self.looks = 0
        self.longest_two_s = 0.0
        self.longest_free_s = 0.0

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self.look()
            await asyncio.sleep(STEP_S)

    def look(self) -> None:
        """Check once."""
        self.looks += 1
        now = asyncio.get_running_loop().time()
        for account in self._database.accounts:
            self._at_most_one(account, now)
            self._held_again(account, now)
        for machine in self._machines.values():
            daemon = machine.daemon
            if daemon is None:
                continue
            if len(daemon.keeper.held) > machine.capacity:
                self._say(f"{machine.name} has {len(daemon.keeper.held)} accounts, {machine.capacity} at most")
            if daemon.task.done() and not daemon.is_leaving:
                self._say(f"the daemon of {machine.name} has ended: {daemon.task}")
                machine.daemon = None
        self._moves_add_up()

    def _at_most_one(self, account: str, now: float) -> None:
        live = [engine for machine in self._machines.values() for engine in machine.of(account) if engine.is_live]
        since = self._since(self._two_since, account, now, holds=len(live) > 1)
        self.longest_two_s = max(self.longest_two_s, since)
        if since > TWO_AT_MOST_S:
            self._say(f"{len(live)} engines of {account}: {', '.join(each.machine.name for each in live)}")
            self._two_since[account] = now
        believers = [
            machine.name
            for machine in self._machines.values()
            if machine.daemon and machine.daemon.keeper.right_s(account) > 0
        ]
        if self._since(self._believers_since, account, now, holds=len(believers) > 1) > STEP_S / 2:
            self._say(f"{account} on {' and on '.join(believers)}")
            self._believers_since[account] = now

    def _held_again(self, account: str, now: float) -> None:
        known, lease = self._database.accounts[account], self._database.leases.get(account)
        is_held = lease is not None and lease.host and lease.expires_at > self._database.now
        is_free = known.state is AccountState.ACTIVE and not is_held
        for name, machine in self._machines.items():
            key = (account, name)
            since = self._since(self._able_since, key, now, holds=is_free and self._is_able(machine))
            self.longest_free_s = max(self.longest_free_s, since)
            if since > FREE_AT_MOST_S:
                self._say(f"nobody has had {account} for {since:.0f} s, although {name} could")
                self._able_since[key] = now

    def _is_able(self, machine: Machine) -> bool:
        database, daemon = self._database, machine.daemon
        return (
            machine.is_running
            and daemon is not None
            and not daemon.is_leaving
            and len(daemon.keeper.held) < machine.capacity
            and not (database.is_frozen or database.is_down or machine.name in database.cut_off)
            and database.slow_s.get(machine.name, 0.0) <= _QUICK_S
        )

    def _moves_add_up(self) -> None:
        """Check that each move begins where the one before ended, with a fence that rises."""
        for move in self._database.moves[self._moves_seen :]:
            last = self._fences.get(move.account, 0)
            if move.to_host and move.fence != last + 1:
                self._say(f"the fence of {move.account} goes from {last} to {move.fence}")
            before = self._held_by.get(move.account, "")
            if before and move.from_host != before:
                self._say(f"{move.account} is moved from {move.from_host}, but {before} had it")
            self._fences[move.account] = move.fence
            self._held_by[move.account] = move.to_host
        self._moves_seen = len(self._database.moves)

    def at_rest(self) -> None:
        """Check what must hold when nothing has gone wrong for some minutes."""
        database, now = self._database, self._database.now
        active = {name for name, known in database.accounts.items() if known.state is AccountState.ACTIVE}
        running = {name: machine for name, machine in self._machines.items() if machine.daemon}
        held = {name: machine.daemon.keeper.held if machine.daemon else {} for name, machine in running.items()}
        everyone = [account for each in held.values() for account in each]
        room = sum(machine.capacity for machine in running.values())
        if len(everyone) != min(len(active), room) or len(set(everyone)) != len(everyone) or set(everyone) - active:
            self._say(f"{sorted(everyone)} are held, of {sorted(active)}, with room for {room}")
        for name, accounts in held.items():
            for account, fence in accounts.items():
                lease = database.leases[account]
                if (lease.host, lease.fence) != (name, fence) or len(self._machines[name].of(account)) != 1:
                    engines = len(self._machines[name].of(account))
                    self._say(f"{name} has {account} by {fence}, {lease}, {engines} engines")
        self._is_shared(running, held, len(active))
        late = [move for move in database.moves if now - move.at < _SETTLED_FOR_S]
        if late:
            self._say(f"nothing has happened, and {len(late)} moves: {late[-1]}")

    def _is_shared(self, running: Mapping[str, Machine], held: Mapping[str, Collection[str]], count: int) -> None:
        views = [HostView(name, machine.capacity, machine.weight) for name, machine in running.items()]
        excess = {name: len(held[name]) - part for name, part in quotas(views, count).items()}
        with_room = [excess[name] for name, machine in running.items() if len(held[name]) < machine.capacity]
        if with_room and max(excess.values()) - min(with_room) > _MOST_EXCESS:
            self._say(f"not shared fairly: {excess}")

    @staticmethod
    def _since(table: dict[K, float], key: K, now: float, *, holds: bool) -> float:
        """Return for how long something has been so, as far as the table knows."""
        if not holds:
            table.pop(key, None)
            return 0.0
        return now - table.setdefault(key, now)

    def _say(self, what: str) -> None:
        self.violations.append(f"{asyncio.get_running_loop().time():.1f} s: {what}")
