"""A fleet as doors show it; pure."""

import msgspec

from linda_bot.fleet.ledger import AccountSeen, HostSeen, MoveSeen
from linda_bot.kernel.masking import mask_account


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

    def masked(self) -> "FleetView":
        """Return it without phone numbers."""
        replace = msgspec.structs.replace
        return replace(
            self,
            accounts=tuple(replace(each, account=mask_account(each.account)) for each in self.accounts),
            moves=tuple(replace(each, account=mask_account(each.account)) for each in self.moves),
        )
