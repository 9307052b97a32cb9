"""A fleet's database without a database: the same rules in memory, on a clock of its own, with faults."""

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple, TypeVar

from linda_bot.database.connecting import DatabaseTroubleError
from linda_bot.fleet.ledger import (
    AccountSeen,
    AccountState,
    Grant,
    Host,
    HostReplacedError,
    HostSeen,
    MoveSeen,
    Snapshot,
    Why,
)

T = TypeVar("T")


class _HostRow(NamedTuple):
    host: Host
    seen_at: float
    started_at: float
    is_leaving: bool = False


class _Lease(NamedTuple):
    host: str = ""
    place: str = ""
    fence: int = 0
    expires_at: float = 0.0
    granted_at: float = 0.0
    came_from: str = ""
    came_by: Why = Why.CLAIMED
    given_back: str = ""


class _Account(NamedTuple):
    state: AccountState
    changed_at: float


class Move(NamedTuple):
    """A change of hands, as it is written down."""

    at: float
    account: str
    from_host: str
    to_host: str
    why: Why
    fence: int
    free_s: float


class FakeDatabase:
    """The tables; who is asked does what is asked at one moment, as a single statement does."""

    def __init__(self, clock: Callable[[], float] | None = None, *, seed: int = 0) -> None:
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self.chance = Random(seed)
        self.hosts: dict[str, _HostRow] = {}
        self.accounts: dict[str, _Account] = {}
        self.leases: dict[str, _Lease] = {}
        self.moves: list[Move] = []
        self.is_frozen = False
        self.is_down = False
        self._waiting: list[Callable[[], None]] = []
        self.cut_off: set[str] = set()
        self.slow_s: dict[str, float] = {}
        """How long a question or an answer of a host's may take at most."""
        self._listeners: dict[str, asyncio.Event] = {}

    @property
    def now(self) -> float:
        """The time, as the database sees it."""
        return self._clock()

    def freeze(self) -> None:
        """Answer nobody until `thaw`; what is asked meanwhile may be done then."""
        self.is_frozen = True

    def thaw(self) -> None:
        self.is_frozen = False
        waiting, self._waiting = self._waiting, []
        for arrive in waiting:
            arrive()

    def stop(self) -> None:
        """Refuse everybody, and forget what was asked."""
        self.is_down, self._waiting = True, []

    def start(self) -> None:
        self.is_down = False

    def send(self, host: str, do: Callable[[], T], answer: "asyncio.Future[T]") -> None:
        """Have something done as soon as it gets here, and answered; nobody need wait for that any more."""
        loop = asyncio.get_running_loop()

        def arrive() -> None:
            if host in self.cut_off:
                return
            if self.is_down:
                if not answer.done():
                    answer.set_exception(DatabaseTroubleError("the database refuses connections"))
            elif self.is_frozen:
                self._waiting.append(arrive)
            else:
                loop.call_later(self._way_s(host), get_back, do())

        def get_back(result: T) -> None:
            if host not in self.cut_off and not self.is_down and not answer.done():
                answer.set_result(result)

        loop.call_later(self._way_s(host), arrive)

    def _way_s(self, host: str) -> float:
        return self.chance.uniform(0.0, self.slow_s.get(host, 0.005))

    def listener(self, host: str) -> asyncio.Event:
        return self._listeners.setdefault(host, asyncio.Event())

    def tell(self) -> None:
        """Wake those who listen and can be reached."""
        for host, heard in self._listeners.items():
            if host not in self.cut_off and not self.is_frozen and not self.is_down:
                heard.set()

    def register(self, host: Host) -> bool:
        row = self.hosts.get(host.name)
        if row and row.host.place != host.place and self.now - row.seen_at < row.host.lease_s:
            return False
        self.hosts[host.name] = _HostRow(host, self.now, self.now)
        self.tell()
        return True

    def renew(self, host: Host, held: Mapping[str, int], lease_s: float) -> frozenset[str] | None:
        row = self.hosts.get(host.name)
        if row is None or row.host.incarnation != host.incarnation:
            return None
        self.hosts[host.name] = row._replace(seen_at=self.now)
        mine = {account for account, fence in held.items() if self._is_of(host, account, fence)}
        for account in mine:
            self.leases[account] = self.leases[account]._replace(expires_at=self.now + lease_s)
        return frozenset(mine)

    def grant(self, host: Host, account: str, lease_s: float, *, if_active: bool) -> Grant | None:
        known = self.accounts.get(account)
        if if_active and (known is None or known.state is not AccountState.ACTIVE):
            return None
        now, old = self.now, self.leases.get(account)
        if old is not None:
            is_ours = (old.host, old.place) == (host.name, host.place)
            if old.host and old.expires_at > now and not is_ours:
                return None
        old = old or _Lease(expires_at=now)
        came_from = old.host or old.came_from
        why = Why.CLAIMED
        if old.given_back == Why.HANDED_OVER:
            why = Why.HANDED_OVER
        elif old.host not in ("", host.name) or old.given_back == Why.LOST:
            why = Why.TAKEN_OVER
        free_s = max(now - old.expires_at, 0.0)
        new = _Lease(host.name, host.place, old.fence + 1, now + lease_s, now, came_from, why)
        self.leases[account] = new
        self.moves.append(Move(now, account, came_from, host.name, why, new.fence, free_s))
        return Grant(account, new.fence, lease_s, came_from, why, free_s)

    def release(self, host: Host, account: str, fence: int, why: Why) -> bool:
        if not self._is_of(host, account, fence):
            return False
        now, old = self.now, self.leases[account]
        self.leases[account] = old._replace(host="", place="", expires_at=now, came_from=old.host, given_back=why)
        if why is not Why.HANDED_OVER:
            self.moves.append(Move(now, account, host.name, "", why, fence, 0.0))
        self.tell()
        return True

    def set_leaving(self, host: Host) -> None:
        row = self.hosts.get(host.name)
        if row and row.host.incarnation == host.incarnation:
            self.hosts[host.name] = row._replace(is_leaving=True)
            self.tell()

    def remove(self, host: Host) -> None:
        row = self.hosts.get(host.name)
        if row and row.host.incarnation == host.incarnation:
            del self.hosts[host.name]
            self.tell()

    def set_state(self, account: str, state: AccountState, *, make: bool = False) -> bool:
        known = self.accounts.get(account)
        if (known is None and not make) or (known is not None and known.state is state):
            return False
        self.accounts[account] = _Account(state, self.now)
        self.tell()
        return True

    def snapshot(self) -> Snapshot:
        return Snapshot(
            tuple(self._host_seen(row) for _, row in sorted(self.hosts.items())),
            tuple(self._account_seen(name) for name in sorted(self.accounts)),
        )

    def _is_of(self, host: Host, account: str, fence: int) -> bool:
        lease = self.leases.get(account)
        return lease is not None and (lease.host, lease.fence) == (host.name, fence)

    def _host_seen(self, row: _HostRow) -> HostSeen:
        host = row.host
        return HostSeen(
            name=host.name,
            incarnation=host.incarnation,
            capacity=host.capacity,
            weight=host.weight,
            lease_s=host.lease_s,
            version=host.version,
            pid=host.pid,
            is_leaving=row.is_leaving,
            started_s=self.now - row.started_at,
            seen_s=self.now - row.seen_at,
        )

    def _account_seen(self, name: str) -> AccountSeen:
        known, lease = self.accounts[name], self.leases.get(name)
        if lease is None:
            lease = _Lease(expires_at=known.changed_at, granted_at=known.changed_at)
        free_since = lease.expires_at if lease.host else max(lease.expires_at, known.changed_at)
        return AccountSeen(
            account=name,
            state=known.state,
            host=lease.host,
            came_from=lease.came_from,
            came_by=lease.came_by,
            given_back=lease.given_back,
            fence=lease.fence,
            left_s=free_since - self.now,
            granted_s=self.now - lease.granted_at,
        )


