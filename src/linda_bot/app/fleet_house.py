"""The accounts of a process that shares them with other hosts: which of them are here is the database's word."""

import asyncio
from collections.abc import Sequence
from typing import NoReturn

import msgspec

from linda_bot.app.front import NotNowError
from linda_bot.app.house import House
from linda_bot.app.resident import MakeAccount, Phase, Resident, ResidentView
from linda_bot.database.connecting import DatabaseTroubleError
from linda_bot.fleet.ledger import AccountSeen, AccountState, Grant, HostSeen, Ledger, MoveSeen, Snapshot
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sessions.roll import Roll, Standing

_LOOK_EVERY_S = 2.0
_MOST_MOVES = 50
_REACHED_WITHIN_S = 5.0
_STATES = {
    Standing.ACTIVE: AccountState.ACTIVE,
    Standing.PAUSED: AccountState.PAUSED,
    Standing.REMOVED: AccountState.REMOVED,
}


class FleetView(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet at one moment; numbers are not masked."""

    host: str
    """The one that tells."""
    trouble: str = ""
    """Why the database cannot be used; empty where it can."""
    hosts: tuple[HostSeen, ...] = ()
    accounts: tuple[AccountSeen, ...] = ()
    moves: tuple[MoveSeen, ...] = ()
    """The newest first."""


class FleetHouse(House):
    """The accounts of a database, of which those run here whose leases this host has."""

    def __init__(
        self, named: Sequence[str], roll: Roll, make: MakeAccount, bus: EventBus, *, at_once: int, host: str
    ) -> None:
        """Take what the settings name; the roll of a directory stands for nothing here."""
        super().__init__(named, roll, make, bus, at_once=at_once, host=host)
        self._ledger: Ledger | None = None
        self._reached = asyncio.Event()
        self._tenants: set[str] = set()
        self._hosts: dict[str, str] = {}
        self._snapshot = Snapshot()
        self._moves: tuple[MoveSeen, ...] = ()
        self.fleet = self._seen
        self._ends: dict[str, asyncio.Task[None]] = {}
        """Of accounts that were evicted, by account."""
        self._trouble = ""

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
                self._reached.set()
            await asyncio.sleep(_LOOK_EVERY_S)

    # As the landlord of a fleet; see `fleet.tenancy.Landlord`.

    async def begin_here(self, account: str) -> None:
        """Have an account live whose lease is here."""
        self._tenants.add(account)
        self._hosts[account] = self._host
        resident = self._residents.get(account) or self._move_in(account)
        while ending := self._ends.get(account):  # what was evicted is still on its way out
            await asyncio.wait({ending})
        if account in self._tenants:
            resident.begin()

    async def end_here(self, account: str) -> None:
        """Have an account end in good order: another host is to have it, or nobody."""
        self._tenants.discard(account)
        if resident := self._residents.get(account):
            paused = resident.phase is Phase.PAUSED
            await resident.end(Phase.PAUSED if paused else Phase.ELSEWHERE, resident.why if paused else "")

    def evict_here(self, account: str) -> None:
        """End an account at once: its lease is not to be believed in any more."""
        self._tenants.discard(account)
        resident = self._residents.get(account)
        if resident is None:
            return
        resident.evict()
        if account not in self._ends:
            ending = spawn_task(resident.end(Phase.ELSEWHERE, "its lease has ended here"), name=f"end of {account}")
            self._ends[account] = ending
            ending.add_done_callback(lambda _: self._ends.pop(account, None))

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
            self._residents.pop(account)

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
