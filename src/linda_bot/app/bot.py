"""One bot from its start to its end."""

import asyncio
import importlib
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import TextIO

from linda_bot.app.companions import beside, heard
from linda_bot.app.engines import Engines
from linda_bot.app.job import Job
from linda_bot.app.messages import messages
from linda_bot.app.supervision import Supervision
from linda_bot.connection.entries import enter
from linda_bot.connection.events import LinkStateChanged
from linda_bot.connection.guarding import GuardKeeper
from linda_bot.connection.incidents import IncidentWatch
from linda_bot.connection.keeper import BackupKeeper
from linda_bot.connection.link import Link
from linda_bot.connection.milestones import Milestones
from linda_bot.connection.phone_watch import PhoneWatch
from linda_bot.connection.refresh import Refresher
from linda_bot.connection.restore_watch import RestoreWatch
from linda_bot.connection.session_files import StoredSession
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.events import Event
from linda_bot.kernel.files import clear_drafts, make_private_dir
from linda_bot.kernel.signals import process_signals
from linda_bot.kernel.supervisor import Supervisor, keep_watchdog
from linda_bot.kernel.surroundings import watch_network, watch_sleep
from linda_bot.kernel.tasks import spawn_task
from linda_bot.messaging.loading import load_handlers
from linda_bot.sessions.backup_process import BackupProcess
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.device_status import moment
from linda_bot.sessions.lock import acquire_lock
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.snapshot_job import Job as BackupJob
from linda_bot.sessions.snapshot_job import Outcome
from linda_bot.sessions.vault import Vault

_INBOX_DEPTH = 2000
_FINISH_WITHIN_S = 1.0
_STOP_WITHIN_S = 3.5
_LAST_BACKUP_BY_S = 4.0
"""After the signal: the whole end takes no more than five seconds."""


async def run_bot(job: Job, show: Callable[[Event], None], log_stream: TextIO | None) -> ExitCode:
    """Run a bot until it is asked to stop or no retry can help; `show` is told every event.

    Raises UsageError and SessionHeldError when it cannot begin.
    """
    settings, paths = job.settings, job.paths
    loaded = load_handlers(settings.handlers) if settings.handlers else None
    make_private_dir(paths.directory)
    vault = job.open_vault()
    supervisor = Supervisor.from_environment(os.environ)
    async with AsyncExitStack() as closing:
        lock = await acquire_lock(paths)
        closing.callback(lock.release)
        clear_drafts(paths.directory)
        _keep_worlds_apart(paths, in_sandbox=job.in_sandbox)
        bus = EventBus()
        book = SessionBook(paths)
        closing.push_async_callback(book.close)
        await closing.enter_async_context(heard(bus, "console", show))
        await closing.enter_async_context(heard(bus, "session book", lambda event: enter(book, event)))
        log_lines = closing.enter_context(bus.subscribe(Event, name="event log", depth=_INBOX_DEPTH))
        engines = Engines(job)

        session = StoredSession(paths, book, vault, in_sandbox=job.in_sandbox, manners=job.manners)
        link = Link(job.plan, session, engines.make_client, bus)
        watch = RestoreWatch(paths, bus, link.client)
        guard = GuardKeeper(bus, session.set_guard, session.look_at_guard, watch.client)
        keeper = _keeper(job, vault, bus)
        supervision = Supervision(supervisor, link)
        closing.push_async_callback(supervision.close)
        await closing.enter_async_context(heard(bus, "supervision", supervision.take, LinkStateChanged))
        stop = await closing.enter_async_context(process_signals(on_force=engines.abandon, on_hint=supervision.reload))
        lock.mark_listening()
        closing.push_async_callback(session.close)

        def look_around(because: str) -> None:
            link.hint(because)

        last_seen = moment(book.status.phone_last_seen or book.status.linked_at)
        companions = [
            await closing.enter_async_context(beside(name, work))
            for name, work in (
                ("restore watch", watch.run()),
                ("guard", guard.run()),
                ("session marks", session.keep_marking()),
                ("backups", keeper.run()),
                ("incidents", IncidentWatch(job.incident_patience, bus).run()),
                ("refresh", Refresher(settings.refresh.every, keeper.back_up, link.renew, bus).run()),
                ("milestones", Milestones(bus).run()),
                ("phone watch", PhoneWatch(bus, last_seen=last_seen).run()),
                ("network watch", watch_network(look_around)),
                ("sleep watch", watch_sleep(look_around)),
                ("watchdog", keep_watchdog(supervisor, link.responds)),
            )
        ]
        talk = await closing.enter_async_context(messages(job, loaded, link, guard, bus=bus))
        running = spawn_task(link.run(), name="link")
        closing.push_async_callback(_end, running)
        # The link has begun; what it does not need is imported while the engine connects.
        eventlog = await asyncio.to_thread(importlib.import_module, "linda_bot.eventlog.open")
        await closing.enter_async_context(eventlog.event_log(paths.logs, settings.log, log_lines, log_stream))
        await _until_the_end(running, [*companions, *talk.tasks], stop)
        lock.mark_stopping()
        if running.done():
            return running.result()
        asked_at = asyncio.get_running_loop().time()
        link.stop_asked()
        await talk.finish(within_s=_FINISH_WITHIN_S)  # answers can be sent for as long as the link is up
        await _end(running)
        took_s = asyncio.get_running_loop().time() - asked_at
        await keeper.at_the_end(within_s=max(_LAST_BACKUP_BY_S - took_s, 0.0))
        return ExitCode.OK


async def _until_the_end(
    running: asyncio.Task[ExitCode], companions: Sequence[asyncio.Task[None]], stop: asyncio.Event
) -> None:
    """Wait for a signal, for the link to give up, or for something beside it to fail."""
    asked = spawn_task(stop.wait(), name="stop signal")
    await asyncio.wait({running, asked, *companions}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()


async def _end(running: asyncio.Task[ExitCode]) -> None:
    """Cancel the link and wait until its engine is gone."""
    running.cancel()
    await asyncio.wait({running}, timeout=_STOP_WITHIN_S)


def _keeper(job: Job, vault: Vault | None, bus: EventBus) -> BackupKeeper:
    async def make(reason: str) -> Outcome:
        keys = vault.keys if vault else ()
        paths, keep = job.paths, job.settings.backup.keep
        process = BackupProcess(BackupJob(str(paths.data_dir), paths.account, reason, keep=keep, keys=keys))
        try:
            return await asyncio.to_thread(process.outcome)
        except asyncio.CancelledError:
            process.kill()
            raise

    newest = next(iter(all_backups(job.paths)), None)
    return BackupKeeper(job.backup_timing, make, bus, newest_made_at=newest.manifest.created if newest else None)


def _keep_worlds_apart(paths: SessionPaths, *, in_sandbox: bool) -> None:
    """Refuse to take a real session into a sandbox, or the other way round: it would be logged out there."""
    marked = paths.sandbox_mark.exists()
    if paths.store.exists() and marked is not in_sandbox:
        place, other = ("a sandbox", "WhatsApp") if in_sandbox else ("WhatsApp", "a sandbox")
        message = f"the session in {paths.directory} belongs to {other}, not to {place}; use another --data-dir"
        raise UsageError(message)
    if in_sandbox:
        paths.sandbox_mark.touch(mode=0o600)
    else:
        paths.sandbox_mark.unlink(missing_ok=True)
