"""One host's part in a fleet, in virtual time: what it takes, keeps, gives away, and when it lets go at once."""

import asyncio
from itertools import pairwise

import pytest

from linda_bot.fleet.events import (
    AccountMoved,
    FleetRecovered,
    FleetTrouble,
    HostJoined,
    HostLost,
    LeaseGranted,
    LeaseLost,
    LeaseReleased,
)
from linda_bot.fleet.keeper import Manners
from linda_bot.fleet.ledger import AccountState, HostReplacedError
from tests.support.fleet_world import LEASE_S, fleet

pytestmark = pytest.mark.looptime

BELIEF_S = LEASE_S * 2 / 3


async def test_it_takes_what_there_is_and_keeps_it() -> None:
    """At once; from then on the engines are given more time again and again."""
    async with fleet(3) as world:
        a = world.host("a")
        await asyncio.sleep(1)
        assert set(a.keeper.held) == a.tenants.running == set(world.accounts)
        await asyncio.sleep(10 * LEASE_S)
        assert not a.told(LeaseLost)

    assert [event.fence for event in a.told(LeaseGranted)] == [1, 1, 1]
    assert len(a.tenants.rights) >= 3 * 45
    assert all(9 < right_s <= BELIEF_S for _, right_s in a.tenants.rights)


async def test_no_more_than_its_capacity() -> None:
    """Whatever there is."""
    async with fleet(5) as world:
        a = world.host("a", capacity=3)
        await asyncio.sleep(60)
        assert len(a.keeper.held) == 3


async def test_a_frozen_database_ends_everything_in_time() -> None:
    """When the lease is in doubt, a third before another host could have it; told once, and everything comes back."""
    async with fleet(2) as world:
        a = world.host("a")
        await asyncio.sleep(20)
        sent_at = asyncio.get_running_loop().time()
        world.database.freeze()
        await asyncio.sleep(60)
        evicted_at = a.tenants.times("evict")
        assert len(evicted_at) == 2
        assert all(sent_at + BELIEF_S - LEASE_S / 5 - 0.1 <= at <= sent_at + BELIEF_S for at in evicted_at)
        assert a.keeper.held == {}
        assert "did not answer" in a.keeper.trouble
        assert a.keeper.right_s(world.accounts[0]) == 0

        world.database.thaw()
        await asyncio.sleep(3)
        assert a.tenants.running == set(world.accounts)
        assert a.keeper.trouble == ""

    assert len(a.told(FleetTrouble)) == len(a.told(FleetRecovered)) == 1
    assert "did not answer" in a.told(LeaseLost)[0].because
    assert all(event.fence > 1 for event in a.told(LeaseGranted)[2:])


async def test_a_short_trouble_costs_nothing() -> None:
    """A restart of the database, for example."""
    async with fleet(2) as world:
        a = world.host("a")
        await asyncio.sleep(20)
        world.database.stop()
        await asyncio.sleep(6)
        world.database.start()
        await asyncio.sleep(60)

    assert a.tenants.times("evict")[: -len(world.accounts)] == []


async def test_who_stood_still_evicts_before_anything_else() -> None:
    """Also where an answer lies there that says that all is well: it is an hour old."""
    async with fleet(1) as world:
        a = world.host("a")
        await asyncio.sleep(20)
        world.database.slow_s["a"] = 2.0
        before = len(a.tenants.rights)
        while not a.tenants.times("evict"):
            await asyncio.sleep(0.5)
            a.ahead_s = 3600.0  # the next thing to come may be an answer, a timer or the guard
            if a.tenants.rights[before:]:
                break
        await asyncio.sleep(1)

    assert a.tenants.rights[before:] == []
    assert "renewed in time" in a.told(LeaseLost)[0].because


