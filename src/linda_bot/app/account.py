"""One account's life in this process: from its lock to the end of its engine."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from linda_bot.app.alerting import alerting, check_alerting, left_open, open_alerts
from linda_bot.app.companions import heard
from linda_bot.app.core import Core, build_core, companions
from linda_bot.app.ears import listening
from linda_bot.app.engines import Engines
from linda_bot.app.events import AccountCrashed
from linda_bot.app.health import HealthRoom, Surroundings
from linda_bot.app.household import Household
from linda_bot.app.job import Job
from linda_bot.app.messages import messages
from linda_bot.app.parts import Parts
from linda_bot.app.storage import FileStorage, Storage
from linda_bot.connection.events import LinkStateChanged
from linda_bot.connection.link import Link
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.current import ACCOUNT
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.events import Event
from linda_bot.kernel.files import clear_drafts, make_private_dir
from linda_bot.kernel.tasks import spawn_task
from linda_bot.messaging.loading import load_handlers
from linda_bot.sessions.lock import acquire_lock
from linda_bot.sessions.paths import SessionPaths

if TYPE_CHECKING:  # at the start nothing of it is needed yet
    from linda_bot.app.front import Front
    from linda_bot.eventlog.open import Levels

_FINISH_WITHIN_S = 1.0
_STOP_WITHIN_S = 3.5
_SETTLED_WITHIN_S = 1.0
_LAST_BACKUP_BY_S = 4.0
"""After the signal: the whole end takes no more than five seconds."""


class Account:
    """A bot with a session of its own; lives once.

    It shares a process with others, and with them only what `Household` has: its bus, its engine, its messages, its
    health and its alerts are its own, so that no trouble of one is another's.
    """

    def __init__(
        self,
        job: Job,
        household: Household,
        *,
        bus: EventBus | None = None,
        show: Callable[[Event], None] = lambda _event: None,
        storage: Storage | None = None,
    ) -> None:
        """Describe it; `show` is told every event, `bus` is what they are published on."""
        self.job = job
        self.bus = bus or EventBus()
        self.engines = Engines(job)
        self.front: Front | None = None
        """What it may be asked, once everything is there."""
        self.link: Link | None = None
        """Its link, once that has begun."""
        self._household = household
        self._show = show
        self._storage: Storage = storage or FileStorage(job)
        self.begun = asyncio.Event()
        """Set when the link is there."""
        self._stop = asyncio.Event()
        self._in_a_hurry = False

    @property
    def name(self) -> str:
        """Its number, or `default`."""
        return self.job.settings.account

    def ask_to_stop(self) -> None:
        """Have it end in good order; harmless when repeated. Before the link has begun, cancel `run` instead."""
        self._stop.set()

    def evict(self) -> None:
        """End its engine at once, and then the rest, without a word to anybody: it may not be here any more."""
        self._in_a_hurry = True
        self.engines.kill()
        self._stop.set()

    def tell_of_bug(self, error: Exception) -> None:
        """Say what has ended it, where the others can see it: its own ears are closed by now."""
        trace = "".join(traceback.format_exception(error))
        self._household.bus.publish(AccountCrashed(error=f"{type(error).__name__}: {error}", trace=trace))

    async def run(self) -> ExitCode:
        """Live until asked to stop, or until no retry can help.

        Raises UsageError and SessionHeldError when it cannot begin.
        """
        ACCOUNT.set(self.name)
        job, household = self.job, self._household
        settings, paths = job.settings, job.paths
        loaded = load_handlers(settings.handlers) if settings.handlers else None
        make_private_dir(paths.directory)
        vault = job.open_vault()
        async with AsyncExitStack() as closing:
            lock = await acquire_lock(paths)
            closing.callback(lock.release)
            household.on_locked()
            clear_drafts(paths.directory)
            await closing.enter_async_context(self._storage.opened())
            _keep_worlds_apart(paths, has_session=self._storage.has_session, in_sandbox=job.in_sandbox)
            alerts = check_alerting(job)
            bus, health = self.bus, HealthRoom()
            ears = await closing.enter_async_context(listening(bus, paths, self._show))
            ears.chronicle.take_over(open_alerts(alerts))
            core = build_core(job, self._storage, vault, ears.book, engines=self.engines, bus=bus)
            await closing.enter_async_context(self._followed(core))
            lock.mark_listening()
            closing.push_async_callback(core.session.close)
            company = companions(core, job, ears.book, bus, incident=left_open(alerts, "link"))
            tasks = await closing.enter_async_context(company)
            handling = messages(job, self._storage, loaded, core.link, core.guard, bus=bus, grade=lambda: health.grade)
            talk = await closing.enter_async_context(handling)
            running = spawn_task(core.link.run(), name="link")
            closing.push_async_callback(_end, running)
            parts = Parts(job, bus, ears, core, talk, health, alerts)
            log = await household.log()
            await closing.enter_async_context(log.following(ears.log_lines))
            closing.push(ears.life.close)  # so that the log has it, too
            await _until_settled(core.link, running, self._stop)
            late = await closing.enter_async_context(self._late_parts(parts, log.levels))
            await _until_the_end(running, [*tasks, *talk.tasks, *late], self._stop)
            lock.mark_stopping()
            if running.done():
                return ears.life.gave_up(running.result())
            if self._stop.is_set():  # else something beside the link has failed, which the end of the block tells
                ears.life.asked_to_stop()
            asked_at = asyncio.get_running_loop().time()
            core.link.stop_asked()
            if self._in_a_hurry:
                await _end(running)
                return ExitCode.OK
            await talk.finish(within_s=_FINISH_WITHIN_S)  # answers can be sent for as long as the link is up
            await _end(running)
            took_s = asyncio.get_running_loop().time() - asked_at
            if self._storage.is_backed_up_at_the_end:
                await core.keeper.at_the_end(within_s=max(_LAST_BACKUP_BY_S - took_s, 0.0))
            return ExitCode.OK

    @asynccontextmanager
    async def _followed(self, core: Core) -> AsyncIterator[None]:
        """Have the household follow the link until the end of the block."""
        self.link = core.link
        self.begun.set()
        supervision = self._household.supervision
        supervision.follow(self.name, core.link)

        def take(event: Event) -> None:
            supervision.take(self.name, event)

        try:
            async with heard(self.bus, "supervision", take, LinkStateChanged):
                yield
        finally:
            supervision.forget(self.name)

    @asynccontextmanager
    async def _late_parts(self, parts: Parts, levels: "Levels") -> AsyncIterator[list[asyncio.Task[None]]]:
        """Open what the link does not need; none of the tasks ends of itself: when one does, that is a bug."""
        job, bus, ears = parts.job, parts.bus, parts.ears
        async with AsyncExitStack() as closing:
            telling = await closing.enter_async_context(alerting(job, parts.alerts, ears.alerts, bus, self._stop))
            left = left_open(parts.alerts, "health")
            around = Surroundings(job, parts.talk, parts.core.guard, ears.book, left, levels.lost)
            watching = await closing.enter_async_context(parts.health.watching(around, bus, ears.health))
            self.front = parts.front(levels)
            await closing.enter_async_context(self._household.door(self.front))
            yield [telling, watching]


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
    """Wait for a request to stop, for the link to give up, or for something beside it to fail."""
    asked = spawn_task(stop.wait(), name="stop signal")
    await asyncio.wait({running, asked, *companions}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()


async def _end(running: asyncio.Task[ExitCode]) -> None:
    """Cancel the link and wait until its engine is gone."""
    running.cancel()
    await asyncio.wait({running}, timeout=_STOP_WITHIN_S)


def _keep_worlds_apart(paths: SessionPaths, *, has_session: bool, in_sandbox: bool) -> None:
    """Refuse to take a real session into a sandbox, or the other way round: it would be logged out there."""
    marked = paths.sandbox_mark.exists()
    if has_session and marked is not in_sandbox:
        place, other = ("a sandbox", "WhatsApp") if in_sandbox else ("WhatsApp", "a sandbox")
        message = f"the session in {paths.directory} belongs to {other}, not to {place}; use another --data-dir"
        raise UsageError(message)
    if in_sandbox:
        paths.sandbox_mark.touch(mode=0o600)
    else:
        paths.sandbox_mark.unlink(missing_ok=True)
