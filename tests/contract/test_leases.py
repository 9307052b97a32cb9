"""The ledger of a fleet: what holds for the fake holds for PostgreSQL, and the other way round."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest

from linda_bot.database.connecting import Database, DatabaseTroubleError, Place
from linda_bot.database.migrating import bring_up_to_date
from linda_bot.database.places import HOUSE, account_place
from linda_bot.fleet.ledger import AccountState, Grant, Host, HostReplacedError, Ledger, Why
from linda_bot.fleet.postgres_ledger import PostgresLedger
from tests.support.fake_fleet import FakeDatabase, FakeLedger
from tests.support.postgres import Server, find_binaries, running_server

LEASE_S = 0.6
ONE, TWO = "15550000001", "15550000002"
WITHIN_S = 1.0


def host(name: str, *, place: str = "", incarnation: str = "", lease_s: float = LEASE_S) -> Host:
    """Return a host whose place has its name."""
    return Host(name, place or f"place of {name}", incarnation or f"1st {name}", 10, 1.0, lease_s, "1.0", 7)


class World(Protocol):
    """A database for ledgers."""

    async def ledger(self, host: Host) -> Ledger:
        """Return a host's ledger; not registered."""

    def freeze(self) -> None:
        """Have the database answer nobody."""

    def thaw(self) -> None:
        """Have it answer again."""

    def stop(self) -> None:
        """Have it be gone."""

    def start(self) -> None:
        """Have it be there again."""


class FakeWorld:
    """In memory."""

    def __init__(self) -> None:
        self.database = FakeDatabase()
        self.freeze, self.thaw = self.database.freeze, self.database.thaw
        self.stop, self.start = self.database.stop, self.database.start

    async def ledger(self, host: Host) -> Ledger:
        return FakeLedger(self.database, host, within_s=WITHIN_S)


class PostgresWorld:
    """On a real server."""

    def __init__(self, server: Server, closing: AsyncExitStack) -> None:
        self.database = Database(server.new_database())
        bring_up_to_date(self.database)
        self._closing = closing
        self.freeze, self.thaw = server.freeze, server.thaw
        self.stop, self.start = lambda: server.stop("immediate"), server.start

    async def ledger(self, host: Host) -> Ledger:
        made = PostgresLedger(self.database, host, within_s=WITHIN_S)
        self._closing.push_async_callback(made.close)
        return made


