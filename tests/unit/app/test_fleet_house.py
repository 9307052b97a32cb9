"""What a host does with its accounts while they come and go: no two lives of one, and none without a lease."""

import asyncio
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from linda_bot.app.fleet_house import StillEndingError
from linda_bot.app.front import NotNowError
from linda_bot.app.shared_storage import LeaseEndedError
from linda_bot.database.connecting import DatabaseTroubleError
from linda_bot.fleet.ledger import AccountState, Grant, Host, Why
from linda_bot.kernel.errors import ExitCode, SessionHeldError, UsageError
from tests.support.fake_fleet import FakeLedger
from tests.support.housed_fleet import LEASE_S, HousedHost, database_of, until

pytestmark = pytest.mark.looptime

SHOP, CLUB = "971505760056", "971505760057"
ELSEWHERE = Host("there", "another place", "another start", 20, 1.0, LEASE_S)


async def test_what_the_database_says_is_begun_and_extended(tmp_path: Path) -> None:
    """Each account lives by its lease's number, and its engine has the time that was proven."""
    host = HousedHost(tmp_path, database_of(SHOP, CLUB))
    async with host.taking_part():
        await until(lambda: all(host.lives_of(account) for account in (SHOP, CLUB)))
        await asyncio.sleep(LEASE_S)
        assert [life.fence for life in host.lives] == [1, 1]
        for life in host.lives:
            assert len(life.rights) >= 4
            assert all(LEASE_S / 2 < right <= LEASE_S * 2 / 3 for right in life.rights)
        await host.keeper.leave(within_s=20)
        assert not any(life.is_there for life in host.lives)
        assert all(not life.evicted for life in host.lives)
    assert {lease.given_back for lease in host.database.leases.values()} == {"handed_over"}


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.1, 0.25, 1.0, 6.0])
@pytest.mark.parametrize("what", ["lives", "fails", "unlinked", "held", "hangs"])
async def test_an_eviction_ends_it_whenever_it_comes(tmp_path: Path, what: str, after_s: float) -> None:
    """Before its turn, while it begins, lives, waits to try again or has ended: then it begins anew, alone."""
    host = HousedHost(tmp_path, database_of(SHOP))
    host.way.flush_s = 2.0
    match what:
        case "fails":
            host.way.fails = UsageError("its handlers cannot be loaded")
        case "held":
            host.way.fails = SessionHeldError("another process has it")
        case "unlinked":
            host.way.code = ExitCode.LINKING_NEEDED
        case "hangs":
            host.way.begin_s = 1000.0
    async with host.taking_part():
        await until(lambda: host.keeper.fence(SHOP) == 1)
        await asyncio.sleep(after_s)
        host.keeper.lost(SHOP, "the database says so")
        assert not any(life.engine_is_there for life in host.lives)
        host.way.fails, host.way.code, host.way.begin_s = None, None, 0.2
        await until(lambda: any(life.fence == 2 and life.engine_is_there for life in host.lives))
        assert host.two_at_once == []
        assert host.house.residents[SHOP].phase == "running"
        assert len(host.lives_of(SHOP)) == 1


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.1, 0.25, 1.0, 6.0])
@pytest.mark.parametrize("what", ["lives", "fails", "unlinked", "hangs"])
async def test_a_hand_over_is_whole_whenever_it_comes(tmp_path: Path, what: str, after_s: float) -> None:
    """When the lease is given back nothing of the account runs any more."""
    host = HousedHost(tmp_path, database_of(SHOP))
    match what:
        case "fails":
            host.way.fails = UsageError("its handlers cannot be loaded")
        case "unlinked":
            host.way.code = ExitCode.LINKING_NEEDED
        case "hangs":
            host.way.begin_s = 1000.0
    async with host.taking_part():
        await until(lambda: host.keeper.fence(SHOP) == 1)
        await asyncio.sleep(after_s)
        leaving = asyncio.ensure_future(host.keeper.leave(within_s=20))
        await until(lambda: host.database.leases[SHOP].host == "", within_s=20)
        assert host.lives_of(SHOP) == []
        assert host.database.leases[SHOP].given_back == Why.HANDED_OVER
        await leaving


async def test_one_that_waits_for_its_turn_is_handed_over(tmp_path: Path) -> None:
    """It never lived, and the others are not disturbed."""
    accounts = [f"97150576010{n}" for n in range(4)]
    host = HousedHost(tmp_path, database_of(*accounts), at_once=1)
    host.way.begin_s = 3.0
    async with host.taking_part():
        await until(lambda: len(host.keeper.held) == 4)
        waiting = next(account for account in accounts if not host.lives_of(account))
        host.database.set_state(waiting, AccountState.PAUSED)
        await until(lambda: host.database.leases[waiting].host == "", within_s=3)
        await until(lambda: sum(life.engine_is_there for life in host.lives) == 3, within_s=15)
        assert all(life.name != waiting for life in host.lives)


