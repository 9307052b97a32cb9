"""What linda-bot is measured against: the shortest neonize script that connects and echoes.

Usage: bare.py STORE. Prints `ready` when it is connected, after the time that trusting the sandbox took, in seconds:
that part is no neonize script's own and is taken off.
"""

import asyncio
import os
import sys
import time

began = time.perf_counter()
from linda_bot.sandbox.engine import prepare  # noqa: E402 (what comes first is measured)

prepare(os.environ)
trusting_s = time.perf_counter() - began

from neonize.aioze.client import NewAClient  # noqa: E402
from neonize.aioze.events import ConnectedEv, MessageEv  # noqa: E402

client = NewAClient(sys.argv[1])


@client.event(ConnectedEv)  # type: ignore[untyped-decorator]
async def on_connected(_client: NewAClient, _event: ConnectedEv) -> None:
    """Say that the client is active."""
    print(f"ready {trusting_s:.6f}", flush=True)


@client.event(MessageEv)  # type: ignore[untyped-decorator]
async def on_message(echo_client: NewAClient, event: MessageEv) -> None:
    """Answer, as `!ping` is answered."""
    if not event.Info.MessageSource.IsFromMe:
        await echo_client.send_message(event.Info.MessageSource.Chat, "pong")


async def main() -> None:
    """Connect and stay."""
    task = await client.connect()
    await task


asyncio.run(main())
