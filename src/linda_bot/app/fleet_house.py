"""The accounts of a process that shares them with other hosts: which of them are here is the database's word."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from typing import NoReturn

from linda_bot.app.fleet_view import FleetView
from linda_bot.app.front import NotNowError
from linda_bot.app.house import House
from linda_bot.app.resident import MakeAccount, Phase, Resident, ResidentView
from linda_bot.database.connecting import DatabaseTroubleError
from linda_bot.fleet.events import AccountMoved
from linda_bot.fleet.ledger import AccountState, Grant, Host, Ledger, MoveSeen, Snapshot
from linda_bot.health.fleet_figures import FleetFigures
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import LindaError, UsageError
from linda_bot.kernel.events import Event
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sessions.roll import Roll, Standing

_log = logging.getLogger("linda_bot.app")

_LOOK_EVERY_S = 2.0
_MOST_MOVES = 50
_REACHED_WITHIN_S = 5.0
_GONE_WITHIN_S = 20.0
"""For so long a lease is kept for an account whose former life here still ends; then others may have it."""
_ENDS_WITHIN_S = 2.0
_STATES = {
    Standing.ACTIVE: AccountState.ACTIVE,
    Standing.PAUSED: AccountState.PAUSED,
    Standing.REMOVED: AccountState.REMOVED,
}


class StillEndingError(LindaError):
    """Something of an account still runs here."""


class FleetHouse(House):
    """The accounts of a database, of which those run here whose leases this host has."""

    def __init__(
        self, named: Sequence[str], roll: Roll, make: MakeAccount, bus: EventBus, *, at_once: int, host: Host
    ) -> None:
        """Take what the settings name; the roll of a directory stands for nothing here."""
        super().__init__(named, roll, make, bus, at_once=at_once, host=host.name)
        self._incarnation = host.incarnation
        self._ledger: Ledger | None = None
        self._reached = asyncio.Event()
        self._takes_part = False
        self._tenants: set[str] = set()
        self._hosts: dict[str, str] = {}
        self._snapshot = Snapshot()
        self._moves: tuple[MoveSeen, ...] = ()
        self._came: Counter[str] = Counter()
        self.fleet = self._seen
        self._ends: dict[str, asyncio.Task[None]] = {}
        """Of accounts that were evicted, by account."""
        self._trouble = ""

    def readiness(self) -> str:
        """Return why this host is of no use yet: it has not seen itself among the hosts; what comes later is no why."""
        if not self._reached.is_set():
            return f"the database has not been reached yet: {self._trouble or 'it does not answer'}"
        if not self._takes_part:
            return "this host does not take part yet"
        return ""

    def figures(self) -> FleetFigures:
        """Return what is counted of the fleet, as it was seen a moment ago."""
        found = self._snapshot
        return FleetFigures(
            database_up=self._reached.is_set() and not self._trouble,
            hosts=sum(host.is_alive and not host.is_leaving for host in found.hosts),
            held=len(self._tenants),
            free=sum(each.state is AccountState.ACTIVE and not each.is_held for each in found.accounts),
            came=dict(self._came),
        )

    def in_trouble(self, because: str) -> None:
        """Take word of why the database cannot be used; empty where it can."""
        self._trouble = because

    def take(self, event: Event) -> None:
        """Count which accounts come here, and why."""
        if isinstance(event, AccountMoved):
            self._came[event.why] += 1

    async def close(self) -> None:
        """Have all accounts end, also those that were evicted."""
        await super().close()
        if self._ends:
            await asyncio.wait(set(self._ends.values()), timeout=_ENDS_WITHIN_S)

    async def live(self, ledger: Ledger) -> NoReturn:
        """Know of all accounts that there are, until cancelled; those that the settings name are added at first."""
        self._ledger = ledger
        are_named = False
        while True:
            try:
                snapshot = await ledger.see()
                if not are_named:
                    await self._add_named(ledger, snapshot)
                    are_named = True
                    snapshot = await ledger.see()
                self._moves = await ledger.moves(most=_MOST_MOVES)
            except DatabaseTroubleError as error:
                self._trouble = str(error)
            else:
                self._trouble = ""
                self._take(snapshot)
            await asyncio.sleep(_LOOK_EVERY_S)

    # As the landlord of a fleet; see `fleet.tenancy.Landlord`.

    async def begin_here(self, account: str) -> None:
        """Have an account live whose lease is here; raises StillEndingError where a former life of it does not end."""
        self._tenants.add(account)
        self._hosts[account] = self._host
        loop = asyncio.get_running_loop()
        until = loop.time() + _GONE_WITHIN_S
        while ending := self._ends.get(account):  # what was evicted is still on its way out
            await asyncio.wait({ending})
        resident = self._residents.get(account) or self._move_in(account)
        async with resident.asking:
            if resident.is_told_to_end:
                await resident.gone(within_s=until - loop.time())
            if resident.is_told_to_end and resident.is_ending:
                raise StillEndingError("something of its former life here still runs")
            if account in self._tenants:
                self._residents[account] = (
                    resident  # a person may have removed it meanwhile: the ledger says when to end
                )
                resident.begin()

    async def end_here(self, account: str) -> None:
        """Have an account end in good order: another host is to have it, or nobody. Raises StillEndingError."""
        self._tenants.discard(account)
        self._hosts.pop(account, None)
        resident = self._residents.get(account)
        if resident is None:
            return
        async with resident.asking:  # a person may just have it end, or begin anew
            paused = resident.phase is Phase.PAUSED
            await resident.end(Phase.PAUSED if paused else Phase.ELSEWHERE, resident.why if paused else "")
        if resident.is_ending:
            raise StillEndingError("something of it still runs")

    def evict_here(self, account: str) -> None:
        """End an account at once: its lease is not to be believed in any more."""
        self._tenants.discard(account)
        self._hosts.pop(account, None)
        resident = self._residents.get(account)
        if resident is None:
            return
        resident.evict()
        if account not in self._ends:
            ending = spawn_task(resident.end(Phase.ELSEWHERE, "its lease has ended here"), name=f"end of {account}")
            self._ends[account] = ending
            ending.add_done_callback(lambda task: self._has_ended(account, task))

    def _has_ended(self, account: str, ending: asyncio.Task[None]) -> None:
        del self._ends[account]
        if not ending.cancelled() and (error := ending.exception()) is not None:
            _log.error("an account's end has failed: %s: %s", type(error).__name__, error)

    def extend_here(self, account: str, right_s: float) -> None:
        """Let an account's engine be there for so many seconds from now."""
        resident = self._residents.get(account)
        if resident is not None and resident.account is not None:
            resident.account.engines.extend(right_s)

    async def _add_named(self, ledger: Ledger, snapshot: Snapshot) -> None:
        known = {each.account for each in snapshot.accounts}
        for account in self._named:
            if account not in known:  # what a person has paused or removed stays so
                await ledger.add(account)

    def _seen(self) -> FleetView:
        """Return all hosts and accounts, as they were seen a moment ago."""
        found = self._snapshot
        return FleetView(
            host=self._host, trouble=self._trouble, hosts=found.hosts, accounts=found.accounts, moves=self._moves
        )

    def _take(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._takes_part = self._takes_part or any(host.incarnation == self._incarnation for host in snapshot.hosts)
        self._reached.set()
        seen = {each.account: each for each in snapshot.accounts if each.state is not AccountState.REMOVED}
        for account, found in seen.items():
            resident = self._residents.get(account) or self._move_in(account)
            if account in self._tenants:
                continue
            self._hosts[account] = found.host if found.is_held else ""
            if found.state is AccountState.PAUSED:
                resident.rest(Phase.PAUSED, "a person has paused it")
            elif found.is_held:
                resident.rest(Phase.ELSEWHERE, f"the host {found.host} has it")
            else:
                resident.rest(Phase.WAITING, "no host has it yet")
        for account in set(self._residents) - set(seen) - self._tenants:
            resident = self._residents[account]
            if not resident.is_ending and not resident.asking.locked():  # else it must still be found
                del self._residents[account]

    async def _remember(self, account: str, standing: Standing) -> None:
        try:
            async with asyncio.timeout(_REACHED_WITHIN_S):
                await self._reached.wait()
        except TimeoutError:
            raise NotNowError(
                f"the database has not been reached yet: {self._trouble or 'it does not answer'}"
            ) from None
        assert self._ledger is not None
        try:
            if standing is Standing.ACTIVE:
                await self._ledger.add(account)
            else:
                await self._ledger.set_state(account, _STATES[standing])
        except DatabaseTroubleError as error:
            raise NotNowError(f"{error}; nobody knows whether it was changed, look again") from error

    def _revive(self, resident: Resident) -> None:
        if resident.name in self._tenants:
            resident.begin()
        else:
            resident.rest(Phase.WAITING, "no host has it yet")

    async def _link(self, resident: Resident) -> None:
        if resident.name not in self._tenants:
            host = self._hosts.get(resident.name, "")
            raise UsageError(f"the host {host} has it: ask there" if host else "no host has it yet: try again soon")
        await resident.link()
        if resident.name not in self._tenants:  # evicted meanwhile: nothing of it may begin
            await resident.end(Phase.ELSEWHERE, "its lease has ended here")
            raise NotNowError("its lease has ended here meanwhile: see which host has it now")

    def _view(self, resident: Resident) -> ResidentView:
        return resident.view(host=self._hosts.get(resident.name, ""))


class Tenants:
    """The landlord of a fleet's keeper: hands what it wants done to the house."""

    def __init__(self, house: FleetHouse) -> None:
        self._house = house

    async def begin(self, account: str, _grant: Grant) -> None:
        """Have it live; see `Landlord`."""
        await self._house.begin_here(account)

    async def hand_over(self, account: str) -> None:
        """Have it end in good order; see `Landlord`."""
        await self._house.end_here(account)

    def evict(self, account: str) -> None:
        """End it at once; see `Landlord`."""
        self._house.evict_here(account)

    def extend(self, account: str, right_s: float) -> None:
        """Let its engine live on; see `Landlord`."""
        self._house.extend_here(account, right_s)