async def test_what_does_not_end_is_not_handed_over_but_evicted(tmp_path: Path) -> None:
    """Its engine is dead, and the lease is told of as lost; here it does not begin again before it has gone."""
    host = HousedHost(tmp_path, database_of(SHOP))
    host.way.flush_s = 100.0
    async with host.taking_part():
        await until(lambda: any(life.engine_is_there for life in host.lives))
        host.database.set_state(SHOP, AccountState.PAUSED)
        await until(lambda: host.database.leases[SHOP].host == "", within_s=25)
        assert (host.database.leases[SHOP].given_back, host.lives[0].evicted > 0) == (Why.LOST, True)
        assert len(host.lives_of(SHOP)) == 1
        host.database.set_state(SHOP, AccountState.ACTIVE)
        await asyncio.sleep(60)
        assert len(host.lives) == 1
        assert host.database.leases[SHOP].fence > 2  # it is claimed, and given back for others to try
        host.way.flush_s = 0.1
        await until(lambda: any(life.fence > 2 and life.engine_is_there for life in host.lives), within_s=100)
        assert host.two_at_once == []


async def test_a_life_that_does_not_end_gives_the_next_lease_back(tmp_path: Path) -> None:
    """For some seconds it is waited for; then another host may be better off."""
    host = HousedHost(tmp_path, database_of(SHOP))
    host.way.flush_s = 60.0
    async with host.taking_part():
        await until(lambda: any(life.engine_is_there for life in host.lives))
        host.house.evict_here(SHOP)
        began_at = asyncio.get_running_loop().time()
        with pytest.raises(StillEndingError):
            await host.house.begin_here(SHOP)
        assert 15 < asyncio.get_running_loop().time() - began_at <= 25
        host.house.evict_here(SHOP)


async def test_linking_while_the_lease_ends_begins_nothing(tmp_path: Path) -> None:
    """Whoever asked is told; nothing runs here until there is a lease."""
    host = HousedHost(tmp_path, database_of(SHOP))
    host.way.code = ExitCode.LINKING_NEEDED
    async with host.taking_part():
        await until(lambda: SHOP in host.house.residents and host.house.residents[SHOP].phase == "unlinked")
        host.way.code, host.way.begin_s, host.way.flush_s = None, 100.0, 3.0
        host.house.residents[SHOP].begin()
        await asyncio.sleep(1)
        linking = asyncio.ensure_future(host.house.link(SHOP))
        await asyncio.sleep(0.5)
        host.database.cut_off.add("here")
        host.keeper.lost(SHOP, "another host has it")
        with pytest.raises(NotNowError, match="its lease has ended here"):
            await linking
        await asyncio.sleep(1)
        assert host.lives_of(SHOP) == []
        assert host.house.residents[SHOP].phase == "elsewhere"


async def test_pause_and_resume_by_a_person_on_either_host(tmp_path: Path) -> None:
    """All of it in one moment: what was said last holds, and there is one life at the end."""
    database = database_of(SHOP)
    host = HousedHost(tmp_path, database)
    other = FakeLedger(database, ELSEWHERE, within_s=3)
    async with host.taking_part():
        await until(lambda: any(life.engine_is_there for life in host.lives))
        await asyncio.gather(
            host.house.pause(SHOP), other.set_state(SHOP, AccountState.ACTIVE), host.house.resume(SHOP)
        )
        await asyncio.sleep(20)
        assert [life.engine_is_there for life in host.lives_of(SHOP)] == [True]
        await asyncio.gather(host.house.resume(SHOP), other.set_state(SHOP, AccountState.PAUSED))
        await asyncio.sleep(20)
        last = database.accounts[SHOP].state  # whichever came to the database later
        expected = ("paused", "", 0) if last is AccountState.PAUSED else ("running", "here", 1)
        found = (host.house.residents[SHOP].phase.value, database.leases[SHOP].host, len(host.lives_of(SHOP)))
        assert found == expected
        assert host.two_at_once == []


async def test_an_account_that_is_removed_elsewhere_while_it_ends_slowly_is_not_forgotten(tmp_path: Path) -> None:
    """For as long as something of it runs it can be evicted."""
    database = database_of(SHOP)
    host = HousedHost(tmp_path, database)
    host.way.end_s = 6.0
    async with host.taking_part():
        await until(lambda: any(life.engine_is_there for life in host.lives))
        await FakeLedger(database, ELSEWHERE, within_s=3).set_state(SHOP, AccountState.REMOVED)
        await asyncio.sleep(5)  # it ends, and the house has looked again
        assert host.lives_of(SHOP)
        host.keeper.lost(SHOP, "another host has it")
        assert not any(life.engine_is_there for life in host.lives)
        await until(lambda: SHOP not in host.house.residents)
        assert host.lives_of(SHOP) == []


async def test_readiness_and_figures(tmp_path: Path) -> None:
    """Not before the database was reached and this host is among the others; what comes later changes nothing."""
    database = database_of(SHOP, CLUB)
    database.freeze()
    host = HousedHost(tmp_path, database)
    assert host.house.readiness() == "the database has not been reached yet: it does not answer"
    async with host.taking_part():
        await asyncio.sleep(5)
        assert "did not answer within 3 s" in host.house.readiness()
        assert not host.house.figures().database_up
        database.thaw()
        await until(lambda: host.house.readiness() == "", within_s=20)
        await asyncio.sleep(5)
        figures = host.house.figures()
        assert (figures.database_up, figures.hosts, figures.held, figures.free) == (True, 1, 2, 0)
        database.freeze()
        await asyncio.sleep(LEASE_S)
        assert host.house.readiness() == ""
        figures = host.house.figures()
        assert (figures.database_up, figures.held) == (False, 0)
        database.thaw()


