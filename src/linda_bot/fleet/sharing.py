"""Which accounts a host takes, and which it gives away; pure.

Every host computes the same from the same ledger, so that nobody has to decide for all. An account's *excess* at a host
is by how much the host has more than its quota: its part, by weight, of all accounts that are to be run, where no host
has more than its capacity. A free account goes to the host with the least excess that has room. An account moves from
one host to another only where that makes their excesses more alike by a margin; each such move makes the sum of the
squares smaller, so that moves come to an end whatever happens in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class HostView(NamedTuple):
    """A host, as far as sharing goes."""

    name: str
    capacity: int
    weight: float = 1.0
    is_present: bool = True
    """Whether it is alive and not about to leave."""


class AccountView(NamedTuple):
    """An account, as far as sharing goes."""

    name: str
    is_wanted: bool = True
    host: str = ""
    """Who may run it now; empty for nobody."""
    last_host: str = ""
    """Of a free one: whose it was until the lease ran out or was lost; empty where it was given away."""
    free_s: float = 0.0
    moved_s: float = 1e9
    """Since when its host has it."""


class Rules(NamedTuple):
    """How patient sharing is."""

    patience_s: float = 2.0
    """How long a free account waits for the host whose turn it is, before any other takes it."""
    settled_s: float = 60.0
    """How long an account stays where it came, unless its host leaves."""
    least_gain: float = 0.25
    """By how much more than nothing a move must make two hosts' excesses more alike; in accounts."""


class Steps(NamedTuple):
    """What a host is to do now."""

    claim: tuple[str, ...] = ()
    give_away: tuple[str, ...] = ()
    """So that others have them."""
    let_go: tuple[str, ...] = ()
    """What is not to be run any more."""
    look_again_s: float | None = None
    """When something would be done only because time has passed; None for never."""


def quotas(hosts: Iterable[HostView], count: int) -> dict[str, float]:
    """Return what each present host's part of so many accounts is, by weight and at most its capacity.

    Hosts without a weight have a part only of what the others have no room for.
    """
    found: dict[str, float] = {}
    left = float(count)
    present = sorted(host for host in hosts if host.is_present)
    weighty = [host for host in present if host.weight > 0]
    for group in (weighty, [host._replace(weight=1.0) for host in present if host.weight <= 0]):
        parts = _fill(group, left)
        found |= parts
        left -= sum(parts.values())
    return found


def shares(hosts: Iterable[HostView], count: int) -> dict[str, int]:
    """Return the quotas as whole accounts: the largest remainders are rounded up, of equal ones the first by name."""
    hosts = tuple(hosts)
    parts = quotas(hosts, count)
    whole = {name: int(part + _ALMOST) for name, part in parts.items()}
    left = round(sum(parts.values()) - sum(whole.values()))
    for name in sorted(parts, key=lambda name: (whole[name] - parts[name], name))[:left]:
        whole[name] += 1
    return whole


def next_steps(me: str, hosts: Sequence[HostView], accounts: Sequence[AccountView], rules: Rules) -> Steps:
    """Return what the host `me` is to do now."""
    wanted = sorted(account for account in accounts if account.is_wanted)
    mine = [account for account in wanted if account.host == me]
    let_go = tuple(sorted(account.name for account in accounts if account.host == me and not account.is_wanted))
    by_name = {host.name: host for host in hosts}
    if me not in by_name or not by_name[me].is_present:
        return Steps((), tuple(account.name for account in mine), let_go)
    parts = quotas(hosts, len(wanted))
    held = _counts(parts, wanted)
    free = [account for account in wanted if not account.host]
    room = by_name[me].capacity - sum(account.host == me for account in accounts)
    turns = _turns(free, by_name, parts, held)
    claim = [name for name, host in turns.items() if host == me]
    late = sorted((rules.patience_s - account.free_s, account.name) for account in free if turns[account.name] != me)
    claim += [name for wait_s, name in late if wait_s <= 0]
    waits = [wait_s for wait_s, _ in late if wait_s > 0] if room > len(claim) else []
    giving, wait_s = _gift(me, wanted, by_name, parts, _with_turns(held, turns), rules)
    give_away = (giving,) if giving and wait_s <= 0 else ()
    waits += [wait_s] if giving and wait_s > 0 else []
    return Steps(tuple(claim[: max(room, 0)]), give_away, let_go, min(waits, default=None))


_ALMOST = 1e-9
"""What sums of parts are wrong by."""


def _fill(hosts: Sequence[HostView], count: float) -> dict[str, float]:
    """Part so many among hosts by weight; who is full leaves the rest to the others."""
    found: dict[str, float] = {}
    open_ = list(hosts)
    while open_:
        weight = sum(host.weight for host in open_)
        full = [host for host in open_ if count * host.weight / weight >= host.capacity]
        if not full:
            return found | {host.name: count * host.weight / weight for host in open_}
        found |= {host.name: float(host.capacity) for host in full}
        count -= sum(host.capacity for host in full)
        open_ = [host for host in open_ if host not in full]
    return found


def _counts(parts: Mapping[str, float], accounts: Iterable[AccountView]) -> dict[str, int]:
    held = dict.fromkeys(parts, 0)
    for account in accounts:
        if account.host in held:
            held[account.host] += 1
    return held


def _with_turns(held: Mapping[str, int], turns: Mapping[str, str]) -> dict[str, int]:
    taken = list(turns.values())
    return {name: count + taken.count(name) for name, count in held.items()}


def _turns(
    free: Sequence[AccountView], hosts: Mapping[str, HostView], parts: Mapping[str, float], held: Mapping[str, int]
) -> dict[str, str]:
    """Return whose turn each free account is; empty for nobody's, where nobody has room."""
    held = dict(held)
    turns: dict[str, str] = {}
    # Where its files and its connections were just now, as far as that host's share goes: after an outage of the
    # database all are free, and nothing has to move.
    for account in free:
        last = account.last_host
        if last in parts and held[last] < parts[last] - _ALMOST and held[last] < hosts[last].capacity:
            turns[account.name] = last
            held[last] += 1
    for account in free:
        if account.name in turns:
            continue
        able = [name for name in parts if held[name] < hosts[name].capacity]
        turns[account.name] = chosen = min(able, key=lambda name: (held[name] - parts[name], name), default="")
        if chosen:
            held[chosen] += 1
    return turns


def _gift(  # noqa: PLR0917 (private)
    me: str,
    wanted: Sequence[AccountView],
    hosts: Mapping[str, HostView],
    parts: Mapping[str, float],
    held: Mapping[str, int],
    rules: Rules,
) -> tuple[str, float]:
    """Return which account to give away and in how many seconds; an empty name for none.

    All moves that there should be are thought through in order, so that hosts that give at the same time do not give
    too much.
    """
    held = dict(held)
    mine = [(rules.settled_s - account.moved_s, account.name) for account in wanted if account.host == me]
    for _ in wanted if parts else ():  # there are never more moves than that
        takers = [name for name in parts if held[name] < hosts[name].capacity]
        giver = max(sorted(parts), key=lambda name: held[name] - parts[name])
        taker = min(takers, key=lambda name: (held[name] - parts[name], name), default=giver)
        gain = (held[giver] - parts[giver]) - (held[taker] - parts[taker]) - 1
        if held[giver] == 0 or gain <= rules.least_gain:
            return "", 0.0
        if giver == me and mine:
            wait_s, name = min(mine)
            return name, wait_s
        held[giver] -= 1
        held[taker] += 1
    return "", 0.0
