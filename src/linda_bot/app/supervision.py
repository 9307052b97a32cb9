"""What a supervisor is told of the link."""

import asyncio
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
    """Ready as soon as the link is being worked on: a server that cannot be reached is no failed start."""

    def __init__(self, supervisor: Supervisor, link: Link) -> None:
        self._supervisor = supervisor
        self._link = link
        self._ready = False
        self._reloading: asyncio.Task[None] | None = None

    def take(self, event: Event) -> None:
        """Follow the link's state."""
        if not isinstance(event, LinkStateChanged):
            return
        state = LinkState(event.new)
        if state is LinkState.STOPPING:
            self._supervisor.stopping("stopping")
        elif state in _STATUS and not self._ready:
            self._ready = True
            self._supervisor.ready(_STATUS[state])
        elif state in _STATUS:
            self._supervisor.status(_STATUS[state])

    def reload(self, because: str) -> None:
        """Have the link renewed or hastened, because a person asked; whoever asks meanwhile waits for the same.

        None begins at the end, nor does it take longer than a minute: the link goes on trying by itself.
        """
        begins = self._link.state not in _ENDS and (self._reloading is None or self._reloading.done())
        if begins:
            self._supervisor.reloading()
        self._link.hint(because, insist=True)
        if begins:
            self._reloading = spawn_task(self._tell_when_done(), name="reload")

    async def close(self) -> None:
        """Wait for nothing any more."""
        if self._reloading is not None:
            self._reloading.cancel()
            await asyncio.wait({self._reloading})

    async def _tell_when_done(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_RELOADED_WITHIN_S):
                await self._link.outcome()
        state = self._link.state
        if state not in _ENDS:
            self._supervisor.ready(_STATUS.get(state, state))
