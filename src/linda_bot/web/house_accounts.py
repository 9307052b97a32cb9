"""The accounts of a house, as its doors tell of them."""

from hashlib import blake2s
from typing import NamedTuple

from linda_bot.app.answers import AccountView
from linda_bot.app.house import House
from linda_bot.app.status import time_of
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.masking import mask_account, mask_line, mask_number
from linda_bot.web.rooms import Room

_ID_BYTES = 5


class AccountNames(NamedTuple):
    """What stands for accounts where numbers are not to be seen: a fingerprint that only our key makes."""

    key: bytes

    def room_of(self, account: str) -> Room:
        """Return the room of an account."""
        identity = account if not account.isdecimal() else self._fingerprint(account)
        return Room(account, identity, mask_account(account))

    def account_of(self, said: str, house: House) -> str:
        """Return the account that is meant by its number or what stands for it; raises UsageError for none."""
        for account in house.residents:
            if said in (account, self.room_of(account).id):
                return account
        there = ", ".join(map(mask_account, house.residents)) or "none"
        raise UsageError(f"there is no such account; there are: {there}")

    def _fingerprint(self, account: str) -> str:
        return blake2s(account.encode(), key=self.key, digest_size=_ID_BYTES).hexdigest()


def accounts_of(house: House, names: AccountNames, *, show_numbers: bool = False) -> tuple[AccountView, ...]:
    """Return all accounts, in order, numbers masked unless asked for."""
    return tuple(view_of(house, names, account, show_numbers=show_numbers) for account in house.residents)


def view_of(house: House, names: AccountNames, account: str, *, show_numbers: bool = False) -> AccountView:
    """Return one account, as it is now; one that is not there any more as removed."""
    identity = names.room_of(account).id
    found, front = house.view(account), house.front(account)
    shown = account if show_numbers else mask_account(account)
    if found is None:
        return AccountView(id=identity, account=shown, phase="removed")
    return AccountView(
        id=identity,
        account=shown,
        phase=found.phase,
        why=found.why if show_numbers else mask_line(found.why),
        since=found.since,
        state=found.state,
        state_since=time_of(front.chronicle.since) if front is not None else None,
        because=(front.chronicle.because if show_numbers else mask_line(front.chronicle.because)) if front else "",
        linked_number=found.linked_number if show_numbers else mask_number(found.linked_number),
        health=found.health,
        alerts=len(front.chronicle.alerts) if front is not None else 0,
        host=found.host,
        next_try_s=found.next_try_s,
        is_named=house.is_named(account),
    )
