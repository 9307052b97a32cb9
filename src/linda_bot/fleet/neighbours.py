"""The other hosts as this one sees them: who is there, and what the ledger looks like for sharing; pure."""

from collections.abc import Collection, Iterator

from linda_bot.fleet.events import HostJoined, HostLost
from linda_bot.fleet.ledger import AccountSeen, AccountState, HostSeen, Snapshot
from linda_bot.fleet.sharing import AccountView, HostView
from linda_bot.kernel.events import Event


class Neighbours:
    """Remembers who was there, for two reasons: to tell who comes and goes, and to be fair after an outage.

    After the database was away everybody's last sign of life is old. Who looks first must not take all others for dead
    and take everything; it gives them a moment.
    """

    def __init__(self, me: str, lease_s: float) -> None:
        """Take this host's name, and how long its leases last."""
        self._me = me
        self._lease_s = lease_s
        self._present: frozenset[str] | None = None
        self._seen_at = 0.0
        self._expected: frozenset[str] = frozenset()
        self._patient_until = 0.0

    def look(self, snapshot: Snapshot, now: float) -> tuple[HostView, ...]:
        """Return the hosts, as far as sharing goes; to be called before `news`."""
        if self._present is not None and now - self._seen_at > self._lease_s / 2:
            self._expected, self._patient_until = self._present, now + self._lease_s / 3
        self._seen_at = now
        return tuple(
            HostView(host.name, host.capacity, host.weight, self._is_present(host, now)) for host in snapshot.hosts
        )

    def news(self, snapshot: Snapshot, views: Collection[HostView]) -> Iterator[Event]:
        """Yield who has come and who has gone since the last time."""
        present = frozenset(view.name for view in views if view.is_present and view.name != self._me)
        before, self._present = self._present, present
        known = {host.name: host for host in snapshot.hosts}
        if before is None:
            return
        for name in sorted(present - before):
            yield HostJoined(host=name, capacity=known[name].capacity)
        for name in sorted(before - present):
            yield HostLost(host=name, has_left=name not in known or known[name].is_leaving)

    def _is_present(self, host: HostSeen, now: float) -> bool:
        if host.is_leaving:
            return False
        return host.is_alive or host.name == self._me or (now < self._patient_until and host.name in self._expected)


def accounts_of(snapshot: Snapshot, me: str, held: Collection[str]) -> tuple[AccountView, ...]:
    """Return the accounts, as far as sharing goes, where this host has `held`, whatever the ledger says."""
    return tuple(_view(account, me, account.account in held) for account in snapshot.accounts)


def free_soon_s(snapshot: Snapshot) -> float | None:
    """Return when the next lease runs out unless it is renewed; None for none."""
    return min((account.left_s for account in snapshot.accounts if account.is_held), default=None)


def _view(seen: AccountSeen, me: str, is_mine: bool) -> AccountView:  # noqa: FBT001 (private)
    wanted = seen.state is AccountState.ACTIVE
    if is_mine:
        return AccountView(seen.account, wanted, me, moved_s=seen.granted_s)
    # What the ledger says is ours, but is not, is what another process of this host had, or what was in doubt.
    if seen.is_held and seen.host != me:
        return AccountView(seen.account, wanted, seen.host, moved_s=seen.granted_s)
    return AccountView(seen.account, wanted, "", seen.host, seen.free_s, seen.granted_s)