async def test_another_host_takes_over_from_one_that_is_gone() -> None:
    """When its lease has run out, at once."""
    async with fleet(4) as world:
        a = world.host("a")
        await asyncio.sleep(1)
        b = world.host("b")
        await asyncio.sleep(100)
        assert len(a.keeper.held) == len(b.keeper.held) == 2
        world.database.cut_off.add("a")
        cut_at = asyncio.get_running_loop().time()
        await asyncio.sleep(LEASE_S + 2)

        assert len(b.keeper.held) == 4
        assert max(a.tenants.times("evict")) < cut_at + BELIEF_S + 0.1
        moves = [event for event in b.told(AccountMoved) if event.why == "taken_over"]
        assert {event.from_host for event in moves} == {"a"}
        assert all(event.seconds < 0.5 for event in moves)
        assert [event.has_left for event in b.told(HostLost)] == [False]


async def test_accounts_are_shared_with_who_joins() -> None:
    """One after the other, in good order; then there is peace."""
    async with fleet(6) as world:
        a = world.host("a")
        await asyncio.sleep(30)
        b = world.host("b")
        await asyncio.sleep(120)
        assert (len(a.keeper.held), len(b.keeper.held)) == (3, 3)
        count = len(world.database.moves)
        await asyncio.sleep(3600)

        assert len(world.database.moves) == count
        assert a.tenants.times("evict") == b.tenants.times("evict") == []
        assert a.tenants.most_ending == 1
        assert [event.host for event in a.told(HostJoined)] == ["b"]
        assert {event.why for event in a.told(LeaseReleased)} == {"handed_over"}
        assert {(event.from_host, event.why) for event in b.told(AccountMoved)} == {("a", "handed_over")}


async def test_who_leaves_hands_everything_over() -> None:
    """Several at a time; the other host has it at once."""
    async with fleet(8) as world:
        a, b = world.host("a", manners=Manners(at_once=3)), world.host("b")
        await asyncio.sleep(60)
        assert len(a.keeper.held) == 4
        began_at = asyncio.get_running_loop().time()
        a.tenants.end_s = 1.0
        await a.leave()

        assert asyncio.get_running_loop().time() - began_at < 2.5
        assert a.tenants.most_ending == 3
        assert a.tenants.times("evict") == []
        await asyncio.sleep(0.5)
        assert len(b.keeper.held) == 8
        assert [event.has_left for event in b.told(HostLost)] == [True]
        assert list(world.database.hosts) == ["b"]


async def test_a_leave_ends_in_time() -> None:
    """What does not end is evicted, and others have it soon."""
    async with fleet(2) as world:
        a = world.host("a")
        await asyncio.sleep(5)
        a.tenants.end_s = 1000.0
        began_at = asyncio.get_running_loop().time()
        await a.leave(within_s=4)

        assert asyncio.get_running_loop().time() - began_at < 6
        assert len(a.tenants.times("evict")) == 2
        assert all(lease.host == "" for lease in world.database.leases.values())


async def test_a_leave_from_a_frozen_database_ends_in_time() -> None:
    """Everything is quiet; the leases run out by themselves."""
    async with fleet(2) as world:
        a = world.host("a")
        await asyncio.sleep(5)
        world.database.freeze()
        began_at = asyncio.get_running_loop().time()
        await a.leave(within_s=10)

        assert asyncio.get_running_loop().time() - began_at < 14
        assert a.tenants.running == set()


async def test_a_leave_while_an_account_begins() -> None:
    """What has half begun is ended, too."""
    async with fleet(1) as world:
        a = world.host("a")
        a.tenants.begin_s = 30.0
        await asyncio.sleep(1)
        await a.leave()

        assert [what for _, what, _ in a.tenants.told] == ["begin", "hand over"]
        assert world.database.leases[world.accounts[0]].host == ""


