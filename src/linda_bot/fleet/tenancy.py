"""An account at this host: the right to run it, and what goes on with it; and who does run it."""

import asyncio
from enum import StrEnum
from typing import Protocol

from linda_bot.fleet.ledger import Grant


class Landlord(Protocol):
    """Runs accounts, when it is told to."""

    async def begin(self, account: str, grant: Grant) -> None:
        """Begin to run an account; for as long as `FleetKeeper.right_s` says, unless it is extended.

        Returns as soon as the account lives on by itself, linked or not. An error gives the account back. Cancelled
        when the account is to end before; `hand_over` or `evict` follows then.
        """

    async def hand_over(self, account: str) -> None:
        """End an account in good order, also one that has only half begun; return when all of it is in the database.

        An error, or too long a time, has it evicted.
        """

    def evict(self, account: str) -> None:
        """End an account now, without a goodbye: another host may begin with it any moment.

        Nothing of it may be running, nor be written, a moment after. Harmless where it does not run.
        """

    def extend(self, account: str, right_s: float) -> None:
        """Let the account's engine live for so many seconds from now; called whenever a lease was proven."""


class Stage(StrEnum):
    """How far an account has come here."""

    BEGINNING = "beginning"
    LIVING = "living"
    ENDING = "ending"


class Tenancy:
    """One lease's time at this host."""

    def __init__(self, grant: Grant, until: float) -> None:
        self.account = grant.account
        self.fence = grant.fence
        self.until = until
        """Until when the lease may be believed in, by the keeper's clock."""
        self.stage = Stage.BEGINNING
        self.task: asyncio.Task[None] | None = None
        """What begins or ends it."""
