"""One-shot tickets: what a link holds that lets somebody see the pairing page, once. Pure but for chance."""

import hashlib
import secrets

VALID_S = 900.0
AT_MOST = 100
_BYTES = 32


class Tickets:
    """The tickets that are out; kept as digests, so that nothing which reads this memory can use one."""

    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}

    def issue(self, now: float, room: str = "") -> str:
        """Return a new ticket, good for one room; when there are too many the oldest is no longer valid."""
        while len(self._until) >= AT_MOST:
            del self._until[next(iter(self._until))]
        ticket = secrets.token_urlsafe(_BYTES)
        self._until[_digest(ticket, room)] = now + VALID_S
        return ticket

    def redeem(self, ticket: str, now: float, room: str = "") -> bool:
        """Use a ticket up; return whether it was valid."""
        until = self._until.pop(_digest(ticket, room), None)
        return until is not None and now < until

    def is_open(self, ticket: str, now: float, room: str = "") -> bool:
        """Return whether a ticket is valid, and leave it so."""
        return now < self._until.get(_digest(ticket, room), now)


def _digest(ticket: str, room: str) -> bytes:
    return hashlib.sha256(f"{room}\x00{ticket}".encode(errors="replace")).digest()
