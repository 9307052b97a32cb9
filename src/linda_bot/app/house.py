"""Several accounts in one process."""

import asyncio
from collections.abc import Mapping, Sequence

from linda_bot.app.events import AccountChanged
from linda_bot.app.front import Front
from linda_bot.app.resident import MakeAccount, Phase, Resident, ResidentView
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.masking import mask_number
from linda_bot.sessions.roll import Roll, Standing
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

    @property
    def residents(self) -> Mapping[str, Resident]:
        """All of them, in order."""
        return self._residents

    def front(self, account: str) -> Front | None:
        """Return what an account may be asked; None where it is not there, or does not run."""
        resident = self._residents.get(account)
        return resident.account.front if resident is not None and resident.account is not None else None

    def views(self) -> list[ResidentView]:
        """Return all accounts as lists show them; numbers are not masked."""
        return [resident.view(host=self._host) for resident in self._residents.values()]

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
        await asyncio.gather(*(resident.end(resident.phase, resident.why) for resident in self._residents.values()))

    def evict(self) -> None:
        """End all engines at once."""
        for resident in self._residents.values():
            resident.evict()

    async def add(self, number: str) -> ResidentView:
        """Add an account, which needs a phone then; raises UsageError."""
        account = phone_number(number)
        if account in self._residents:
            raise UsageError(f"{mask_number(account)} is there already")
        await self._remember(account, Standing.ACTIVE)
        resident = self._move_in(account)
        resident.begin()
        return resident.view(host=self._host)

    async def link(self, account: str) -> ResidentView:
        """Have codes shown that link an account to a phone; raises UsageError."""
        resident = self._resident(account)
        if resident.phase is Phase.PAUSED:
            raise UsageError(f"{mask_number(account)} is paused; resume it first")
        await resident.link()
        return resident.view(host=self._host)

    async def pause(self, account: str) -> ResidentView:
        """Have nothing of an account run until `resume`, also after a restart; its session stays. Raises UsageError."""
        resident = self._resident(account)
        await self._remember(account, Standing.PAUSED)
        await resident.end(Phase.PAUSED, _PAUSED)
        return resident.view(host=self._host)

    async def resume(self, account: str) -> ResidentView:
        """End a pause, or have an account begin anew that has ended; raises UsageError."""
        resident = self._resident(account)
        await self._remember(account, Standing.ACTIVE)
        resident.begin()
        return resident.view(host=self._host)

    async def remove(self, account: str) -> ResidentView:
        """End an account and forget it; its files stay where they are. Raises UsageError."""
        resident = self._resident(account)
        if account in self._named:
            raise UsageError(f"{mask_number(account)} is named in the settings: take it out of LINDA_ACCOUNTS there")
        await self._remember(account, Standing.REMOVED)
        await resident.end(Phase.ENDED, "it was removed")
        self._residents.pop(account, None)
        self.bus.publish(AccountChanged(account=account, phase="removed", because=""))
        return resident.view(host=self._host)

    def _resident(self, account: str) -> Resident:
        found = self._residents.get(account)
        if found is None:
            there = ", ".join(map(mask_number, self._residents)) or "none"
            raise UsageError(f"there is no account {mask_number(account)}; there are: {there}")
        return found

    def _move_in(self, account: str) -> Resident:
        def changed() -> None:
            self.bus.publish(AccountChanged(account=account, phase=resident.phase.value, because=resident.why))

        resident = self._residents[account] = Resident(account, self._make, self._turns, changed)
        return resident

    async def _remember(self, account: str, standing: Standing) -> None:
        try:
            await asyncio.to_thread(self._roll.change, account, standing)
        except OSError as error:
            raise UsageError(f"{self._roll.path} cannot be written: {error.strerror}; nothing was changed") from error
