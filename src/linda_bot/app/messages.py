"""Everything between the wire and the author's handlers, put together."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from linda_bot.app.companions import beside, heard
from linda_bot.app.job import Job
from linda_bot.app.reload import Reloader
from linda_bot.app.storage import Storage
from linda_bot.connection.events import LinkStateChanged
from linda_bot.connection.guarding import GuardKeeper
from linda_bot.connection.lifecycle import LinkState
from linda_bot.connection.link import Link
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.kernel.tasks import spawn_task
from linda_bot.messaging.blocking import watch_for_blocking
from linda_bot.messaging.bot import Bot
from linda_bot.messaging.builtin import builtin_router
from linda_bot.messaging.events import BotPaused, HookFailed, MailboxTrouble
from linda_bot.messaging.handlers import Hook
from linda_bot.messaging.inbox import Inbox
from linda_bot.messaging.loading import Loaded
from linda_bot.messaging.missing import MissingMessages
from linda_bot.messaging.outbox import Outbox
from linda_bot.messaging.pause import Pause
from linda_bot.messaging.reception import Desk
from linda_bot.messaging.router import Router
from linda_bot.messaging.store import Store
from linda_bot.whatsapp.events import EngineExited, InboxBlocked, MessageReceived, ReceiptReceived

_FIRST_CLEAN_S, _CLEAN_EVERY_S = 300.0, 3600.0
"""Not at the start, which has better to do; soon after it, because some bots never live for an hour."""
_KEEP_ASIDE_S = 30 * 86400.0
_HOOK_WITHIN_S = 10.0
_CANCELLED_WITHIN_S = 1.0
_MOST_RECEIPTS = 100
"""For how many receipts hooks may run at the same time."""


class Messages(NamedTuple):
    """What the rest of the app asks of it."""

    inbox: Inbox
    outbox: Outbox
    store: Store
    pause: Pause
    hooks: "_Hooks"
    tasks: Sequence[asyncio.Task[None]]
    """What never ends of itself; when one of them does, that is a bug."""

    async def finish(self, *, within_s: float) -> None:
        """Let what is being handled end, and what it has to say be sent, while the link is up; the rest is kept."""
        loop = asyncio.get_running_loop()
        end_at = loop.time() + within_s
        await self.inbox.finish(within_s=within_s)
        await self.inbox.close()
        await self.hooks.stop()
        await self.outbox.drain(within_s=max(end_at - loop.time(), 0.0))


@asynccontextmanager
async def messages(
    job: Job,
    storage: Storage,
    loaded: Loaded | None,
    link: Link,
    guard: GuardKeeper,
    *,
    bus: EventBus,
    grade: Callable[[], str | None] = lambda: None,
) -> AsyncIterator[Messages]:
    """Handle and send until the end of the block, with the author's handlers if there are any.

    `grade` says how the bot's health is, if that is known.
    """
    store = storage.mailbox(lambda because: bus.publish(MailboxTrouble(because=because)))
    async with AsyncExitStack() as closing:
        closing.push_async_callback(store.close)
        await store.open()
        pause = Pause(job.paths.pause)
        if pause.since is not None:
            bus.publish(BotPaused(since=pause.since))

        def is_paused() -> bool:
            return pause.is_on

        outbox = Outbox(
            store, guard.client, bus, job.manners_of_sending, is_guarded=guard.is_active, is_paused=is_paused
        )
        desk = Desk(store, outbox, link.client, job.paths.attachments, frozenset(job.settings.owners))
        bot = Bot(desk, lambda: link.number)
        status = _status(link, guard, store, outbox, lambda: inbox, grade=grade)
        builtin = builtin_router(
            job.settings.command_prefix, status, lambda: inbox.routers, owned=bool(job.settings.owners)
        )
        routers = [*([loaded.router] if loaded else []), builtin]
        inbox = Inbox(routers, job.settings.command_prefix, desk, bus, job.handling, is_paused=is_paused)
        hooks = _Hooks(inbox, bot, bus)
        closing.push_async_callback(hooks.stop)
        closing.push_async_callback(inbox.close)  # before the author's shutdown hooks take away what handlers use

        def wake(event: Event) -> None:
            assert isinstance(event, MessageReceived)
            outbox.heard(event.message.chat)
            inbox.wake(event.conversation)

        def take(event: Event) -> None:
            match event:
                case LinkStateChanged(new=LinkState.CONNECTED):
                    outbox.link_up(link.number)
                    hooks.link_up(link.number)
                case LinkStateChanged(old=LinkState.CONNECTED):
                    outbox.link_down()
                case EngineExited():
                    outbox.engine_gone()
                case ReceiptReceived():
                    hooks.receipt(event)
                case InboxBlocked():
                    blocked.set()
                case _:
                    pass

        blocked = asyncio.Event()
        # By itself, so that a flood of messages pushes nothing else out: those are on the disk, the rest is not.
        await closing.enter_async_context(heard(bus, "messages", wake, MessageReceived, first=True))
        await closing.enter_async_context(heard(bus, "receipts", take, ReceiptReceived))
        await closing.enter_async_context(heard(bus, "link", take, LinkStateChanged, EngineExited, InboxBlocked))
        closing.enter_context(watch_for_blocking(bus))
        companions = [
            ("outbox", outbox.run()),
            ("inbox", inbox.run()),
            ("missing messages", MissingMessages(bus).run()),
            ("mailbox check", _check(store, blocked)),
            ("mailbox cleaning", keep_clean(store, desk, job.settings.inbox.keep)),
        ]
        if job.reload and loaded is not None and job.settings.handlers:

            def exchange(router: Router) -> None:
                inbox.routers = (router, builtin)

            companions.append(("reload", Reloader(job.settings.handlers, loaded, exchange, bus).run()))
        tasks = [await closing.enter_async_context(beside(name, work)) for name, work in companions]
        yield Messages(inbox, outbox, store, pause, hooks, tasks)


class _Hooks:
    """Runs what the author wants done before the first message is handled, after the last one, and at receipts."""

    def __init__(self, inbox: Inbox, bot: Bot, bus: EventBus) -> None:
        self._inbox = inbox
        self._bot = bot
        self._bus = bus
        self._starting: asyncio.Task[None] | None = None
        self._receipts: set[asyncio.Task[None]] = set()
        self._stopped = False

    def link_up(self, number: str) -> None:
        """Have messages handled, once the start-up hooks have run; they do so at the first login."""
        if self._starting is None:
            self._starting = spawn_task(self._start(number), name="start-up hooks")
        elif self._starting.done():
            self._inbox.link_up(number)

    def receipt(self, event: ReceiptReceived) -> None:
        """Tell the author of a receipt."""
        hooks = [hook for router in self._inbox.routers for hook in router.receipt_hooks()]
        # In a flood some are not told: receipts are news, and nothing of them is kept.
        if hooks and len(self._receipts) < _MOST_RECEIPTS:
            task = spawn_task(self._run(hooks, event), name="receipt hooks")
            self._receipts.add(task)
            task.add_done_callback(self._receipts.discard)

    async def stop(self) -> None:
        """Run the shutdown hooks, once and only where the start-up hooks have begun; each gets a few seconds."""
        if self._starting is None or self._stopped:
            return
        self._stopped = True
        for task in (self._starting, *self._receipts):
            task.cancel()
        await asyncio.wait({self._starting, *self._receipts}, timeout=_CANCELLED_WITHIN_S)
        await self._run([hook for router in self._inbox.routers for hook in router.shutdown_hooks()], self._bot)

    async def _start(self, number: str) -> None:
        await self._run([hook for router in self._inbox.routers for hook in router.startup_hooks()], self._bot)
        self._inbox.link_up(number)

    async def _run(self, hooks: Sequence[Hook], what: object) -> None:
        for hook in hooks:
            try:
                async with asyncio.timeout(_HOOK_WITHIN_S):
                    await hook(what)
            except Exception as error:  # noqa: BLE001 (a hook is a stranger's code; the bot lives on)
                self._bus.publish(
                    HookFailed(
                        hook=hook.name,
                        error=f"{type(error).__name__}: {error}",
                        trace="".join(traceback.format_exception(error)),
                    )
                )


def _status(
    link: Link,
    guard: GuardKeeper,
    store: Store,
    outbox: Outbox,
    inbox: Callable[[], Inbox],
    *,
    grade: Callable[[], str | None],
) -> Callable[[], Awaitable[str]]:
    async def status() -> str:
        minutes = int(link.connected_for() // 60)
        counts, look = await store.counts(), await guard.refresh()
        health = grade()
        parts = [
            f"{link.state}, for {minutes} min" + (f", {health}" if health else ""),
            f"{inbox().handled} messages handled, {outbox.sent} sent",
            f"{counts.waiting} to handle, {counts.pending} to send",
            f"guard on, {look.caught} lost answers prevented" if look.active else "guard off",
        ]
        parts += [
            f"{count} {word}" for count, word in ((counts.set_aside, "set aside"), (counts.unknown, "unknown")) if count
        ]
        return "; ".join(parts)

    return status


async def _check(store: Store, blocked: asyncio.Event) -> None:
    """Look whether the mailbox is whole whenever the engine cannot write into it."""
    while True:
        await blocked.wait()
        blocked.clear()
        await store.check()


async def keep_clean(store: Store, desk: Desk, keep_s: float) -> None:
    """Forget what was done long ago, now and then, until cancelled."""
    wait_s = _FIRST_CLEAN_S
    while True:
        await asyncio.sleep(wait_s)
        await store.clean_up(keep_s=keep_s, keep_aside_s=max(keep_s, _KEEP_ASIDE_S))
        await desk.sweep()
        wait_s = _CLEAN_EVERY_S
