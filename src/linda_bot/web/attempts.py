"""How often somebody may be wrong. Pure: the time is handed in, in seconds of a clock that never goes back."""

from collections import deque
from ipaddress import IPv6Address, ip_address

WITHIN_S = 60.0
EACH, ALL = 10, 100
_PROVEN_AT_MOST = 64
_NETWORK_BITS = 64


class Lately:
    """What was in the last so many seconds, by name; the oldest is forgotten first when it becomes too much."""

    def __init__(self, *, within_s: float, at_most: int) -> None:
        self._within_s = within_s
        self._times: deque[tuple[float, str]] = deque(maxlen=at_most)

    def add(self, name: str, now: float) -> None:
        """Note that something is now."""
        self._times.append((now, name))

    def of(self, name: str | None, now: float) -> list[float]:
        """Return when something was, oldest first; None for everything."""
        while self._times and self._times[0][0] <= now - self._within_s:
            self._times.popleft()
        return [at for at, each in self._times if name in (None, each)]


class Attempts:
    """Counts wrong tokens, by address and in all; what it remembers is bounded, whatever comes from wherever."""

    def __init__(self) -> None:
        # No more than that many can be wrong within the time, because no more are tried.
        self._wrong = Lately(within_s=WITHIN_S, at_most=2 * ALL)
        self._proven: deque[str] = deque(maxlen=_PROVEN_AT_MOST)

    def wait_s(self, address: str, now: float) -> float:
        """Return how long somebody must wait before another token of theirs is looked at; 0 where they need not."""
        name = network_of(address)
        own, everybody = self._wrong.of(name, now), self._wrong.of(None, now)
        wait_s = own[-EACH] + WITHIN_S - now if len(own) >= EACH else 0.0
        # Else strangers could keep those out who have the token.
        if len(everybody) >= ALL and name not in self._proven:
            wait_s = max(wait_s, everybody[-ALL] + WITHIN_S - now)
        return wait_s

    def wrong(self, address: str, now: float) -> None:
        """Note that somebody has shown a wrong token."""
        self._wrong.add(network_of(address), now)

    def right(self, address: str) -> None:
        """Note that somebody has shown the right token."""
        name = network_of(address)
        if name in self._proven:
            self._proven.remove(name)
        self._proven.append(name)


def network_of(address: str) -> str:
    """Return what one person has: an IPv4 address, or all of an IPv6 network of /64, of which each host has many."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> _NETWORK_BITS << _NETWORK_BITS))
