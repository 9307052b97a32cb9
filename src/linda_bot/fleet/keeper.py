"""One host's part in a fleet: it shows that it lives, keeps its leases, takes accounts and gives them away."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import NamedTuple, NoReturn

from linda_bot.database.connecting import DatabaseTroubleError
from linda_bot.fleet.events import (
    AccountMoved,
    FleetRecovered,
    FleetTrouble,
    LeaseGranted,
    LeaseLost,
    LeaseReleased,
)
from linda_bot.fleet.ledger import Grant, Host, HostReplacedError, Ledger, Snapshot, Why
from linda_bot.fleet.neighbours import Neighbours, accounts_of, free_soon_s
from linda_bot.fleet.sharing import Rules, Steps, next_steps
from linda_bot.fleet.tenancy import Landlord, Stage, Tenancy
from linda_bot.fleet.validity import believed_until, renew_every_s, right_s
from linda_bot.kernel.events import Event
from linda_bot.kernel.tasks import spawn_task
from linda_bot.kernel.uptime import uptime_s

_log = logging.getLogger("linda_bot.fleet")

_AGAIN_AFTER_S = 0.5
"""After an answer of the database that did not come."""
_STEP_S = 1.0
"""The longest sleep of the guard: the loop's clock may stand still where the keeper's goes on."""
_GONE_AFTER_S = 1.0
"""For so long an account that was evicted is not given back: its engine may take a moment to be gone."""
_LEAVE_WORD_WITHIN_S = 1.0
_JUST_AFTER_S = 0.05
_AS_GOOD_AS_NOW_S = 0.001
"""Timers may fire that much too early."""


class Manners(NamedTuple):
    """How a host begins and ends accounts."""

    at_once: int = 4
    """So many are claimed, or handed over at the end, at the same time."""
    hand_over_s: float = 20.0
    """How long the end of one may take before it is evicted."""
    first_pause_s: float = 10.0
    """An account that could not be begun here is left to others for so long; each time twice as long."""
    longest_pause_s: float = 600.0


class FleetKeeper:
    """Takes part in a fleet for one host.

    An account is evicted before its lease can be given to anybody else: when the lease was not proven in time, and
    whatever was the reason (the database is away or hangs, this process or its event loop stood still, the machine
    slept). The clock must be one that nobody sets and that goes on while the machine sleeps.
    """

    def __init__(
        self,
        ledger: Ledger,
        landlord: Landlord,
        host: Host,
        publish: Callable[[Event], None],
        *,
        rules: Rules | None = None,
        manners: Manners | None = None,
        clock: Callable[[], float] = uptime_s,
    ) -> None:
        self._ledger = ledger
        self._landlord = landlord
        self._host = host
        self._publish = publish
        self._rules = rules or Rules()
        self._manners = manners or Manners()
        self._clock = clock
        self._neighbours = Neighbours(host.name, host.lease_s)
        self._tenancies: dict[str, Tenancy] = {}
        self._pauses: dict[str, tuple[float, float]] = {}
        """Until when an account is left to others, and how long that was."""
        self._being_given_up: set[str] = set()
        self._no_gifts_until = 0.0
        self._trouble: tuple[str, float] | None = None
        self._is_leaving = False
        self._deciding = asyncio.Lock()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def held(self) -> Mapping[str, int]:
        """The accounts that this host has, and the fence of each."""
        return {account: tenancy.fence for account, tenancy in self._tenancies.items()}

    @property
    def trouble(self) -> str:
        """Why the database cannot be used; empty where it can."""
        return self._trouble[0] if self._trouble else ""

    def fence(self, account: str) -> int | None:
        """Return the number of the lease by which an account is run here; None where it is not."""
        tenancy = self._tenancies.get(account)
        return tenancy.fence if tenancy else None

    def right_s(self, account: str) -> float:
        """Return for how long an engine of the account may live that is begun now; 0 where none may be begun."""
        tenancy = self._tenancies.get(account)
        return right_s(tenancy.until, self._clock()) if tenancy else 0.0

    def lost(self, account: str, because: str) -> None:
        """Take word that the lease of an account has passed on, from who was told so by the database."""
        if tenancy := self._tenancies.get(account):
            self._lose(tenancy, because)

    async def run(self) -> None:
        """Take part until cancelled; then, or on an error, everything that is still here is evicted.

        Raises HostReplacedError when another process takes part under this host's name. Call `leave` first to have
        everything handed over in good order.
        """
        try:
            await self._register()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_leases(), name="fleet leases")
                group.create_task(self._guard(), name="fleet guard")
                group.create_task(self._share(), name="fleet sharing")
                group.create_task(self._listen(), name="fleet news")
        except* HostReplacedError as replaced:
            raise replaced.exceptions[0] from None
        finally:
            for tenancy in tuple(self._tenancies.values()):
                self._lose(tenancy, "this host takes part no more")
            for task in self._tasks:
                task.cancel()

    async def leave(self, *, within_s: float) -> None:
        """Hand everything over, while `run` goes on, and take no more; what is not over in time is evicted."""
        self._is_leaving = True
        until = asyncio.get_running_loop().time() + within_s
        with suppress(DatabaseTroubleError, TimeoutError):
            async with asyncio.timeout(_LEAVE_WORD_WITHIN_S):
                await self._ledger.leave()
        async with self._deciding:  # what is being claimed belongs to it
            places = asyncio.Semaphore(self._manners.at_once)
            for tenancy in tuple(self._tenancies.values()):
                self._spawn(self._end_in_turn(tenancy, places), f"leaving {tenancy.account}")
        if self._tasks:  # also what was ending before
            await asyncio.wait(set(self._tasks), timeout=until - asyncio.get_running_loop().time())
        left = tuple(self._tenancies.values())
        for tenancy in left:
            self._lose(tenancy, f"it did not end within {within_s:g} s")
        await asyncio.sleep(_GONE_AFTER_S if left else 0)
        with suppress(DatabaseTroubleError, TimeoutError):
            async with asyncio.timeout(_LEAVE_WORD_WITHIN_S):
                for tenancy in left:
                    await self._ledger.release(tenancy.account, tenancy.fence, Why.LOST)
                await self._ledger.depart()

    async def _register(self) -> None:
        while True:
            try:
                await self._ledger.register()
            except DatabaseTroubleError as error:
                self._in_trouble(error)
                await asyncio.sleep(_AGAIN_AFTER_S)
            else:
                self._well_again()
                return

    async def _keep_leases(self) -> NoReturn:
        while True:
            is_kept = await self._renew()
            await asyncio.sleep(renew_every_s(self._host.lease_s) if is_kept else _AGAIN_AFTER_S)

    async def _renew(self) -> bool:
        self._evict_overdue()
        asked, sent_at = dict(self.held), self._clock()
        try:
            still = await self._ledger.renew(asked)
        except DatabaseTroubleError as error:
            self._in_trouble(error)
            return False
        finally:
            self._evict_overdue()  # the answer may have lain here for an hour
        self._well_again()
        until = believed_until(sent_at, self._host.lease_s)
        for account, fence in asked.items():
            tenancy = self._tenancies.get(account)
            if tenancy is None or tenancy.fence != fence:
                continue
            if account not in still:
                self._lose(tenancy, "the lease has passed on")
            elif until > self._clock():
                tenancy.until = max(tenancy.until, until)
                self._landlord.extend(account, right_s(tenancy.until, self._clock()))
        return True

    async def _guard(self) -> NoReturn:
        while True:
            self._evict_overdue()
            now = self._clock()
            nearest_s = min((tenancy.until - now for tenancy in self._tenancies.values()), default=_STEP_S)
            await asyncio.sleep(min(max(nearest_s, 0.0), _STEP_S))

    def _evict_overdue(self) -> None:
        now = self._clock()
        for tenancy in tuple(self._tenancies.values()):
            if tenancy.until - now <= _AS_GOOD_AS_NOW_S:
                self._lose(tenancy, self.trouble or "the lease was not renewed in time")

    async def _listen(self) -> NoReturn:
        while True:
            if await self._ledger.wait_for_news(self._host.lease_s):
                self._wake.set()

    async def _share(self) -> NoReturn:
        while True:
            self._wake.clear()
            try:
                async with self._deciding:
                    wait_s = await self._look_and_act()
            except DatabaseTroubleError as error:
                self._in_trouble(error)
                wait_s = _AGAIN_AFTER_S
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    async def _look_and_act(self) -> float:
        """Do what is to be done; return when to look again if nothing is heard."""
        snapshot = await self._ledger.see()
        views = self._neighbours.look(snapshot, self._clock())
        for event in self._neighbours.news(snapshot, views):
            self._publish(event)
        if self._is_leaving:
            return self._host.lease_s
        accounts = accounts_of(snapshot, self._host.name, self._tenancies)
        steps = next_steps(self._host.name, views, accounts, self._rules)
        is_busy = self._carry_out_ends(steps)
        claims = [each for each in steps.claim if not self._is_paused(each) and each not in self._being_given_up]
        await self._claim_all(claims[: self._host.capacity - len(self._tenancies)])
        return self._look_again_s(snapshot, steps, is_busy=is_busy or bool(claims))

    def _look_again_s(self, snapshot: Snapshot, steps: Steps, *, is_busy: bool) -> float:
        waits = [renew_every_s(self._host.lease_s)]
        others = [each for each in (steps.look_again_s, free_soon_s(snapshot)) if each is not None]
        waits += [max(each, 0.0) + _JUST_AFTER_S for each in others]
        return _AGAIN_AFTER_S if is_busy else min(waits)

    def _carry_out_ends(self, steps: Steps) -> bool:
        """Begin with what is to end here; return whether something waits for its turn."""
        for account in steps.let_go:
            self._begin_end(account, Why.RELEASED)
        ending = any(tenancy.stage is Stage.ENDING for tenancy in self._tenancies.values())
        for account in steps.give_away if not ending and self._clock() >= self._no_gifts_until else ():
            self._begin_end(account, Why.HANDED_OVER)
        return ending and bool(steps.give_away)

    def _begin_end(self, account: str, why: Why) -> None:
        tenancy = self._tenancies.get(account)
        if tenancy is not None and tenancy.stage is not Stage.ENDING:
            self._spawn(self._end(tenancy, why), f"handing over {account}")

    async def _claim_all(self, accounts: list[str]) -> None:
        places = asyncio.Semaphore(self._manners.at_once)

        async def claim(account: str) -> None:
            async with places:
                if not self._is_leaving:
                    await self._claim(account)

        # Not a TaskGroup: what was granted must be taken, whatever becomes of the others.
        ends = await asyncio.gather(*map(claim, accounts), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _claim(self, account: str) -> None:
        sent_at = self._clock()
        grant = await self._ledger.claim(account)
        if grant is None:
            return
        until = believed_until(sent_at, grant.lease_s)
        if until <= self._clock() or account in self._tenancies:
            return  # it is seen as ours, but not here, the next time
        tenancy = self._tenancies[account] = Tenancy(grant, until)
        self._publish(LeaseGranted(account=account, fence=grant.fence))
        if grant.from_host != self._host.name or grant.why is not Why.CLAIMED:
            self._publish(
                AccountMoved(
                    account=account,
                    from_host=grant.from_host,
                    to_host=self._host.name,
                    why=grant.why.value,
                    seconds=round(grant.free_s, 3),
                )
            )
        tenancy.task = self._spawn(self._begin(tenancy, grant), f"beginning {account}")

    async def _begin(self, tenancy: Tenancy, grant: Grant) -> None:
        try:
            await self._landlord.begin(tenancy.account, grant)
        except Exception as error:  # noqa: BLE001 (the landlord is another room's code)
            if self._is_here(tenancy):
                self._pause(tenancy.account)
                await self._give_up(tenancy, f"it could not be begun: {_words(error)}")
        else:
            self._pauses.pop(tenancy.account, None)
            if tenancy.stage is Stage.BEGINNING:
                tenancy.stage = Stage.LIVING

    async def _end_in_turn(self, tenancy: Tenancy, places: asyncio.Semaphore) -> None:
        async with places:
            if self._is_here(tenancy) and tenancy.stage is not Stage.ENDING:
                await self._end(tenancy, Why.HANDED_OVER)

    async def _end(self, tenancy: Tenancy, why: Why) -> None:
        """Have an account end in good order, and give it back."""
        began_at, beginning = self._clock(), tenancy.task
        tenancy.stage, tenancy.task = Stage.ENDING, asyncio.current_task()
        try:
            async with asyncio.timeout(self._manners.hand_over_s):
                if beginning is not None and not beginning.done():
                    beginning.cancel()
                    await asyncio.wait({beginning})
                await self._landlord.hand_over(tenancy.account)
        except Exception as error:  # noqa: BLE001 (the landlord is another room's code)
            if self._is_here(tenancy):
                self._no_gifts_until = self._clock() + self._manners.first_pause_s  # others may end no better
                await self._give_up(tenancy, f"it could not be ended in order: {_words(error)}")
            return
        if not self._is_here(tenancy):
            return
        del self._tenancies[tenancy.account]
        await self._give_back(tenancy, why)
        took_s = round(self._clock() - began_at, 3)
        self._publish(LeaseReleased(account=tenancy.account, fence=tenancy.fence, why=why.value, took_s=took_s))

    async def _give_up(self, tenancy: Tenancy, because: str) -> None:
        """Evict an account whose lease is good, and give it back when its engine is sure to be gone."""
        self._being_given_up.add(tenancy.account)
        self._lose(tenancy, because)
        await asyncio.sleep(_GONE_AFTER_S)
        await self._give_back(tenancy, Why.LOST)
        self._being_given_up.discard(tenancy.account)
        self._wake.set()

    async def _give_back(self, tenancy: Tenancy, why: Why) -> None:
        until = self._clock() + self._host.lease_s
        while self._clock() < until:  # it has run out then
            try:
                await self._ledger.release(tenancy.account, tenancy.fence, why)
            except DatabaseTroubleError as error:
                self._in_trouble(error)
                await asyncio.sleep(_AGAIN_AFTER_S)
            else:
                return

    def _lose(self, tenancy: Tenancy, because: str) -> None:
        if not self._is_here(tenancy):
            return
        del self._tenancies[tenancy.account]
        try:
            self._landlord.evict(tenancy.account)
        except Exception:  # noqa: BLE001 (another room's code; the others must still be evicted)
            _log.exception("an account could not be evicted")
        if tenancy.task is not None and tenancy.task is not _current_task():
            tenancy.task.cancel()
        self._publish(LeaseLost(account=tenancy.account, fence=tenancy.fence, because=because))
        self._wake.set()

    def _is_here(self, tenancy: Tenancy) -> bool:
        return self._tenancies.get(tenancy.account) is tenancy

    def _pause(self, account: str) -> None:
        _, last_s = self._pauses.get(account, (0.0, self._manners.first_pause_s / 2))
        pause_s = min(last_s * 2, self._manners.longest_pause_s)
        self._pauses[account] = (self._clock() + pause_s, pause_s)

    def _is_paused(self, account: str) -> bool:
        return self._clock() < self._pauses.get(account, (0.0, 0.0))[0]

    def _in_trouble(self, error: DatabaseTroubleError) -> None:
        if self._trouble is None:
            self._trouble = (str(error), self._clock())
            self._publish(FleetTrouble(because=str(error)))

    def _well_again(self) -> None:
        if self._trouble is not None:
            (because, since), self._trouble = self._trouble, None
            self._publish(FleetRecovered(because=because, after_s=round(self._clock() - since, 3)))
            self._wake.set()

    def _spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        task = spawn_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _current_task() -> asyncio.Task[object] | None:
    with suppress(RuntimeError):
        return asyncio.current_task()
    return None