class FakeLedger:
    """The ledger of one host in such a database; see `Ledger`."""

    def __init__(self, database: FakeDatabase, host: Host, *, within_s: float) -> None:
        self.database = database
        self._host = host
        self._within_s = within_s

    async def register(self) -> None:
        if not await self._ask(lambda: self.database.register(self._host)):
            raise HostReplacedError(f"another host takes part as {self._host.name}")

    async def renew(self, held: Mapping[str, int]) -> frozenset[str]:
        asked = dict(held)
        still = await self._ask(lambda: self.database.renew(self._host, asked, self._host.lease_s))
        if still is None:
            raise HostReplacedError(f"another process has taken the place of {self._host.name}")
        return still

    async def see(self) -> Snapshot:
        return await self._ask(self.database.snapshot)

    async def claim(self, account: str) -> Grant | None:
        lease_s = self._host.lease_s
        return await self._ask(lambda: self.database.grant(self._host, account, lease_s, if_active=True))

    async def hold(self, account: str, lease_s: float) -> Grant | None:
        return await self._ask(lambda: self.database.grant(self._host, account, lease_s, if_active=False))

    async def release(self, account: str, fence: int, why: Why) -> bool:
        return await self._ask(lambda: self.database.release(self._host, account, fence, why))

    async def leave(self) -> None:
        await self._ask(lambda: self.database.set_leaving(self._host))

    async def depart(self) -> None:
        await self._ask(lambda: self.database.remove(self._host))

    async def add(self, account: str) -> bool:
        return await self._ask(lambda: self.database.set_state(account, AccountState.ACTIVE, make=True))

    async def set_state(self, account: str, state: AccountState) -> bool:
        return await self._ask(lambda: self.database.set_state(account, state))

    async def moves(self, *, most: int = 100) -> tuple[MoveSeen, ...]:
        def newest() -> tuple[MoveSeen, ...]:
            numbered = list(enumerate(self.database.moves, 1))[-most:]
            return tuple(
                MoveSeen(
                    id=number,
                    ago_s=self.database.now - move.at,
                    account=move.account,
                    from_host=move.from_host,
                    to_host=move.to_host,
                    why=move.why,
                    fence=move.fence,
                    free_s=move.free_s,
                )
                for number, move in reversed(numbered)
            )

        return await self._ask(newest)

    async def wait_for_news(self, within_s: float) -> bool:
        heard = self.database.listener(self._host.name)
        try:
            async with asyncio.timeout(within_s):
                await heard.wait()
        except TimeoutError:
            return False
        heard.clear()
        return True

    async def close(self) -> None:
        """Nothing is open."""

    async def _ask(self, do: Callable[[], T]) -> T:
        """Send a question and wait for the answer: each takes its time, and either can be lost."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.database.send(self._host.name, do, answer)
        try:
            async with asyncio.timeout(self._within_s):
                return await answer
        except TimeoutError:
            raise DatabaseTroubleError(f"the database did not answer within {self._within_s:g} s") from None