async def test_what_cannot_begin_is_left_to_others() -> None:
    """At once; and this host tries again later, with longer and longer pauses."""
    async with fleet(1) as world:
        a = world.host("a")
        a.tenants.begin_error = OSError("no room")
        await asyncio.sleep(100)
        begun_at = a.tenants.times("begin")
        assert 3 <= len(begun_at) <= 5
        pauses = [later - earlier for earlier, later in pairwise(begun_at)]
        assert pauses == sorted(pauses)
        assert pauses[0] >= 10
        b = world.host("b")
        await asyncio.sleep(60)
        assert set(b.keeper.held) == set(world.accounts)

    assert "it could not be begun: no room" in {event.because for event in a.told(LeaseLost)}


async def test_what_does_not_end_in_order_is_evicted_and_given_back() -> None:
    """But not before its engine is sure to be gone."""
    async with fleet(4) as world:
        a = world.host("a")
        await asyncio.sleep(30)
        a.tenants.end_error = ValueError("of the landlord's")
        b = world.host("b")
        await asyncio.sleep(5)

        assert len(a.tenants.times("evict")) == 1
        assert b.tenants.times("begin")[0] >= a.tenants.times("evict")[0] + 1
        lost = a.told(LeaseLost)[0]
        assert "could not be ended in order: of the landlord's" in lost.because


async def test_what_is_paused_ends() -> None:
    """As soon as somebody says so; and lives again when it shall."""
    async with fleet(2) as world:
        a = world.host("a")
        await asyncio.sleep(5)
        account = world.accounts[0]
        world.database.set_state(account, AccountState.PAUSED)
        await asyncio.sleep(0.5)
        assert a.tenants.running == {world.accounts[1]}
        assert [event.why for event in a.told(LeaseReleased)] == ["released"]

        world.database.set_state(account, AccountState.ACTIVE)
        await asyncio.sleep(0.5)
        assert a.tenants.running == set(world.accounts)


async def test_a_host_whose_place_is_taken_ends() -> None:
    """Another process has its name and its leases."""
    async with fleet(2) as world:
        a = world.host("a")
        await asyncio.sleep(5)
        again = world.host("a")
        await asyncio.sleep(5)

        assert isinstance(a.task.exception(), HostReplacedError)
        assert a.tenants.running == set()
        assert again.tenants.running == set(world.accounts)


async def test_nothing_lives_on_without_its_keeper() -> None:
    """Whatever ended it."""
    async with fleet(3) as world:
        a = world.host("a")
        await asyncio.sleep(5)
        await a.end()

        assert a.tenants.running == set()
        assert len(a.tenants.times("evict")) == 3


async def test_word_from_the_database_is_believed() -> None:
    """A connection was refused since the lease has passed on."""
    async with fleet(1) as world:
        a = world.host("a")
        await asyncio.sleep(5)
        assert a.keeper.fence(world.accounts[0]) == 1
        a.keeper.lost(world.accounts[0], "the database says so")

        assert a.tenants.running == set()
        assert a.told(LeaseLost)[0].because == "the database says so"
        await asyncio.sleep(1)
        assert a.keeper.fence(world.accounts[0]) == 2


async def test_an_eviction_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """A bug of the landlord's must not keep other accounts alive."""
    async with fleet(3) as world:
        a = world.host("a")
        await asyncio.sleep(5)
        a.tenants.evict_error = ValueError("a bug")
        world.database.freeze()
        await asyncio.sleep(LEASE_S)

        assert len(a.tenants.times("evict")) == 3
        assert a.keeper.held == {}
        assert "could not be evicted" in caplog.text
        a.tenants.evict_error = None
        world.database.thaw()


async def test_after_an_outage_everything_stays_where_it_was() -> None:
    """Who comes back first does not take the others for dead."""
    async with fleet(9) as world:
        hosts = [world.host(name) for name in "abc"]
        await asyncio.sleep(120)
        before = [set(member.keeper.held) for member in hosts]
        assert [len(each) for each in before] == [3, 3, 3]
        world.database.freeze()
        await asyncio.sleep(60)
        assert all(not member.keeper.held for member in hosts)
        world.database.thaw()
        await asyncio.sleep(10)

        assert [set(member.keeper.held) for member in hosts] == before
