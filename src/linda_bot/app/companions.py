"""Tasks that live beside the link: each with a name, an owner, and an end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

from linda_bot.kernel.bus import EventBus, Subscription, deliver, listen
from linda_bot.kernel.events import Event
from linda_bot.kernel.tasks import spawn_task

_INBOX_DEPTH = 2000


@asynccontextmanager
async def beside(name: str, work: Coroutine[None, None, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Have something done that ends with the block; its failure is a bug, which the end of the block tells."""
    task = spawn_task(work, name=name)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def heard(
    bus: EventBus, name: str, receive: Callable[[Event], None], *kinds: type[Event], first: bool = False
) -> AsyncIterator[None]:
    """Hand every event to a callback, or those of some kinds; on exit, what is still waiting too."""
    with bus.subscribe(kinds or Event, name=name, depth=_INBOX_DEPTH, first=first) as subscription:
        listening = spawn_task(listen(subscription, receive), name=name)
        try:
            yield
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            await _drain(subscription, receive)


async def _drain(subscription: Subscription[Event], receive: Callable[[Event], None]) -> None:
    for event in subscription.pending():
        await deliver(event, receive, subscription.name)
