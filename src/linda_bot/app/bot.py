"""One bot from its start to its end."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TextIO

from linda_bot.app.account import Account
from linda_bot.app.companions import beside
from linda_bot.app.household import Doors, Household
from linda_bot.app.job import Job
from linda_bot.app.supervision import Supervision
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode
from linda_bot.kernel.events import Event
from linda_bot.kernel.signals import process_signals
from linda_bot.kernel.supervisor import Supervisor, keep_watchdog
from linda_bot.kernel.surroundings import watch_network, watch_sleep
from linda_bot.kernel.tasks import spawn_task


async def run_bot(
    job: Job, show: Callable[[Event], None], log_stream: TextIO | None, doors: Doors | None = None
) -> ExitCode:
    """Run a bot until it is asked to stop or no retry can help; `show` is told every event.

    `doors` are the ways in which it can be asked while it runs; they are opened once the link has begun.
    Raises UsageError and SessionHeldError when it cannot begin.
    """
    supervisor, bus = Supervisor.from_environment(os.environ), EventBus()
    supervision = Supervision(supervisor)
    async with Household(job, bus, supervision, doors, log_stream) as household:
        account = Account(job, household, bus=bus, show=show)

        def force() -> None:
            account.engines.kill()
            os._exit(ExitCode.OK)

        async with surroundings(supervisor, household, force) as stop:
            living = spawn_task(account.run(), name="account")
            asked = spawn_task(stop.wait(), name="stop signal")
            try:
                await asyncio.wait({living, asked}, return_when=asyncio.FIRST_COMPLETED)
                if account.link is None:  # it has not begun yet
                    living.cancel()
                account.ask_to_stop()
                return await living
            except asyncio.CancelledError:
                if not living.cancelled():
                    raise
                return ExitCode.OK
            finally:
                asked.cancel()


@asynccontextmanager
async def surroundings(
    supervisor: Supervisor, household: Household, force: Callable[[], None]
) -> AsyncIterator[asyncio.Event]:
    """Heed signals, the network, sleep and the supervisor until the end of the block; yield what the first stop sets.

    `force` ends the process at once: a person has asked twice.
    """
    supervision = household.supervision
    signals = process_signals(on_force=force, on_hint=supervision.reload, on_debug=household.toggle_debugging)
    async with AsyncExitStack() as closing:
        stop = await closing.enter_async_context(signals)
        closing.push_async_callback(supervision.close)
        for name, work in (
            ("network watch", watch_network(supervision.look_around)),
            ("sleep watch", watch_sleep(supervision.look_around)),
            ("watchdog", keep_watchdog(supervisor, supervision.is_alive)),
        ):
            await closing.enter_async_context(beside(name, work))
        yield stop
