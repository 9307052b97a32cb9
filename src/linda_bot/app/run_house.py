"""A process with several accounts, from its start to its end."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from linda_bot.app.account import Account
from linda_bot.app.bot import surroundings
from linda_bot.app.companions import heard
from linda_bot.app.house import House
from linda_bot.app.house_alarm import HouseAlerts
from linda_bot.app.household import Doors, Household
from linda_bot.app.job import Job
from linda_bot.app.resident import MakeAccount
from linda_bot.app.storage import FileStorage
from linda_bot.app.supervision import Supervision
from linda_bot.fleet.events import FleetRecovered
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode
from linda_bot.kernel.events import Event
from linda_bot.kernel.files import make_private_dir
from linda_bot.kernel.supervisor import Supervisor
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sessions.lock import acquire_lock
from linda_bot.sessions.paths import HousePaths
from linda_bot.sessions.roll import Roll
from linda_bot.settings import Settings
from linda_bot.settings.accounts import AccountSettings
from linda_bot.whatsapp.spawn import end_if_ours

if TYPE_CHECKING:
    from linda_bot.app.run_fleet import Fleet

_THREADS = 64
"""At most, for what works on files: enough that a disk which hangs under one account leaves some for the others."""
_LOG_DEPTH = 2000
_BACK = "the database can be used again"

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
    if settings.shared.store is not None and job.engine is not None:
        end_if_ours(job.engine)  # who knows when an account comes here
        ahead = []

    def make(name: str, linking: bool) -> Account:  # noqa: FBT001 (see MakeAccount)
        engine, ahead[:] = (ahead[0] if ahead else None), []
        own = job._replace(settings=settings.of(name), engine=engine, can_show_qr=linking)
        storage = FileStorage(own) if fleet is None else fleet.storage(own)
        return Account(own, household, show=lambda event: show(name, event), storage=storage)

    async with AsyncExitStack() as closing:
        household = await closing.enter_async_context(Household(job, bus, supervision, doors, log_stream))
        paths = HousePaths(settings.shared.data_dir.absolute())
        make_private_dir(paths.directory)
        lock = await acquire_lock(paths)
        closing.callback(lock.release)
        household.on_locked()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="files"))
        fleet = None if settings.shared.store is None else _fleet(settings.shared, paths, bus)
        house = _house(settings, paths, make, bus) if fleet is None else fleet.house_of(settings, make)

        def force() -> None:
            house.evict()
            os._exit(ExitCode.OK)

        stop = await closing.enter_async_context(surroundings(supervisor, household, force))
        await closing.enter_async_context(heard(bus, "console", lambda event: show("", event)))
        log_lines = closing.enter_context(bus.subscribe(Event, name="event log", depth=_LOG_DEPTH))
        alerts = HouseAlerts(job, bus, stop)
        waiting = await closing.enter_async_context(alerts.watching())
        closing.push_async_callback(house.close)
        lock.mark_listening()
        taking_part: asyncio.Task[None] | None = None
        if fleet is None:
            house.begin()
        log = await household.log()
        await closing.enter_async_context(log.following(log_lines))
        if fleet is not None:
            # A link that waits for the database waits for longer each time, as it does for WhatsApp.
            back = heard(bus, "fleet hints", lambda _: supervision.look_around(_BACK), FleetRecovered)
            await closing.enter_async_context(back)
            taking_part = await closing.enter_async_context(fleet.taking_part())
        await closing.enter_async_context(doors.open_house(house))
        desk = await closing.enter_async_context(alerts.telling(waiting))
        supervision.begun()
        await _until_stopped(stop, desk, taking_part)
        lock.mark_stopping()
        supervisor.stopping("stopping")
        if taking_part is None:
            await house.close()
        elif taking_part.done():
            taking_part.result()  # which says why this host cannot take part any more
        return ExitCode.OK


def _house(settings: AccountSettings, paths: HousePaths, make: MakeAccount, bus: EventBus) -> House:
    return House(settings.named, Roll(paths), make, bus, at_once=settings.shared.start.at_once)


def _fleet(settings: Settings, paths: HousePaths, bus: EventBus) -> "Fleet":
    from linda_bot.app.run_fleet import Fleet  # accounts in files do not pay for it

    return Fleet(settings, paths, bus)


async def _until_stopped(stop: asyncio.Event, *others: asyncio.Task[None] | None) -> None:
    """Wait for a signal, or until something ends that does not end by itself."""
    asked = spawn_task(stop.wait(), name="stop signal")
    waited: set[asyncio.Task[Any]] = {asked, *(each for each in others if each is not None)}
    try:
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