async def test_the_row_of_an_earlier_process_does_not_make_it_ready(tmp_path: Path) -> None:
    """A host that is replaced finds its name in the table before it takes part."""
    database = database_of(SHOP)
    database.register(Host("here", "place of here", "an earlier start", 20, 1.0, LEASE_S))
    host = HousedHost(tmp_path, database)
    living = asyncio.ensure_future(host.house.live(host.ledger))
    await asyncio.sleep(1)
    assert host.house.readiness() == "this host does not take part yet"
    living.cancel()


@pytest.mark.parametrize("lease_left", [True, False])
async def test_the_end_of_a_host_whose_database_hangs(tmp_path: Path, lease_left: bool) -> None:  # noqa: FBT001
    """It ends in time, with nothing left."""
    accounts = [f"97150576010{n}" for n in range(12)]
    host = HousedHost(tmp_path, database_of(*accounts))
    host.way.end_s = 2.0
    loop = asyncio.get_running_loop()
    async with host.taking_part():
        await until(lambda: sum(life.engine_is_there for life in host.lives) == 12)
        host.database.freeze()
        await asyncio.sleep(0 if lease_left else LEASE_S)
        began_at = loop.time()
        await host.keeper.leave(within_s=20)
        assert not any(life.engine_is_there for life in host.lives)
    assert loop.time() - began_at < 24
    assert not any(life.is_there for life in host.lives)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_in_whatever_order(tmp_path: Path, seed: int) -> None:  # noqa: C901, PLR0915 (acts)
    """Random requests, evictions, outages: never two lives of an account, no engine without a lease, and it heals."""
    chance, accounts = Random(seed), [f"97150576010{n}" for n in range(4)]
    database = database_of(*accounts)
    host = HousedHost(tmp_path, database, at_once=2)
    other = FakeLedger(database, ELSEWHERE, within_s=3)
    without_lease: list[str] = []

    async def watch() -> None:
        while True:
            without_lease.extend(
                life.name for life in host.lives if life.engine_is_there and host.keeper.fence(life.name) != life.fence
            )
            await asyncio.sleep(0.01)

    async def ask(what: int, account: str) -> None:
        with suppress(UsageError, NotNowError, DatabaseTroubleError):
            match what:
                case 0:
                    await host.house.pause(account)
                case 1:
                    await host.house.resume(account)
                case 2:
                    await host.house.link(account)
                case 3:
                    await host.house.remove(account)
                case 4:
                    await host.house.add(account)
                case 5:
                    await other.set_state(account, chance.choice(list(AccountState)))
                case 6 | 7:
                    host.keeper.lost(account, "the database says so")
                case 8:
                    database.freeze()
                    await asyncio.sleep(chance.uniform(0, 15))
                    database.thaw()
                case _:
                    await asyncio.sleep(chance.uniform(0, 5))

    async with host.taking_part():
        watching = asyncio.ensure_future(watch())
        asked = set()
        for _ in range(150):
            host.way.fails = chance.choice([None, None, None, UsageError("x"), SessionHeldError("y")])
            host.way.code = chance.choice([None, None, None, ExitCode.LINKING_NEEDED, ExitCode.REPLACED])
            host.way.begin_s, host.way.end_s = chance.uniform(0, 4), chance.uniform(0, 4)
            host.way.flush_s = chance.choice([0.1, 0.5, 3.0])
            asked.add(asyncio.ensure_future(ask(chance.randrange(10), chance.choice(accounts))))
            await asyncio.sleep(chance.choice([0, 0.01, 0.3, 2.0]))
        await asyncio.gather(*asked)
        host.way.fails, host.way.code = None, None
        host.way.begin_s, host.way.end_s, host.way.flush_s = 0.2, 0.3, 0.1
        for account in accounts:
            database.set_state(account, AccountState.PAUSED)
        await until(lambda: not any(each.is_held for each in database.snapshot().accounts), within_s=60)
        assert not any(life.is_there for life in host.lives)
        for account in accounts:
            database.set_state(account, AccountState.ACTIVE, make=True)
        await until(lambda: all(len(host.lives_of(account)) == 1 for account in accounts), within_s=60)
        watching.cancel()
        assert host.two_at_once == []
        assert without_lease == []
        await host.keeper.leave(within_s=20)
        assert not any(life.is_there for life in host.lives)


async def test_an_account_is_made_with_its_lease_only(tmp_path: Path) -> None:
    """What begins without one fails by itself."""
    host = HousedHost(tmp_path, database_of(SHOP))
    with pytest.raises(LeaseEndedError):
        host._make(SHOP, False)  # noqa: FBT003 (what the house calls)
    grant = Grant(SHOP, 1, LEASE_S, "", Why.CLAIMED, 0.0)
    assert grant.fence == 1
