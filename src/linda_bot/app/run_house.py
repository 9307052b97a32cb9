"""A process with several accounts, from its start to its end."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Protocol, TextIO

from linda_bot.app.account import Account
from linda_bot.app.bot import surroundings
from linda_bot.app.companions import heard
from linda_bot.app.house import House
from linda_bot.app.household import Doors, Household
from linda_bot.app.job import Job
from linda_bot.app.supervision import Supervision
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode
from linda_bot.kernel.events import Event
from linda_bot.kernel.files import make_private_dir
from linda_bot.kernel.supervisor import Supervisor
from linda_bot.sessions.lock import acquire_lock
from linda_bot.sessions.paths import HousePaths
from linda_bot.sessions.roll import Roll
from linda_bot.settings.accounts import AccountSettings

_THREADS, _THREADS_AN_ACCOUNT = 6, 2
"""What works on files has threads: enough that a disk which hangs under one account leaves some for the others."""
_MOST_THREADS = 64
_LOG_DEPTH = 2000

Show = Callable[[str, Event], None]
"""Is told every event of an account; the account is empty for what is the process's own."""


class HouseDoors(Doors, Protocol):
    """The ways in which a house and its accounts can be asked."""

    def open_house(self, house: House) -> AbstractAsyncContextManager[None]:
        """Let the house be asked until the end of the block."""


async def run_house(
    settings: AccountSettings, job: Job, show: Show, log_stream: TextIO | None, doors: HouseDoors
) -> ExitCode:
    """Run all accounts until asked to stop; what ends one of them ends no other.

    `job` is that of the process: each account has its own settings in its place. Raises UsageError and SessionHeldError
    when it cannot begin.
    """
    supervisor, bus = Supervisor.from_environment(os.environ), EventBus()
    supervision = Supervision(supervisor)
    ahead = [job.engine]

    def make(name: str, linking: bool) -> Account:  # noqa: FBT001 (see MakeAccount)
        engine, ahead[:] = (ahead[0] if ahead else None), []
        own = job._replace(settings=settings.of(name), engine=engine, can_show_qr=linking)
        return Account(own, household, show=lambda event: show(name, event))

    async with AsyncExitStack() as closing:
        household = await closing.enter_async_context(Household(job, bus, supervision, doors, log_stream))
        paths = HousePaths(settings.shared.data_dir.absolute())
        make_private_dir(paths.directory)
        lock = await acquire_lock(paths)
        closing.callback(lock.release)
        household.on_locked()
        count = len(settings.named)
        threads = min(_THREADS + _THREADS_AN_ACCOUNT * count, _MOST_THREADS)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads, thread_name_prefix="files"))
        house = House(settings.named, Roll(paths), make, bus, at_once=settings.shared.start.at_once)

        def force() -> None:
            house.evict()
            os._exit(ExitCode.OK)

        stop = await closing.enter_async_context(surroundings(supervisor, household, force))
        await closing.enter_async_context(heard(bus, "console", lambda event: show("", event)))
        log_lines = closing.enter_context(bus.subscribe(Event, name="event log", depth=_LOG_DEPTH))
        closing.push_async_callback(house.close)
        house.begin()
        lock.mark_listening()
        log = await household.log()
        await closing.enter_async_context(log.following(log_lines))
        await closing.enter_async_context(doors.open_house(house))
        await stop.wait()
        lock.mark_stopping()
        supervisor.stopping("stopping")
        await house.close()
        return ExitCode.OK
