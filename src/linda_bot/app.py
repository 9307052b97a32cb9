"""The composer: builds a bot from its parts, runs it, and takes it apart in order."""

import asyncio
import importlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import NamedTuple, TextIO

from linda_bot.connection.attempt import Patience
from linda_bot.connection.keeper import BackupKeeper, Timing
from linda_bot.connection.link import Link, Plan
from linda_bot.connection.policy import Rules
from linda_bot.connection.restore_watch import RestoreWatch
from linda_bot.connection.session_files import StoredSession, enter
from linda_bot.kernel.bus import EventBus, Subscription, deliver, listen
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.events import Event
from linda_bot.kernel.files import clear_drafts, make_private_dir
from linda_bot.kernel.signals import stop_signals
from linda_bot.kernel.tasks import spawn_task
from linda_bot.messaging.builtin import builtin_router
from linda_bot.messaging.dispatcher import Dispatcher
from linda_bot.messaging.loading import load_router
from linda_bot.messaging.router import Router
from linda_bot.messaging.sending import Sender
from linda_bot.sessions.backup_process import BackupProcess
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.lock import acquire_lock
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.snapshot_job import Job as BackupJob
from linda_bot.sessions.snapshot_job import Outcome
from linda_bot.sessions.vault import Vault, open_vault
from linda_bot.settings import Settings
from linda_bot.whatsapp.adapter import EngineClient
from linda_bot.whatsapp.events import MessageReceived
from linda_bot.whatsapp.spawn import EngineProcess

_FIRST_CODE_S = 60.0
_INBOX_DEPTH = 2000
_FINISH_WITHIN_S = 1.0
_STOP_WITHIN_S = 3.5
_LAST_BACKUP_BY_S = 4.0
"""After the signal: the whole end takes no more than five seconds."""


class Job(NamedTuple):
    """What `run` was asked to do."""

    settings: Settings
    engine_command: Sequence[str]
    engine_environment: dict[str, str]
    engine: EngineProcess | None
    """An engine that was started ahead."""
    can_show_qr: bool = True
    in_sandbox: bool = False


async def run_bot(job: Job, show: Callable[[Event], None], log_stream: TextIO | None) -> ExitCode:
    """Run a bot until it is asked to stop or no retry can help; `show` is told every event.

    Raises UsageError and SessionHeldError when it cannot begin.
    """
    settings = job.settings
    routers = [load_router(settings.handlers)] if settings.handlers else []
    paths = SessionPaths(settings.data_dir.absolute(), settings.account)
    make_private_dir(paths.directory)
    key = settings.backup.key
    vault = open_vault(settings.backup.key_file, key.get_secret_value() if key else None)
    async with AsyncExitStack() as closing:
        lock = await acquire_lock(paths)
        closing.callback(lock.release)
        clear_drafts(paths.directory)
        _keep_worlds_apart(paths, in_sandbox=job.in_sandbox)
        bus = EventBus()
        book = SessionBook(paths)
        closing.push_async_callback(book.close)
        await closing.enter_async_context(_heard(bus, "console", show))
        await closing.enter_async_context(_heard(bus, "session book", lambda event: enter(book, event)))
        log_lines = closing.enter_context(bus.subscribe(Event, name="event log", depth=_INBOX_DEPTH))
        engines = _Engines(job)

        async def take(message: MessageReceived) -> None:
            await dispatcher.take(message)

        session = StoredSession(paths, book, vault, in_sandbox=job.in_sandbox)
        link = Link(_plan(job, paths), session, engines.make_client, bus, take)
        watch = RestoreWatch(paths, bus, link.client)
        keeper = _keeper(settings, paths, vault, bus)
        sender = Sender(watch.client, bus)
        dispatcher = _dispatcher(settings, routers, link, sender, bus)
        closing.push_async_callback(dispatcher.close)
        stop = await closing.enter_async_context(stop_signals(engines.abandon))
        closing.push_async_callback(session.close)
        beside = [
            await closing.enter_async_context(_beside(name, work))
            for name, work in (
                ("restore watch", watch.run()),
                ("session marks", session.keep_marking()),
                ("backups", keeper.run()),
            )
        ]
        running = spawn_task(link.run(), name="link")
        closing.push_async_callback(_end, running)
        # The link has begun; what it does not need is imported while the engine connects.
        eventlog = await asyncio.to_thread(importlib.import_module, "linda_bot.eventlog.open")
        await closing.enter_async_context(eventlog.event_log(paths.logs, settings.log, log_lines, log_stream))
        await _until_the_end(running, beside, stop)
        lock.mark_stopping()
        if running.done():
            return running.result()
        asked_at = asyncio.get_running_loop().time()
        link.stop_asked()
        await dispatcher.finish(within_s=_FINISH_WITHIN_S)  # answers can be sent for as long as the link is up
        await _end(running)
        took_s = asyncio.get_running_loop().time() - asked_at
        await keeper.at_the_end(within_s=max(_LAST_BACKUP_BY_S - took_s, 0.0))
        return ExitCode.OK


