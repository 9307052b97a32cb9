"""The link of one bot and what keeps it company."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from linda_bot.app.companions import beside
from linda_bot.app.engines import Engines
from linda_bot.app.job import Job
from linda_bot.app.storage import KeptSession, Storage
from linda_bot.connection.guarding import GuardKeeper
from linda_bot.connection.incidents import IncidentWatch, LeftOpen
from linda_bot.connection.keeper import BackupKeeper
from linda_bot.connection.link import Link
from linda_bot.connection.milestones import Milestones
from linda_bot.connection.phone_watch import PhoneWatch
from linda_bot.connection.refresh import Refresher
from linda_bot.connection.restore_watch import RestoreWatch
from linda_bot.kernel.bus import EventBus
from linda_bot.sessions.backup_process import BackupProcess
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.device_status import moment
from linda_bot.sessions.snapshot_job import Outcome
from linda_bot.sessions.vault import Vault


class Core(NamedTuple):
    """What everything else is built around."""

    session: KeptSession
    link: Link
    watch: RestoreWatch
    guard: GuardKeeper
    keeper: BackupKeeper


def build_core(
    job: Job, storage: Storage, vault: Vault | None, book: SessionBook, *, engines: Engines, bus: EventBus
) -> Core:
    """Put the link together; nothing of it runs yet."""
    session = storage.session(book, vault)
    link = Link(job.plan._replace(complete=storage.complete), session, engines.make_client, bus)
    watch = RestoreWatch(job.paths, bus, link.client)
    guard = GuardKeeper(bus, session.set_guard, session.look_at_guard, watch.client)
    return Core(session, link, watch, guard, _keeper(job, storage, vault, bus))


@asynccontextmanager
async def companions(
    core: Core, job: Job, book: SessionBook, bus: EventBus, *, incident: LeftOpen | None
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Have done what lives beside the link; none of the tasks ends of itself: when one does, that is a bug.

    `incident` is what was open when the last process ended.
    """
    link, keeper = core.link, core.keeper
    last_seen = moment(book.status.phone_last_seen or book.status.linked_at)
    async with AsyncExitStack() as closing:
        yield [
            await closing.enter_async_context(beside(name, work))
            for name, work in (
                ("restore watch", core.watch.run()),
                ("guard", core.guard.run()),
                ("session marks", core.session.keep_marking()),
                ("backups", keeper.run()),
                ("incidents", IncidentWatch(job.incident_patience, bus, incident).run()),
                ("refresh", Refresher(job.settings.refresh.every, keeper.back_up, link.renew, bus).run()),
                ("milestones", Milestones(bus).run()),
                ("phone watch", PhoneWatch(bus, last_seen=last_seen).run()),
            )
        ]


def _keeper(job: Job, storage: Storage, vault: Vault | None, bus: EventBus) -> BackupKeeper:
    async def make(reason: str) -> Outcome:
        process = BackupProcess(storage.backup_job(reason, tuple(vault.keys) if vault else ()))
        try:
            return await asyncio.to_thread(process.outcome)
        except asyncio.CancelledError:
            process.kill()
            raise

    newest = next(iter(all_backups(job.paths)), None)
    return BackupKeeper(job.backup_timing, make, bus, newest_made_at=newest.manifest.created if newest else None)
