"""A new connection because a person wants one: asked for, and followed to its result."""

import asyncio
from contextlib import suppress

from linda_bot.app.answers import Reconnected
from linda_bot.connection.events import LinkStateChanged
from linda_bot.connection.lifecycle import LinkState
from linda_bot.connection.link import Link
from linda_bot.kernel.bus import EventBus, Subscription

_HOPELESS = {
    LinkState.LINKING: "it waits to be linked: scan the QR code that it shows, or type its pairing code",
    LinkState.LOGGED_OUT: "WhatsApp has logged it out, it must be linked anew",
    LinkState.STOPPING: "it is stopping",
    LinkState.STOPPED: "it has stopped",
}
"""Why a bot in these states does not connect soon, whatever a person asks."""

_HOPELESS_SOON = {
    LinkState.BANNED: "WhatsApp has banned the account for a while, and a login during a ban may prolong it",
    LinkState.OUTDATED: "WhatsApp does not accept this version of the client library",
}
"""The same, unless the wait in this state was cut short because a person asked."""

_DEPTH = 500


async def reconnect(link: Link, bus: EventBus, because: str, *, within_s: float) -> Reconnected:
    """Ask the link for a new connection, and wait until there is one, or none is to be expected."""
    with bus.subscribe(LinkStateChanged, name="reconnect", depth=_DEPTH) as changes:
        taken = link.hint(because, insist=True)
        states: list[str] = [] if taken else [link.state]
        why_not = _HOPELESS.get(link.state, "") or ("" if taken else _HOPELESS_SOON.get(link.state, ""))
        if not why_not:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    why_not = await _follow(changes, states)
    connected = len(states) > (not taken) and states[-1] == LinkState.CONNECTED
    return Reconnected(connected=connected, states=tuple(states), why_not=why_not)


async def _follow(changes: Subscription[LinkStateChanged], states: list[str]) -> str:
    """Note the states up to a connection, and return nothing, or one in which there is no use in waiting, and why."""
    async for change in changes:
        states.append(change.new)
        if change.new == LinkState.CONNECTED:
            return ""
        if why_not := (_HOPELESS | _HOPELESS_SOON).get(LinkState(change.new)):
            return why_not
    raise AssertionError
