"""The end of an engine, which nobody may leave half-way: the next one must find it gone."""

import asyncio
from collections.abc import Awaitable, Coroutine

from linda_bot.kernel.tasks import spawn_task
from linda_bot.whatsapp.port import WhatsAppClient


async def end_engine(client: WhatsAppClient, told_all: Awaitable[None], *, drain_s: float) -> None:
    """End an engine; return when it is gone and `told_all` is done, which it must be soon after.

    Whoever is cancelled meanwhile waits for that all the same, but not for what is being sent.
    """
    try:
        if drain_s > 0:
            await client.stop(drain_s=drain_s)
    finally:
        await _to_the_end(_end(client, told_all))


async def _end(client: WhatsAppClient, told_all: Awaitable[None]) -> None:
    await client.stop()
    await told_all


async def _to_the_end(work: Coroutine[object, object, None]) -> None:
    """Do something to its end, however often the caller is cancelled meanwhile; the cancellation is passed on then."""
    working = spawn_task(work, name="engine's end")
    cancelled = False
    while not working.done():
        try:
            await asyncio.wait({working})
        except asyncio.CancelledError:
            cancelled = True
    working.result()
    if cancelled:
        raise asyncio.CancelledError
