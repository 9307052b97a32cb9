"""One bot from its start to its end."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import TextIO

from linda_bot.app.alerting import check_alerting, left_open, open_alerts
from linda_bot.app.companions import heard
from linda_bot.app.core import build_core, companions
from linda_bot.app.ears import listening
from linda_bot.app.engines import Engines
from linda_bot.app.health import HealthRoom
from linda_bot.app.job import Job
from linda_bot.app.late_parts import Debugging, Doors, Parts, late_parts, open_log
from linda_bot.app.messages import messages
from linda_bot.app.supervision import Supervision
from linda_bot.connection.events import LinkStateChanged
from linda_bot.connection.link import Link
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.events import Event
from linda_bot.kernel.files import clear_drafts, make_private_dir
from linda_bot.kernel.signals import process_signals
from linda_bot.kernel.supervisor import Supervisor
from linda_bot.kernel.tasks import spawn_task
from linda_bot.messaging.loading import load_handlers
from linda_bot.sessions.lock import acquire_lock
from linda_bot.sessions.paths import SessionPaths

_FINISH_WITHIN_S = 1.0
_STOP_WITHIN_S = 3.5
_SETTLED_WITHIN_S = 1.0
_LAST_BACKUP_BY_S = 4.0
"""After the signal: the whole end takes no more than five seconds."""


async def run_bot(
    job: Job, show: Callable[[Event], None], log_stream: TextIO | None, doors: Doors | None = None
) -> ExitCode:
    """Run a bot until it is asked to stop or no retry can help; `show` is told every event.

    `doors` are the ways in which it can be asked while it runs; they are opened once the link has begun.
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
        if doors is not None:
            doors.take_places()  # not before: a bot that is just ending has them still
            closing.callback(doors.give_up_places)
        clear_drafts(paths.directory)
        _keep_worlds_apart(paths, in_sandbox=job.in_sandbox)
        alerts = check_alerting(job)
        bus, engines, health, debugging = EventBus(), Engines(job), HealthRoom(), Debugging()
        ears = await closing.enter_async_context(listening(bus, paths, show))
        ears.chronicle.take_over(open_alerts(alerts))
        core = build_core(job, vault, ears.book, engines, bus)
        supervision = Supervision(supervisor, core.link)
        closing.push_async_callback(supervision.close)
        await closing.enter_async_context(heard(bus, "supervision", supervision.take, LinkStateChanged))
        signals = process_signals(on_force=engines.abandon, on_hint=supervision.reload, on_debug=debugging.toggle)
        stop = await closing.enter_async_context(signals)
        lock.mark_listening()
        closing.push_async_callback(core.session.close)
        company = companions(core, job, ears.book, supervisor, bus, incident=left_open(alerts, "link"))
        tasks = await closing.enter_async_context(company)
        handling = messages(job, loaded, core.link, core.guard, bus=bus, grade=lambda: health.grade)
        talk = await closing.enter_async_context(handling)
        running = spawn_task(core.link.run(), name="link")
        closing.push_async_callback(_end, running)
        parts = Parts(job, bus, ears, core, talk, health, alerts, debugging, stop)
        levels = await closing.enter_async_context(open_log(parts, log_stream))
        await _until_settled(core.link, running, stop)
        late = await closing.enter_async_context(late_parts(parts, levels, doors))
        await _until_the_end(running, [*tasks, *talk.tasks, *late], stop)
        lock.mark_stopping()
        if running.done():
            return ears.life.gave_up(running.result())
        if stop.is_set():  # else something beside the link has failed, which the end of the block tells
            ears.life.asked_to_stop()
        asked_at = asyncio.get_running_loop().time()
        core.link.stop_asked()
        await talk.finish(within_s=_FINISH_WITHIN_S)  # answers can be sent for as long as the link is up
        await _end(running)
        took_s = asyncio.get_running_loop().time() - asked_at
        await core.keeper.at_the_end(within_s=max(_LAST_BACKUP_BY_S - took_s, 0.0))
        return ExitCode.OK


async def _until_settled(link: Link, running: asyncio.Task[ExitCode], stop: asyncio.Event) -> None:
    """Leave the processor to the first attempt: what is loaded beside it would make a restart slower by a tenth."""
    settled = spawn_task(link.outcome(), name="first outcome")
    asked = spawn_task(stop.wait(), name="early stop signal")
    await asyncio.wait({running, settled, asked}, timeout=_SETTLED_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
    settled.cancel()
    asked.cancel()


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
