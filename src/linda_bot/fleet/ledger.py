"""The ledger of a fleet: who takes part, which accounts there are, who may run which one. The database is the judge."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from linda_bot.kernel.errors import UsageError


class AccountState(StrEnum):
    """What is wanted of an account."""

    ACTIVE = "active"
    PAUSED = "paused"
    """No host runs it."""
    REMOVED = "removed"
    """It does not live in this database."""


class Why(StrEnum):
    """Why an account changed hands."""

    CLAIMED = "claimed"
    """Nobody had it."""
    HANDED_OVER = "handed_over"
    """A host gave it, so that another one has it."""
    TAKEN_OVER = "taken_over"
    """A host's lease ran out."""
    RELEASED = "released"
    """A host gave it back because it is not to be run."""
    LOST = "lost"
    """A host could not keep it: its lease was in doubt, or it could not be begun or ended in order."""


class Host(NamedTuple):
    """One that takes part, as it says of itself."""

    name: str
    place: str
    """Where its files are, as a word that no other place has: two processes of one place are never there at once."""
    incarnation: str
    """Another word for each process."""
    capacity: int
    """How many accounts it takes at most."""
    weight: float = 1.0
    """How large its share is, against that of others; nothing for one that stands by."""
    lease_s: float = 15.0
    version: str = ""
    pid: int = 0


class Grant(NamedTuple):
    """The right to run an account."""

    account: str
    fence: int
    lease_s: float
    from_host: str
    """Who had it last; empty for nobody."""
    why: Why
    free_s: float
    """For how long nobody had it."""


class HostSeen(msgspec.Struct, frozen=True):
    """A host, as the database has it; ages by the database's clock."""

    name: str
    incarnation: str
    capacity: int
    weight: float
    lease_s: float
    version: str
    pid: int
    is_leaving: bool
    started_s: float
    seen_s: float

    @property
    def is_alive(self) -> bool:
        """Whether it was heard of within the time of its leases."""
        return self.seen_s < self.lease_s


class AccountSeen(msgspec.Struct, frozen=True):
    """An account and its lease."""

    account: str
    state: AccountState
    host: str
    """Who had the last lease, also where that has run out; empty where it was given back."""
    came_from: str
    """Who had it before."""
    came_by: Why
    """How whoever has it, or had it last, got it."""
    given_back: str
    """Why it was given back; empty where it was not."""
    fence: int
    left_s: float
    """How long the lease lasts; less than nothing: since when the account is free."""
    granted_s: float
    """Since when whoever has it, or had it last, has had it."""

    @property
    def is_held(self) -> bool:
        """Whether somebody may run it now."""
        return bool(self.host) and self.left_s > 0

    @property
    def free_s(self) -> float:
        """For how long nobody has had it."""
        return 0.0 if self.is_held else max(-self.left_s, 0.0)


class MoveSeen(msgspec.Struct, frozen=True):
    """One change of hands."""

    id: int
    ago_s: float
    account: str
    from_host: str
    to_host: str
    why: Why
    fence: int
    free_s: float


class Snapshot(msgspec.Struct, frozen=True):
    """All of it at one moment."""

    hosts: tuple[HostSeen, ...] = ()
    accounts: tuple[AccountSeen, ...] = ()


class HostReplacedError(UsageError):
    """Another process takes part under this host's name."""


class Ledger(Protocol):
    """What one host, or a person's command, has of the ledger.

    No method waits for longer than it was told when the ledger was made: each raises DatabaseTroubleError then, and
    nothing is known of its effect. All may be called again.
    """

    async def register(self) -> None:
        """Take part; raises HostReplacedError where a host of another place is there under this name."""

    async def renew(self, held: Mapping[str, int]) -> frozenset[str]:
        """Give a sign of life, and renew leases, named by account and fence; return the accounts that still are ours.

        Raises HostReplacedError when another process has registered under this name.
        """

    async def see(self) -> Snapshot:
        """Return everything as it is."""

    async def claim(self, account: str) -> Grant | None:
        """Take an active account that nobody has, or that this host's name had; None where it cannot be had.

        When it returns, no connection of an older lease of the account is left in the database.
        """

    async def hold(self, account: str, lease_s: float) -> Grant | None:
        """Take an account that nobody has, whatever its state, as a person's command that works on it does."""

    async def release(self, account: str, fence: int, why: Why) -> bool:
        """Give an account back; return whether it was ours."""

    async def leave(self) -> None:
        """Say that this host wants no more accounts."""

    async def depart(self) -> None:
        """Take part no more; what it still has runs out."""

    async def add(self, account: str) -> bool:
        """Have an account run, one that was paused or removed, too; return whether that is a change."""

    async def set_state(self, account: str, state: AccountState) -> bool:
        """Say what is wanted of an account; return whether that is a change; nothing where it is not known."""

    async def moves(self, *, most: int = 100) -> tuple[MoveSeen, ...]:
        """Return the newest changes of hands, the newest first."""

    async def wait_for_news(self, within_s: float) -> bool:
        """Wait until somebody else may have changed something; return False when nothing came, or cannot be heard."""

    async def close(self) -> None:
        """Let go of the connections."""
