"""What a supervisor is told of the links."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from linda_bot.connection.events import LinkStateChanged
from linda_bot.connection.lifecycle import LinkState
from linda_bot.connection.link import Link
from linda_bot.kernel.events import Event
from linda_bot.kernel.supervisor import Supervisor
from linda_bot.kernel.tasks import spawn_task

_STATUS = {
    LinkState.LINKING: "waiting to be linked: scan the QR code, or type the pairing code",
    LinkState.RESTORING: "restoring the session",
    LinkState.CONNECTED: "connected, listening for messages",
    LinkState.TRANSIENT_DISCONNECT: "connection lost, the client library tries again",
    LinkState.RECONNECTING: "reconnecting",
    LinkState.CIRCUIT_OPEN: "WhatsApp cannot be reached, waiting before the next try",
    LinkState.LOGGED_OUT: "logged out by WhatsApp",
    LinkState.REPLACED: "another client uses this device",
    LinkState.BANNED: "banned by WhatsApp for a while",
    LinkState.OUTDATED: "WhatsApp does not accept this version of the client library",
}


_ENDS = frozenset({LinkState.STOPPING, LinkState.STOPPED})

_RELOADED_WITHIN_S = 60.0
"""systemd waits for the end of a reload; an outage, or a person who is to scan a code, may last for hours."""


class Supervision:
    """Ready as soon as a link is being worked on: a server that cannot be reached is no failed start."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._links: dict[str, Link] = {}
        self._ready = False
        self._is_house = False
        self._reloading: asyncio.Task[None] | None = None

    def begun(self) -> None:
        """Say that a process of several accounts has begun, be there one that can be worked on or not.

        From here on no end of an account is the end of the process.
        """
        self._is_house = True
        if not self._ready:
            self._ready = True
            self._supervisor.ready("no account has begun")

    def follow(self, account: str, link: Link) -> None:
        """Take a link into account."""
        self._links[account] = link

    def forget(self, account: str) -> None:
        """Take a link into account no longer."""
        self._links.pop(account, None)

    def take(self, account: str, event: Event) -> None:
        """Follow a link's state."""
        if not isinstance(event, LinkStateChanged) or account not in self._links:
            return
        state = LinkState(event.new)
        if state is LinkState.STOPPING and len(self._links) == 1 and not self._is_house:
            self._supervisor.stopping("stopping")
        elif state not in _STATUS:
            return
        elif not self._ready:
            self._ready = True
            self._supervisor.ready(self._status(state))
        else:
            self._supervisor.status(self._status(state))

    def is_alive(self) -> bool:
        """Return whether all links move as they should."""
        return all(link.responds() for link in self._links.values())

    def look_around(self, because: str) -> None:
        """Have all links look whether now is a better time than later."""
        for link in self._links.values():
            link.hint(because)

    def reload(self, because: str) -> None:
        """Have the links renewed or hastened, because a person asked; whoever asks meanwhile waits for the same.

        None begins at the end, nor does it take longer than a minute: the links go on trying by themselves.
        """
        links = [link for link in self._links.values() if link.state not in _ENDS]
        begins = bool(links) and (self._reloading is None or self._reloading.done())
        if begins:
            self._supervisor.reloading()
        for link in links:
            link.hint(because, insist=True)
        if begins:
            self._reloading = spawn_task(self._tell_when_done(links), name="reload")

    async def close(self) -> None:
        """Wait for nothing any more."""
        if self._reloading is not None:
            self._reloading.cancel()
            await asyncio.wait({self._reloading})

    async def _tell_when_done(self, links: Sequence[Link]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_RELOADED_WITHIN_S):
                await asyncio.gather(*(link.outcome() for link in links))
        states = [link.state for link in links]
        if not all(state in _ENDS for state in states):
            self._supervisor.ready(self._status(states[0]))

    def _status(self, state: LinkState) -> str:
        """Return what is told of the only link, or of all of them."""
        if len(self._links) == 1:
            return _STATUS.get(state, state)
        connected = sum(link.state is LinkState.CONNECTED for link in self._links.values())
        return f"{connected} of {len(self._links)} accounts connected"
