"""The ledger in the shared database."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from linda_bot.database.connecting import Database, DatabaseTroubleError, Place
from linda_bot.database.places import HOUSE
from linda_bot.fleet import statements
from linda_bot.fleet.ledger import AccountState, Grant, Host, HostReplacedError, MoveSeen, Snapshot, Why
from linda_bot.fleet.patient_connection import PatientConnection

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.AsyncConnection[Any]

CHANNEL = "linda_bot"
"""Where the database tells of what was changed."""

_DURABLE = "SET synchronous_commit TO on"
"""A grant that a crash of the database can take back would be granted twice."""
_STEP_S = 0.02
_LATE_S = 1.0


class PostgresLedger:
    """The ledger as one host has it; see `Ledger`. The tables are there: see `database.migrating.bring_up_to_date`."""

    def __init__(self, database: Database, host: Host, *, within_s: float) -> None:
        """Take who asks, and for how long an answer is waited for."""
        self._database = database
        self._host = host
        self._within_s = within_s
        place = Place(HOUSE, who=f"linda-bot fleet {host.name}"[:63])
        # Three, since a renewal must not wait for a claim, nor either for news.
        self._renewals = PatientConnection(database, place, first=_DURABLE)
        self._work = PatientConnection(database, place, first=_DURABLE)
        self._news = PatientConnection(database, place)
        self._listening: Connection | None = None

    async def register(self) -> None:
        """Take part; see `Ledger`."""

        async def ask(connection: "Connection") -> bool:
            await connection.execute(statements.FORGET_OLD_HOSTS)
            return bool(await _row(connection, statements.REGISTER, self._host._asdict()))

        if not await self._work.run(ask, within_s=self._within_s):
            raise HostReplacedError(
                f"another host takes part as {self._host.name}; give this one a name of its own with LINDA_FLEET__HOST"
            )

    async def renew(self, held: Mapping[str, int]) -> frozenset[str]:
        """Give a sign of life and renew leases; see `Ledger`."""
        asked = {"accounts": list(held), "fences": list(held.values())}
        row = await self._ask(statements.RENEW, self._renewals, **asked)
        is_here, accounts = row or (False, ())
        if not is_here:
            raise HostReplacedError(f"another process has taken the place of this one as the host {self._host.name}")
        return frozenset(accounts)

    async def see(self) -> Snapshot:
        """Return everything; see `Ledger`."""
        row = await self._ask(statements.SEE, self._work)
        return msgspec.json.decode(row[0] if row else "{}", type=Snapshot)

    async def claim(self, account: str) -> Grant | None:
        """Take an account; see `Ledger`."""
        return await self._take(statements.CLAIM, account, self._host.lease_s)

    async def hold(self, account: str, lease_s: float) -> Grant | None:
        """Take an account for a person's command; see `Ledger`."""
        return await self._take(statements.HOLD, account, lease_s)

    async def release(self, account: str, fence: int, why: Why) -> bool:
        """Give an account back; see `Ledger`."""
        row = await self._ask(statements.RELEASE, self._work, account=account, fence=fence, why=why.value)
        return bool(row and row[0])

    async def leave(self) -> None:
        """Want no more accounts; see `Ledger`."""
        await self._ask(statements.LEAVE, self._work)

    async def depart(self) -> None:
        """Take part no more; see `Ledger`."""
        await self._ask(statements.DEPART, self._work)

    async def add(self, account: str) -> bool:
        """Have an account run; see `Ledger`."""
        return bool(await self._ask(statements.ADD, self._work, account=account))

    async def set_state(self, account: str, state: AccountState) -> bool:
        """Say what is wanted of an account; see `Ledger`."""
        return bool(await self._ask(statements.SET_STATE, self._work, account=account, state=state.value))

    async def moves(self, *, most: int = 100) -> tuple[MoveSeen, ...]:
        """Return the newest changes of hands; see `Ledger`."""
        row = await self._ask(statements.MOVES, self._work, most=most)
        return msgspec.json.decode(row[0] if row else "[]", type=tuple[MoveSeen, ...])

    async def wait_for_news(self, within_s: float) -> bool:
        """Wait for news; see `Ledger`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        try:
            return await self._news.run(lambda connection: self._hear(connection, until), within_s=within_s + _LATE_S)
        except DatabaseTroubleError:
            await asyncio.sleep(until - loop.time())
            return False

    async def close(self) -> None:
        """Let go of the connections; see `Ledger`."""
        for connection in (self._renewals, self._work, self._news):
            await connection.close()

    async def _take(self, statement: str, account: str, lease_s: float) -> Grant | None:
        async def take(connection: "Connection") -> Grant | None:
            asked = {**self._host._asdict(), "account": account, "lease_s": lease_s}
            row = await _row(connection, statement, asked)
            if row is None:
                return None
            fence, from_host, why, free_s = row
            # The new fence is there for all to see by now, so that none of those that come back can write.
            while (await _row(connection, statements.END_OLDER, {"account": account, "fence": fence}) or (0,))[0]:  # noqa: ASYNC110 (processes of the server's)
                await asyncio.sleep(_STEP_S)
            return Grant(account, fence, lease_s, from_host, Why(why), free_s)

        return await self._work.run(take, within_s=self._within_s)

    async def _ask(self, statement: str, line: PatientConnection, **more: object) -> tuple[Any, ...] | None:
        asked = {**self._host._asdict(), **more}
        return await line.run(lambda connection: _row(connection, statement, asked), within_s=self._within_s)

    async def _hear(self, connection: "Connection", until: float) -> bool:
        loop = asyncio.get_running_loop()
        if self._listening is not connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._listening = connection
            return True  # what was told before this connection was there is not known
        async for _ in connection.notifies(timeout=max(until - loop.time(), 0.0), stop_after=1):
            return True
        return False


async def _row(connection: "Connection", statement: str, asked: Mapping[str, object]) -> tuple[Any, ...] | None:
    """Return the first row of what a statement returns; None for none."""
    cursor = await connection.execute(statement, asked)
    return await cursor.fetchone() if cursor.description else None
