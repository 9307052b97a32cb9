"""One life of a bot under test, from its start to its end: the daemon's own parts around a mailbox of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor, Future
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.tasks import spawn_task
from linda_bot.messaging.bot import Bot
from linda_bot.messaging.builtin import builtin_router
from linda_bot.messaging.handlers import Hook
from linda_bot.messaging.inbox import Handling, Inbox
from linda_bot.messaging.outbox import Manners, Outbox
from linda_bot.messaging.reception import Desk
from linda_bot.messaging.router import Router
from linda_bot.messaging.store import Store
from linda_bot.testing.clock import close_calendar, open_calendar
from linda_bot.testing.line import Line
from linda_bot.testing.people import ME
from linda_bot.whatsapp.mailbox import Intake

P = ParamSpec("P")
T = TypeVar("T")

_HOOK_WITHIN_S = 10.0
_MOST_WAITING = 100_000


class _Here(Executor):
    """Does the mailbox's work at once and in the loop, so that nothing goes on that the loop does not know of."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do it."""
        done: Future[T] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 (it comes out where it is awaited)
            done.set_exception(error)
        return done


class Setup(NamedTuple):
    """What stays the same from one life to the next."""

    directory: Path
    router: Router
    prefix: str
    owners: frozenset[str]
    handling: Handling
    manners: Manners
    bus: EventBus

    @property
    def mailbox(self) -> Path:
        """Where the messages are kept."""
        return self.directory / "messages.db"


class Life(NamedTuple):
    """What a test needs of it."""

    intake: Intake
    inbox: Inbox
    outbox: Outbox
    bot: Bot
    shutdown_hooks: tuple[Hook, ...]
    tasks: tuple[asyncio.Task[None], ...]
    """They work to the end; one that ends before has an error to tell."""

    async def finish(self, *, within_s: float) -> None:
        """End as `linda-bot run` does after a signal."""
        await self.inbox.finish(within_s=within_s)
        await self.run_shutdown_hooks()
        await self.outbox.drain(within_s=within_s)

    async def run_shutdown_hooks(self) -> None:
        """Run them; the first error comes out."""
        await _run(self.shutdown_hooks, self.bot)


@asynccontextmanager
async def life(setup: Setup, line_on: Callable[[Path], Line]) -> AsyncIterator[Life]:
    """Handle and send until the end of the block; the author's start-up hooks have run."""
    store = Store(setup.mailbox, thread=_Here())
    async with AsyncExitStack() as closing:
        open_calendar()
        closing.callback(close_calendar)
        closing.push_async_callback(store.close)
        await store.open()
        intake = Intake(setup.mailbox, most_waiting=_MOST_WAITING)
        closing.callback(intake.close)
        line = line_on(setup.mailbox)
        closing.callback(line.close)
        outbox = Outbox(store, line.client, setup.bus, setup.manners)
        desk = Desk(store, outbox, line.client, setup.directory / "files", setup.owners)
        bot = Bot(desk, lambda: ME.number)

        async def status() -> str:
            return f"connected; {inbox.handled} messages handled, {outbox.sent} sent"

        builtin = builtin_router(setup.prefix, status, lambda: inbox.routers, owned=bool(setup.owners))
        inbox = Inbox([setup.router, builtin], setup.prefix, desk, setup.bus, setup.handling)
        closing.push_async_callback(inbox.close)
        tasks = _beside(closing, "outbox", outbox.run()), _beside(closing, "inbox", inbox.run())
        outbox.link_up(ME.number)
        await _run(setup.router.startup_hooks(), bot)
        inbox.link_up(ME.number)
        yield Life(intake, inbox, outbox, bot, setup.router.shutdown_hooks(), tasks)


async def _run(hooks: tuple[Hook, ...], what: object) -> None:
    for hook in hooks:
        async with asyncio.timeout(_HOOK_WITHIN_S):
            await hook(what)


def _beside(closing: AsyncExitStack, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = spawn_task(work, name=name)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    closing.push_async_callback(end)
    return task
