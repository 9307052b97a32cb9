"""Several accounts in one process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from linda_bot.app.events import AccountChanged
from linda_bot.app.fleet_view import FleetView
from linda_bot.app.front import Front, NotNowError
from linda_bot.app.resident import MakeAccount, Phase, Resident, ResidentView
from linda_bot.health.fleet_figures import FleetFigures
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.masking import mask_account
from linda_bot.sessions.roll import Roll, Standing, still_named
from linda_bot.settings.values import phone_number

_PAUSED = "a person has paused it"


class House:
    """The accounts of a process, by name; what a person asks of them is remembered."""

    def __init__(
        self, named: Sequence[str], roll: Roll, make: MakeAccount, bus: EventBus, *, at_once: int, host: str = ""
    ) -> None:
        """Take the accounts that the settings name, and the roll with those that a person has added."""
        self.bus = bus
        self._named = tuple(named)
        self._roll = roll
        self._make = make
        self._turns = asyncio.Semaphore(at_once)
        self._host = host
        self._residents: dict[str, Resident] = {}
        self._writing = asyncio.Lock()
        self._is_closing = False
        self.fleet: Callable[[], FleetView] | None = None
        """Tells how accounts are shared among hosts, where they are."""
        self.fleet_figures: Callable[[], FleetFigures] | None = None
        """The same in figures."""

    def readiness(self) -> str:
        """Return why nobody should rely on this process yet; empty where it does what it can."""
        return ""

    @property
    def residents(self) -> Mapping[str, Resident]:
        """All of them, in order."""
        return self._residents

    def front(self, account: str) -> Front | None:
        """Return what an account may be asked; None where it is not there, or does not run."""
        resident = self._residents.get(account)
        return resident.account.front if resident is not None and resident.account is not None else None

    def is_named(self, account: str) -> bool:
        """Return whether the settings name an account: so it cannot be removed here."""
        return account in self._named

    def view(self, account: str) -> ResidentView | None:
        """Return an account as lists show it, its number not masked; None where it is not there."""
        resident = self._residents.get(account)
        return None if resident is None else self._view(resident)

    def views(self) -> list[ResidentView]:
        """Return all accounts as lists show them; numbers are not masked."""
        return [self._view(resident) for resident in self._residents.values()]

    def begin(self) -> None:
        """Have all accounts begin that are to run; raises UsageError when the roll cannot be read."""
        standings = self._roll.read()
        for account in dict.fromkeys((*self._named, *standings)):
            standing = standings.get(account, Standing.ACTIVE)
            if standing is Standing.REMOVED and account not in self._named:
                continue
            resident = self._move_in(account)
            if standing is Standing.PAUSED:
                resident.phase, resident.why = Phase.PAUSED, _PAUSED
            else:
                resident.begin()

    async def close(self) -> None:
        """Have all accounts end in good order, all at the same time."""
        self._is_closing = True
        await asyncio.gather(*(resident.end(resident.phase, resident.why) for resident in self._residents.values()))

    def evict(self) -> None:
        """End all engines at once."""
        for resident in self._residents.values():
            resident.evict()

    async def add(self, number: str) -> ResidentView:
        """Add an account, which needs a phone then; raises UsageError."""
        account = phone_number(number)
        if account in self._residents:
            raise UsageError(f"{mask_account(account)} is there already")
        await self._remember(account, Standing.ACTIVE)
        resident = self._residents.get(account) or self._move_in(account)  # it may have been asked for twice
        self._revive(resident)
        return self._view(resident)

    async def link(self, account: str) -> ResidentView:
        """Have codes shown that link an account to a phone; raises UsageError."""
        async with self._asked(account) as resident:
            if resident.phase is Phase.PAUSED:
                raise UsageError(f"{mask_account(account)} is paused; resume it first")
            await self._link(resident)
            return self._view(resident)

    async def pause(self, account: str) -> ResidentView:
        """Have nothing of an account run until `resume`, also after a restart; its session stays. Raises UsageError."""
        async with self._asked(account) as resident:
            await self._remember(account, Standing.PAUSED)
            await resident.end(Phase.PAUSED, _PAUSED)
            return self._view(resident)

    async def resume(self, account: str) -> ResidentView:
        """End a pause, or have an account begin anew that has ended; raises UsageError."""
        async with self._asked(account) as resident:
            await self._remember(account, Standing.ACTIVE)
            self._revive(resident)
            return self._view(resident)

    async def remove(self, account: str) -> ResidentView:
        """End an account and forget it; its files stay where they are. Raises UsageError."""
        if account in self._named:
            raise UsageError(still_named(account))
        async with self._asked(account) as resident:
            await self._remember(account, Standing.REMOVED)
            await resident.end(Phase.ENDED, "it was removed")
            self._residents.pop(account, None)
            self.bus.publish(AccountChanged(account=account, phase="removed", because=""))
            return self._view(resident)

    @asynccontextmanager
    async def _asked(self, account: str) -> AsyncIterator[Resident]:
        """Yield an account that nobody else changes until the end of the block; raises UsageError, NotNowError."""
        found = self._residents.get(account)
        if found is None:
            there = ", ".join(map(mask_account, self._residents)) or "none"
            raise UsageError(f"there is no account {mask_account(account)}; there are: {there}")
        async with found.asking:
            if self._residents.get(account) is not found:
                raise NotNowError(f"{mask_account(account)} has just been removed")
            yield found

    def _revive(self, resident: Resident) -> None:
        """Have an account live that is wanted."""
        resident.begin()

    async def _link(self, resident: Resident) -> None:
        """Have codes shown for an account that needs a phone; raises UsageError where that is not for this process."""
        await resident.link()

    def _view(self, resident: Resident) -> ResidentView:
        return resident.view(host=self._host)

    def _move_in(self, account: str) -> Resident:
        def changed() -> None:
            if self._is_closing:
                return  # all of them end, as everybody knows
            self.bus.publish(AccountChanged(account=account, phase=resident.phase.value, because=resident.why))

        resident = self._residents[account] = Resident(account, self._make, self._turns, changed)
        return resident

    async def _remember(self, account: str, standing: Standing) -> None:
        try:
            async with self._writing:
                await asyncio.to_thread(self._roll.change, account, standing)
        except OSError as error:
            raise UsageError(f"{self._roll.path} cannot be written: {error.strerror}; nothing was changed") from error
