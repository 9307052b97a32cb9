"""The inbox at work: in order within a conversation, conversations side by side, each message once by effect."""

import asyncio
import math
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.tasks import spawn_task
from linda_bot.messaging.blocking import HANDLER_TASK
from linda_bot.messaging.events import HandlerFailed, MessageHandled, MessageIgnored, MessageSetAside
from linda_bot.messaging.message import Message
from linda_bot.messaging.reception import Desk, Reception
from linda_bot.messaging.router import Router
from linda_bot.messaging.routing import Plan, resolve
from linda_bot.messaging.store import Waiting
from linda_bot.whatsapp.mailbox import Inbound

T = TypeVar("T")

_AT_ONCE = 16
"""How many messages of a conversation are read from the disk at a time."""
_LOOK_EVERY_S = 5.0
"""How often the disk is looked at for what came without a word, from another process."""
_MOST_BEGUN = 10
"""How often a message may be begun and never ended: it brings the whole bot down."""
_AGAIN_AFTER_S = (1.0, 5.0, 15.0, 60.0)
_CANCELLED_WITHIN_S = 5.0
_CANCELLED_AT_THE_END_WITHIN_S = 1.0


class Handling(NamedTuple):
    """How messages are handled."""

    timeout_s: float = 120.0
    tries: int = 3
    chats_at_once: int = 64
    backlog_within_s: float | None = None
    """How old a message may be that waited while the bot was down; 0 to skip them all, None for no limit."""


class _TooLongError(TimeoutError):
    """A handler took longer than it may."""


class _Place(NamedTuple):
    """Where a message is handled: whose it is, and in which conversation."""

    owner: str
    conversation: str


