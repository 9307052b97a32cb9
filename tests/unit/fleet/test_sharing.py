"""Which host takes and gives which account: alike for all, as fair as can be, and it comes to an end."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.fleet.sharing import AccountView, HostView, Rules, Steps, next_steps, quotas, shares

RULES = Rules()
A, B, C = (HostView(name, 10) for name in "abc")
HOSTS = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from([0.0, 0.5, 1.0, 3.0]), st.booleans()), min_size=1, max_size=5
).map(lambda rows: [HostView(f"h{n}", *row) for n, row in enumerate(rows)])


def accounts(**held: int) -> list[AccountView]:
    """Return so many accounts for each host; `free` are nobody's."""
    return [AccountView(f"{host}{n}", host="" if host == "free" else host) for host in held for n in range(held[host])]


@pytest.mark.parametrize(
    ("hosts", "count", "expected"),
    [
        ([A, B, C], 10, {"a": 4, "b": 3, "c": 3}),
        ([A, B._replace(weight=2.0)], 9, {"a": 3, "b": 6}),
        ([A, B._replace(capacity=2)], 9, {"a": 7, "b": 2}),
        ([A, B._replace(is_present=False)], 9, {"a": 9}),
        ([A._replace(capacity=2), B._replace(capacity=3)], 9, {"a": 2, "b": 3}),
        ([A, B._replace(weight=0.0)], 9, {"a": 9, "b": 0}),
        ([A, B._replace(weight=0.0)], 12, {"a": 10, "b": 2}),
        ([A, B._replace(capacity=0)], 3, {"a": 3, "b": 0}),
        ([], 3, {}),
        ([A, B], 0, {"a": 0, "b": 0}),
    ],
)
def test_shares(hosts: list[HostView], count: int, expected: dict[str, int]) -> None:
    """By weight, never above capacity; the largest remainders first, then names; no weight: only what is left over."""
    assert shares(hosts, count) == expected


@given(hosts=HOSTS, count=st.integers(0, 40))
def test_shares_add_up(hosts: list[HostView], count: int) -> None:
    """To all accounts, or to all the room that there is; each within one of its quota."""
    found, parts = shares(hosts, count), quotas(hosts, count)

    room = {host.name: host.capacity for host in hosts if host.is_present}
    assert sum(found.values()) == min(count, sum(room.values()))
    assert all(found[name] <= room[name] and abs(found[name] - parts[name]) < 1 + 1e-6 for name in room)


def test_its_own_share_is_claimed_at_once() -> None:
    """And what is another host's turn is left to it."""
    views = accounts(free=5)
    claims = {me: next_steps(me, [A, B], views, RULES).claim for me in "ab"}

    assert sorted(claims["a"] + claims["b"]) == [f"free{n}" for n in range(5)]
    assert len(claims["a"]) == 3


def test_what_has_waited_is_taken_by_anybody() -> None:
    """After some patience, which is told, and never above the capacity."""
    views = accounts(a=4, b=1, free=3)
    waiting = [view._replace(free_s=0.5) if not view.host else view for view in views]
    late = [view._replace(free_s=RULES.patience_s) if not view.host else view for view in views]

    assert next_steps("a", [A, B], waiting, RULES) == Steps(look_again_s=1.5)
    assert len(next_steps("a", [A, B], late, RULES).claim) == 3
    assert len(next_steps("a", [A._replace(capacity=5), B], late, RULES).claim) == 1


def test_what_was_somebodys_goes_back_to_it() -> None:
    """When a database was away all leases have run out, and nothing has to move."""
    views = [AccountView(f"x{n}", last_host="cab"[n % 3]) for n in range(9)]

    for me in "abc":
        assert next_steps(me, [A, B, C], views, RULES).claim == tuple(v.name for v in views if v.last_host == me)


def test_one_is_given_away_where_that_makes_a_difference() -> None:
    """By whoever has the most above its part; not for less than a whole account."""
    assert next_steps("a", [A, B, C], accounts(a=4, b=4, c=1), RULES).give_away == ("a0",)
    assert next_steps("b", [A, B, C], accounts(a=4, b=4, c=1), RULES).give_away == ("b0",)
    assert next_steps("c", [A, B, C], accounts(a=4, b=4, c=1), RULES).give_away == ()
    for me in "abc":
        assert next_steps(me, [A, B, C], accounts(a=4, b=3, c=3), RULES) == Steps()
        assert next_steps(me, [A, B, C], accounts(a=3, b=3, c=4), RULES) == Steps()


def test_what_has_just_moved_stays() -> None:
    """For a minute; the one that came first goes first."""
    views = [AccountView(f"x{n}", host="a", moved_s=10.0 + n) for n in range(4)]

    steps = next_steps("a", [A, B], views, RULES)
    assert (steps.give_away, steps.look_again_s) == ((), RULES.settled_s - 13.0)
    assert next_steps("a", [A, B], [view._replace(moved_s=view.moved_s + 48) for view in views], RULES).give_away == (
        "x3",
    )


def test_who_leaves_gives_everything() -> None:
    """At once, and takes nothing."""
    steps = next_steps("a", [A._replace(is_present=False), B], accounts(a=3, free=2), RULES)

    assert steps == Steps(give_away=("a0", "a1", "a2"))


def test_what_is_not_wanted_is_let_go() -> None:
    """And is nobody's to claim."""
    views = [AccountView("x", is_wanted=False, host="a"), AccountView("y", is_wanted=False)]

    assert next_steps("a", [A, B], views, RULES) == Steps(let_go=("x",))


@given(hosts=HOSTS, held=st.lists(st.integers(-1, 4), max_size=20), order=st.randoms(use_true_random=False))
def test_moves_come_to_an_end(hosts: list[HostView], held: list[int], order: "object") -> None:
    """From any beginning, in any order, all acting on what they saw before: fair in the end, and nobody too full."""
    names = [host.name for host in hosts]
    room = {host.name: host.capacity for host in hosts}
    now = {f"x{n}": names[h] if 0 <= h < len(names) else "" for n, h in enumerate(held)}
    for name in names:  # nobody begins with more than it may have
        for account in [each for each in now if now[each] == name][room[name] :]:
            now[account] = ""
    moves = 0
    for _ in range(200):
        views = [AccountView(each, host=host, free_s=1e9) for each, host in now.items()]
        steps = {name: next_steps(name, hosts, views, RULES) for name in names}
        if not any(step.claim or step.give_away or step.let_go for step in steps.values()):
            break
        for name in names:
            for account in steps[name].give_away:
                now[account] = ""
                moves += 1
        for name in sorted(names, key=lambda _: order.random()):  # type: ignore[attr-defined]
            for account in steps[name].claim:
                if not now[account]:
                    now[account] = name
    else:
        pytest.fail(f"there is no end of it: {now}")
    count = Counter(now.values())
    present = {host.name for host in hosts if host.is_present}
    assert all(count[name] <= room[name] for name in names)
    assert not {host for host in now.values() if host} - present
    assert count[""] == max(len(now) - sum(room[name] for name in present), 0)
    parts = quotas(hosts, len(now))
    excess = {name: count[name] - part for name, part in parts.items()}
    if open_ := [excess[name] for name in present if count[name] < room[name]]:
        assert max(excess.values()) - min(open_) <= 1 + RULES.least_gain + 1e-6