async def _until_the_end(
    running: asyncio.Task[ExitCode], beside: Sequence[asyncio.Task[None]], stop: asyncio.Event
) -> None:
    """Wait for a signal, for the link to give up, or for something beside it to fail."""
    asked = spawn_task(stop.wait(), name="stop signal")
    await asyncio.wait({running, asked, *beside}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()


async def _end(running: asyncio.Task[ExitCode]) -> None:
    """Cancel the link and wait until its engine is gone."""
    running.cancel()
    await asyncio.wait({running}, timeout=_STOP_WITHIN_S)


@asynccontextmanager
async def _beside(name: str, work: Coroutine[None, None, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Have something done that ends with the block; its failure is a bug, which the end of the block tells."""
    task = spawn_task(work, name=name)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def _heard(bus: EventBus, name: str, receive: Callable[[Event], None]) -> AsyncIterator[None]:
    """Hand every event to a callback; on exit, what is still waiting too."""
    with bus.subscribe(Event, name=name, depth=_INBOX_DEPTH) as subscription:
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


class _Engines:
    """Makes clients, the first of them from the engine that was started ahead."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._ahead = job.engine
        self._last: EngineClient | None = None

    def make_client(self) -> EngineClient:
        """Return the client for the next attempt."""
        ahead, self._ahead = self._ahead, None
        self._last = EngineClient(self._job.engine_command, self._job.engine_environment, process=ahead)
        return self._last

    def abandon(self) -> None:
        """End everything at once: the person has asked twice."""
        if self._last is not None:
            self._last.kill()
        os._exit(ExitCode.OK)


def _dispatcher(settings: Settings, routers: list[Router], link: Link, sender: Sender, bus: EventBus) -> Dispatcher:
    def status() -> str:
        minutes = int(link.connected_for() // 60)
        return f"{link.state}, for {minutes} min; {dispatcher.handled} messages handled, {sender.sent} sent"

    builtin = builtin_router(settings.command_prefix, status, lambda: (*routers, builtin))
    dispatcher = Dispatcher([*routers, builtin], settings.command_prefix, sender.send_text, bus)
    return dispatcher


def _keeper(settings: Settings, paths: SessionPaths, vault: Vault | None, bus: EventBus) -> BackupKeeper:
    async def make(reason: str) -> Outcome:
        keys = vault.keys if vault else ()
        process = BackupProcess(
            BackupJob(str(paths.data_dir), paths.account, reason, keep=settings.backup.keep, keys=keys)
        )
        try:
            return await asyncio.to_thread(process.outcome)
        except asyncio.CancelledError:
            process.kill()
            raise

    newest = next(iter(all_backups(paths)), None)
    timing = Timing(after_stable=settings.backup.after_stable, every=settings.backup.every)
    return BackupKeeper(timing, make, bus, newest_made_at=newest.manifest.created if newest else None)


def _plan(job: Job, paths: SessionPaths) -> Plan:
    settings = job.settings
    return Plan(
        rules=Rules(
            reconnect_delays=settings.reconnect.delays,
            reconnect_attempts=settings.reconnect.max_attempts,
            cool_down=settings.reconnect.cool_down,
            restore_attempts=settings.restore.attempts,
            restore_delay=settings.restore.delay,
            replaced_wait=settings.replaced.wait,
            qr_rounds=settings.link.qr_rounds,
            can_show_qr=job.can_show_qr,
        ),
        patience=Patience(
            authenticate=settings.restore.auth_timeout,
            first_code=_FIRST_CODE_S,
            grace=settings.reconnect.grace,
            ping_every=settings.keep_alive.every,
            ping_within=settings.keep_alive.timeout,
        ),
        device_name=settings.device_name,
        account=paths.number,
        log_level="info" if settings.log.level == "debug" else "warning",
    )


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
