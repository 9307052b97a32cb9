"""What linda-bot is measured against: the shortest neonize script that connects and echoes.

Usage: bare.py STORE [SECONDS]; each answer waits for up to so many seconds. Prints `ready` when it is connected, after
the time that trusting the sandbox took, in seconds: that part is no neonize script's own and is taken off.
"""

import asyncio
import os
import random
import sys
import time

began = time.perf_counter()
from linda_bot.sandbox.engine import prepare  # noqa: E402 (what comes first is measured)

prepare(os.environ)
trusting_s = time.perf_counter() - began

from neonize.aioze.client import NewAClient  # noqa: E402
from neonize.aioze.events import ConnectedEv, MessageEv  # noqa: E402

client = NewAClient(sys.argv[1])
longest_wait_s = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0


@client.event(ConnectedEv)  # type: ignore[untyped-decorator]
async def on_connected(_client: NewAClient, _event: ConnectedEv) -> None:
    """Say that the client is active."""
    print(f"ready {trusting_s:.6f}", flush=True)


@client.event(MessageEv)  # type: ignore[untyped-decorator]
async def on_message(echo_client: NewAClient, event: MessageEv) -> None:
    """Say the same."""
    if not event.Info.MessageSource.IsFromMe:
        if longest_wait_s:
            await asyncio.sleep(random.uniform(0, longest_wait_s))
        text = event.Message.conversation or event.Message.extendedTextMessage.text
        await echo_client.send_message(event.Info.MessageSource.Chat, text)


async def main() -> None:
    """Connect and stay."""
    task = await client.connect()
    await task


asyncio.run(main())