class Inbox:
    """Works off what the engine has written down."""

    def __init__(
        self,
        routers: Sequence[Router],
        prefix: str,
        desk: Desk,
        bus: EventBus,
        handling: Handling = Handling(),  # noqa: B008 (frozen)
        *,
        is_paused: Callable[[], bool] = lambda: False,
    ) -> None:
        self.routers = tuple(routers)
        """Whose handlers get the messages; may be exchanged at any time."""
        self._prefix = prefix
        self._desk = desk
        self._bus = bus
        self._handling = handling
        self._is_paused = is_paused
        self._owner: str | None = None
        """Whose messages are handled; None before the first login."""
        self._began_at = time.time()
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._busy: set[str] = set()
        self._again: set[str] = set()
        """Conversations that are busy, and in which a message has come since they were looked at."""
        self._resting: dict[str, asyncio.TimerHandle] = {}
        """Conversations in which a handler has failed and will be tried again."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._left_behind: set[asyncio.Task[object]] = set()
        """Handlers that would not be cancelled."""
        self._room = asyncio.Semaphore(handling.chats_at_once)
        self._wake = asyncio.Event()
        self._looked_at = -math.inf
        self._failure: BaseException | None = None
        self._ending = False
        self.handled = 0

    def link_up(self, owner: str) -> None:
        """Handle what was written to this account, which is the one that is linked."""
        if self._owner is None or (owner and owner != self._owner):
            self._owner = owner
            self._looked_at = -math.inf
        self._wake.set()

    def wake(self, conversation: str) -> None:
        """Say that there is a message in a conversation."""
        if conversation in self._resting:
            return  # it is looked at afterwards
        if conversation in self._busy:
            self._again.add(conversation)
        else:
            self._waiting[conversation] = None
            self._wake.set()

    def resume(self) -> None:
        """Go on after a pause, with everything that is on the disk."""
        self._looked_at = -math.inf
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()  # before everything is looked at: what changes meanwhile is looked at once more
            if self._failure is not None:
                raise self._failure
            if self._owner is not None and loop.time() >= self._looked_at + _LOOK_EVERY_S:
                self._looked_at = loop.time()
                for conversation in await self._desk.store.conversations(self._owner):
                    self.wake(conversation)
            if self._owner is None or not self._waiting or self._ending or self._is_paused():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        await self._wake.wait()
                continue
            await self._room.acquire()
            place = _Place(self._owner, self._waiting.popitem(last=False)[0])
            self._busy.add(place.conversation)
            task = spawn_task(self._work_off(place), name="conversation")
            self._tasks.add(task)
            task.add_done_callback(self._has_ended)

    async def finish(self, *, within_s: float) -> None:
        """Begin nothing more, and give what is being handled a moment to end."""
        self._ending = True
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=within_s)

    async def close(self) -> None:
        """Cancel what is being handled; it is handled again at the next start."""
        self._ending = True
        for timer in self._resting.values():
            timer.cancel()
        for task in (*self._tasks, *self._left_behind):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        """Have a bug of ours end the whole: nobody else would notice."""
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._wake.set()

    async def _work_off(self, place: _Place) -> None:
        try:
            while batch := await self._batch(place):
                for waiting, following in zip(batch, (*batch[1:], None), strict=True):
                    if not await self._see_to(waiting, place, following.seq if following else 0):
                        return
                    if not self._goes_on(place):
                        break
        finally:
            self._busy.discard(place.conversation)
            self._room.release()
            if place.conversation in self._again:
                self._again.discard(place.conversation)
                self.wake(place.conversation)

    async def _batch(self, place: _Place) -> list[Waiting]:
        return await self._desk.store.take(*place, _AT_ONCE) if self._goes_on(place) else []

    def _goes_on(self, place: _Place) -> bool:
        return not (self._ending or self._is_paused()) and place.owner == self._owner

    async def _see_to(self, waiting: Waiting, place: _Place, following: int) -> bool:
        """Try to bring a message to its end; return False when it is tried again after a while."""
        incoming = waiting.message
        never_ended = waiting.begun - waiting.failures
        if never_ended >= _MOST_BEGUN:
            await self._set_aside(waiting, place, f"the bot ended {never_ended} times while it was handled", following)
            return True
        is_backlog = incoming.was_waiting or waiting.received_at < self._began_at
        reception = Reception(waiting, place.conversation, place.owner, self._desk, is_backlog=is_backlog)
        plan: Plan | None = None
        started = asyncio.get_running_loop().time()
        try:
            because = self._refusal(waiting, is_backlog=is_backlog)
            if not because:
                plan = await self._in_time(resolve(Message(incoming, reception), self.routers, self._prefix), "filter")
            if plan is not None:
                await self._in_time(plan.run(), plan.name, plan.timeout_s)
            # No handler for our own messages and status updates either, where no filter asks for them.
            is_handled = plan is not None and not plan.is_skipped
            await reception.end(Inbound.HANDLED if is_handled else Inbound.SKIPPED, begin_next=following)
        except asyncio.CancelledError:
            reception.abandon()
            raise
        except Exception as error:  # noqa: BLE001 (a handler is a stranger's code; the bot lives on)
            await reception.withdraw()
            return await self._has_failed(waiting, place, plan, error, following)
        if plan is None or not is_handled:
            self._bus.publish(MessageIgnored(id=incoming.id, chat=incoming.chat, because=because or "no handler"))
            return True
        self.handled += 1
        self._bus.publish(
            MessageHandled(
                id=incoming.id,
                chat=incoming.chat,
                handler=plan.name,
                duration_ms=round((asyncio.get_running_loop().time() - started) * 1000),
                answers=reception.said,
            )
        )
        return True

    def _refusal(self, waiting: Waiting, *, is_backlog: bool) -> str:
        """Return why a message is not to be handled, or nothing; one that was begun is brought to its end."""
        limit = self._handling.backlog_within_s
        if is_backlog and limit is not None and not waiting.begun:
            age_s = (datetime.now(UTC) - waiting.message.sent_at).total_seconds()
            if age_s >= limit:
                return "it waited while the bot was down"
        return ""

    async def _in_time(self, work: Coroutine[Any, Any, T], name: str, timeout_s: float | None = None) -> T:
        """Run an author's code in a task of its own, so that one that will not be cancelled can be left behind."""
        limit = timeout_s or self._handling.timeout_s
        task = spawn_task(work, name=f"{HANDLER_TASK}{name}")
        in_time = False
        try:
            await asyncio.wait({task}, timeout=limit)
            in_time = task.done()
        finally:
            if not task.done():
                task.cancel()
                within_s = _CANCELLED_AT_THE_END_WITHIN_S if self._ending else _CANCELLED_WITHIN_S
                await asyncio.wait({task}, timeout=within_s)
                self._leave_behind(task)
        if not in_time:
            raise _TooLongError(f"it took longer than {limit:g} s and was cancelled")
        if task.cancelled():
            raise RuntimeError("it was cancelled by its own code")
        return task.result()

    def _leave_behind(self, task: asyncio.Task[T]) -> None:
        def forget(ended: asyncio.Task[T]) -> None:
            self._left_behind.discard(ended)
            if not ended.cancelled():
                ended.exception()  # its handling has failed already

        self._left_behind.add(task)
        task.add_done_callback(forget)

    async def _has_failed(
        self, waiting: Waiting, place: _Place, plan: Plan | None, error: Exception, following: int
    ) -> bool:
        """Have the message tried again after a while, or set it aside; nothing overtakes it in its conversation."""
        failures, text = waiting.failures + 1, f"{type(error).__name__}: {error}"
        is_last = failures >= self._handling.tries
        again_in_s = _AGAIN_AFTER_S[min(failures, len(_AGAIN_AFTER_S)) - 1]
        self._bus.publish(
            HandlerFailed(
                id=waiting.message.id,
                chat=waiting.message.chat,
                handler=plan.name if plan else "filter",
                error=str(error) if isinstance(error, _TooLongError) else text,
                trace="".join(traceback.format_exception(error)),
                again_in_s=None if is_last else again_in_s,
            )
        )
        if is_last:
            await self._set_aside(waiting, place, f"its handler failed {_times(failures)}", following, text)
            return True
        await self._desk.store.fail(waiting.seq, text)
        loop = asyncio.get_running_loop()
        self._resting[place.conversation] = loop.call_later(again_in_s, self._has_rested, place.conversation)
        return False

    def _has_rested(self, conversation: str) -> None:
        del self._resting[conversation]
        self.wake(conversation)

    async def _set_aside(self, waiting: Waiting, place: _Place, because: str, following: int, error: str = "") -> None:
        kept = f"{because}: {error}" if error else because
        await self._desk.store.finish(place.owner, waiting.seq, Inbound.SET_ASIDE, error=kept, begin_next=following)
        self._bus.publish(MessageSetAside(id=waiting.message.id, chat=waiting.message.chat, because=because))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