@pytest.fixture(params=["fake", "postgres"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Each kind of database."""
    async with AsyncExitStack() as closing:
        if request.param == "fake":
            yield FakeWorld()
        else:
            yield PostgresWorld(request.getfixturevalue("postgres"), closing)


@pytest.fixture(params=["fake", "postgres"])
async def own_world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Each kind of database, which nobody else uses: it may be frozen and stopped."""
    async with AsyncExitStack() as closing:
        if request.param == "fake":
            yield FakeWorld()
            return
        request.getfixturevalue("postgres")  # it skips where there is none
        binaries = find_binaries()
        assert binaries is not None
        yield PostgresWorld(closing.enter_context(running_server(binaries)), closing)


async def there(world: World, name: str, **more: Any) -> Ledger:
    """Return the ledger of a host that takes part."""
    ledger = await world.ledger(host(name, **more))
    await ledger.register()
    return ledger


async def granted(ledger: Ledger, account: str = ONE) -> Grant:
    """Claim what is to be had."""
    grant = await ledger.claim(account)
    assert grant is not None
    return grant


async def test_an_account_is_granted_to_one(world: World) -> None:
    """Whoever comes first; the other sees who has it."""
    one, two = await there(world, "a"), await there(world, "b")
    await one.add(ONE)

    grant = await granted(one)

    assert grant[:5] == (ONE, 1, LEASE_S, "", Why.CLAIMED)
    assert await two.claim(ONE) is None
    (seen,) = (await two.see()).accounts
    assert (seen.host, seen.fence, seen.is_held, seen.state) == ("a", 1, True, AccountState.ACTIVE)
    assert 0 < seen.left_s <= LEASE_S


async def test_many_claims_at_once_have_one_winner(world: World) -> None:
    """For each of several accounts."""
    ledgers = [await there(world, name) for name in "abcd"]
    accounts = [f"1555000000{n}" for n in range(5)]
    for account in accounts:
        await ledgers[0].add(account)

    for account in accounts:
        grants = await asyncio.gather(*(ledger.claim(account) for ledger in ledgers))
        assert sum(grant is not None for grant in grants) == 1


async def test_a_lease_that_ran_out_goes_to_whoever_claims_it(world: World) -> None:
    """With a higher fence; whoever had it does not get it back by renewing."""
    one, two = await there(world, "a"), await there(world, "b")
    await one.add(ONE)
    first = await granted(one)
    await asyncio.sleep(LEASE_S + 0.1)

    taken = await granted(two)

    assert (taken.fence, taken.from_host, taken.why) == (first.fence + 1, "a", Why.TAKEN_OVER)
    assert 0.05 <= taken.free_s < 1
    assert await one.renew({ONE: first.fence}) == set()
    assert await two.renew({ONE: taken.fence}) == {ONE}
    assert await one.release(ONE, first.fence, Why.HANDED_OVER) is False


async def test_a_renewed_lease_is_not_to_be_had(world: World) -> None:
    """For as long as it is renewed, all at once; and what was never ours is not renewed."""
    one, two = await there(world, "a"), await there(world, "b")
    for account in (ONE, TWO):
        await one.add(account)
    held = {account: (await granted(one, account)).fence for account in (ONE, TWO)}

    for _ in range(4):
        await asyncio.sleep(LEASE_S / 3)
        assert await one.renew(held | {"15550000009": 1}) == {ONE, TWO}
        assert await two.claim(ONE) is None


async def test_what_is_given_back_is_free_at_once(world: World) -> None:
    """And why is told to whoever takes it."""
    one, two = await there(world, "a"), await there(world, "b")
    await one.add(ONE)
    for why, told in ((Why.HANDED_OVER, Why.HANDED_OVER), (Why.RELEASED, Why.CLAIMED), (Why.LOST, Why.TAKEN_OVER)):
        grant = await granted(one)
        assert await one.release(ONE, grant.fence, why)
        assert not await one.release(ONE, grant.fence, why)
        (seen,) = (await two.see()).accounts
        assert (seen.host, seen.is_held, seen.given_back) == ("", False, why)
        taken = await granted(two)
        assert (taken.fence, taken.from_host, taken.why) == (grant.fence + 1, "a", told)
        assert await two.release(ONE, taken.fence, Why.RELEASED)


async def test_only_active_accounts_are_granted(world: World) -> None:
    """Not what is paused, removed or unknown; a person's command can hold any."""
    one = await there(world, "a")

    assert await one.claim(ONE) is None
    assert not await one.set_state(ONE, AccountState.PAUSED)
    assert [await one.add(ONE) for _ in range(2)] == [True, False]
    for state in (AccountState.PAUSED, AccountState.REMOVED):
        assert [await one.set_state(ONE, state) for _ in range(2)] == [True, False]
        assert await one.claim(ONE) is None
    held = await one.hold(ONE, 30)
    assert held is not None
    assert await one.release(ONE, held.fence, Why.RELEASED)
    assert await one.add(ONE)
    assert (await granted(one)).fence == held.fence + 1


async def test_a_command_holds_what_no_host_has(world: World) -> None:
    """Also an account that is not yet in the database; hosts have to wait."""
    one, command = await there(world, "a"), await world.ledger(host("migrate 99"))

    assert await command.hold(TWO, 30) is not None
    await one.add(TWO)
    assert await one.claim(TWO) is None
    await one.add(ONE)
    await granted(one)
    assert await command.hold(ONE, 30) is None


async def test_a_process_has_what_another_one_of_its_place_had(world: World) -> None:
    """At once, with a new fence: the one before it is gone, as the locks of the place show."""
    first = await there(world, "a")
    await first.add(ONE)
    old = await granted(first)
    second = await there(world, "a", incarnation="2nd a")

    new = await granted(second)

    assert (new.fence, new.why) == (old.fence + 1, Why.CLAIMED)
    with pytest.raises(HostReplacedError):
        await first.renew({ONE: old.fence})


async def test_a_name_belongs_to_one_place_at_a_time(world: World) -> None:
    """Two machines of one name would each believe to have what the other has; a dead one's name is free."""
    first = await there(world, "a")
    await first.add(ONE)
    await granted(first)
    other = await world.ledger(host("a", place="elsewhere", incarnation="other a"))

    with pytest.raises(HostReplacedError):
        await other.register()
    assert await other.claim(ONE) is None
    await asyncio.sleep(LEASE_S + 0.1)
    await other.register()
    assert (await granted(other)).fence == 2


async def test_signs_of_life_are_seen(world: World) -> None:
    """For as long as they come; whoever leaves says so, and is not there when it has gone."""
    one, two = await there(world, "a"), await there(world, "b")
    await asyncio.sleep(LEASE_S * 0.7)
    await one.renew({})
    await asyncio.sleep(LEASE_S * 0.5)

    seen = {each.name: each for each in (await one.see()).hosts}
    assert (seen["a"].is_alive, seen["b"].is_alive) == (True, False)
    assert (seen["a"].capacity, seen["a"].version, seen["a"].pid, seen["a"].is_leaving) == (10, "1.0", 7, False)
    await one.leave()
    assert [each.is_leaving for each in (await two.see()).hosts] == [True, False]
    await one.depart()
    assert [each.name for each in (await two.see()).hosts] == ["b"]
    with pytest.raises(HostReplacedError):
        await one.renew({})


async def test_every_change_of_hands_is_written_down(world: World) -> None:
    """The newest first."""
    one, two = await there(world, "a"), await there(world, "b")
    await one.add(ONE)
    await one.release(ONE, (await granted(one)).fence, Why.HANDED_OVER)
    await granted(two)
    await asyncio.sleep(LEASE_S + 0.1)
    await one.release(ONE, (await granted(one)).fence, Why.RELEASED)

    moves = await two.moves()

    assert [(move.from_host, move.to_host, move.why.value, move.fence) for move in reversed(moves)] == [
        ("", "a", "claimed", 1),
        ("a", "b", "handed_over", 2),
        ("b", "a", "taken_over", 3),
        ("a", "", "released", 3),
    ]
    assert len(await two.moves(most=2)) == 2


CHANGES: dict[str, Callable[[Ledger, int], Any]] = {
    "an account is added": lambda ledger, _: ledger.add(TWO),
    "an account is paused": lambda ledger, _: ledger.set_state(ONE, AccountState.PAUSED),
    "an account is given back": lambda ledger, fence: ledger.release(ONE, fence, Why.HANDED_OVER),
    "a host leaves": lambda ledger, _: ledger.leave(),
    "a host is gone": lambda ledger, _: ledger.depart(),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_others_hear_of_changes(world: World, what: str) -> None:
    """At once; and of nothing while nothing changes."""
    one, two = await there(world, "a"), await there(world, "b")
    await one.add(ONE)
    fence = (await granted(one)).fence
    while await two.wait_for_news(0.3):  # what it may have missed before it listened
        pass
    hearing = asyncio.create_task(two.wait_for_news(5))
    await asyncio.sleep(0.1)
    await one.renew({ONE: fence})
    await asyncio.sleep(0.1)
    assert not hearing.done()

    await CHANGES[what](one, fence)

    assert await asyncio.wait_for(hearing, 2)


async def test_a_frozen_database_holds_nobody(own_world: World) -> None:
    """Every question ends in time, also when many are asked at once; when it goes on, so does everything."""
    one = await there(own_world, "a", lease_s=60)
    await one.add(ONE)
    fence = (await granted(one)).fence
    own_world.freeze()
    try:
        began = time.monotonic()
        ends = await asyncio.gather(
            one.renew({ONE: fence}),
            one.see(),
            one.claim(ONE),
            one.moves(),
            one.wait_for_news(0.5),
            return_exceptions=True,
        )
        assert time.monotonic() - began < 3 * WITHIN_S + 0.5
        assert all(isinstance(end, DatabaseTroubleError) or end is False for end in ends), ends
        began = time.monotonic()
        with pytest.raises(DatabaseTroubleError):
            await (await own_world.ledger(host("new"))).register()
        assert time.monotonic() - began < WITHIN_S + 0.5
    finally:
        own_world.thaw()
    await asyncio.sleep(0.2)
    (seen,) = (await one.see()).accounts
    assert await one.renew({ONE: seen.fence}) == {ONE}


async def test_who_gives_up_on_a_frozen_database_is_gone_at_once(own_world: World) -> None:
    """A task that is cancelled does not wait for an answer either."""
    one = await there(own_world, "a")
    own_world.freeze()
    try:
        asking = asyncio.create_task(one.see())
        await asyncio.sleep(0.1)
        began = time.monotonic()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert time.monotonic() - began < 0.3
    finally:
        own_world.thaw()


async def test_a_restarted_database_is_used_again(own_world: World) -> None:
    """With nothing forgotten of what was granted before its crash."""
    one = await there(own_world, "a", lease_s=60)
    await one.add(ONE)
    fence = (await granted(one)).fence
    own_world.stop()
    with pytest.raises(DatabaseTroubleError):
        await one.renew({ONE: fence})
    own_world.start()

    assert await one.renew({ONE: fence}) == {ONE}
    assert (await one.see()).accounts[0].fence == fence


async def test_what_older_leases_have_open_is_closed_by_a_claim(postgres: Server) -> None:
    """And what newer leases, other accounts and a person's commands have is left alone."""
    async with AsyncExitStack() as closing:
        world = PostgresWorld(postgres, closing)
        ledger = await there(world, "a")
        await ledger.add(ONE)
        first = await granted(ledger)
        names = {
            "old": account_place(ONE, "mail", first.fence),
            "busy": account_place(ONE, "engine", first.fence),
            "new": account_place(ONE, "mail", first.fence + 1),
            "other": account_place(TWO, "mail", first.fence),
            "longer": account_place(f"9{ONE}", "mail", first.fence),
            "person": account_place(ONE, "review", None),
        }
        open_ = {name: closing.enter_context(world.database.connect(place)) for name, place in names.items()}
        open_["busy"].execute("BEGIN; SELECT pg_advisory_xact_lock(1)")

        await granted(ledger)

        left = {name for name, connection in open_.items() if _answers(connection)}
        assert left == {"new", "other", "longer", "person"}


def _answers(connection: Any) -> bool:
    import psycopg

    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def test_old_moves_are_forgotten(postgres: Server) -> None:
    """Some ten thousand are kept."""
    database = Database(postgres.new_database())
    bring_up_to_date(database)
    with database.connect(Place(HOUSE)) as connection:
        connection.execute(
            "INSERT INTO moves (account, from_host, to_host, why, fence, free_s)"
            " SELECT '1', 'a', 'b', 'claimed', n, 0 FROM generate_series(1, 10350) AS n"
        )
        assert connection.execute("SELECT min(fence), max(fence) FROM moves").fetchone() == (301, 10350)


async def test_random_work_comes_to_the_same_in_both(postgres: Server) -> None:
    """The same questions, one after the other, have the same answers."""
    from random import Random

    async with AsyncExitStack() as closing:
        worlds: list[World] = [FakeWorld(), PostgresWorld(postgres, closing)]
        told = [await _random_work(world, Random(11)) for world in worlds]

    assert told[0] == told[1]
    assert len({str(each) for each in told[0]}) > 20


async def _random_work(world: World, chance: Any) -> list[Any]:
    ledgers = [await there(world, name, lease_s=3600) for name in "abc"]
    told: list[Any] = []
    for number in itertools.count():
        ledger, account = chance.choice(ledgers), chance.choice([ONE, TWO])
        fence, state = chance.randint(1, 9), chance.choice(list(AccountState))
        why = chance.choice([Why.HANDED_OVER, Why.RELEASED, Why.LOST])
        what = chance.choice(["claim", "hold", "renew", "release", "release", "release", "state", "add", "see"])
        if what in ("claim", "hold"):
            grant = await (ledger.claim(account) if what == "claim" else ledger.hold(account, 3600))
            told.append(grant and (*grant[:5],))
        elif what == "renew":
            told.append(sorted(await ledger.renew({ONE: fence, TWO: fence})))
        elif what == "release":
            now = {each.account: each.fence for each in (await ledger.see()).accounts}
            told.append(await ledger.release(account, now.get(account, 0), why))
        elif what == "state":
            told.append(await ledger.set_state(account, state))
        elif what == "add":
            told.append(await ledger.add(account))
        else:
            seen = (await ledger.see()).accounts
            told.append([(e.account, e.state, e.host, e.came_from, e.came_by, e.given_back, e.fence) for e in seen])
        if number == 400:
            return told
    raise AssertionError
