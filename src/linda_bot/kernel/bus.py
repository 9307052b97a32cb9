"""The event bus: facts go out, nobody waits."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import Any, Generic, Self, TypeVar

from linda_bot.kernel.events import Event

E = TypeVar("E", bound=Event)

_log = logging.getLogger("linda_bot.bus")


class Subscription(Generic[E]):
    """A bounded, ordered inbox that keeps the newest events when it is full."""

    def __init__(self, kind: type[E] | tuple[type[E], ...], *, name: str, depth: int) -> None:
        self.kind = kind
        self.name = name
        self.dropped = 0
        self._inbox: asyncio.Queue[E] = asyncio.Queue(depth)

    def offer(self, event: Event) -> None:
        """Put an event in, if it is of the wanted kind."""
        if not isinstance(event, self.kind):
            return
        if self._inbox.full():
            self._inbox.get_nowait()
            self.dropped += 1
        self._inbox.put_nowait(event)

    async def next(self) -> E:
        """Wait for the oldest event."""
        return await self._inbox.get()

    async def next_within(self, seconds: float | None) -> E | None:
        """Wait for the oldest event, at most so long; None when none came."""
        try:
            async with asyncio.timeout(seconds):
                return await self._inbox.get()
        except TimeoutError:
            return None

    def pending(self) -> Iterator[E]:
        """Yield what waits, without waiting for more."""
        while not self._inbox.empty():
            yield self._inbox.get_nowait()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        return await self.next()


class EventBus:
    """Hands every event to every subscription that wants its kind."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription[Any]] = []

    @property
    def dropped(self) -> int:
        """How many events the inboxes that are open had to let go of."""
        return sum(subscription.dropped for subscription in self._subscriptions)

    def publish(self, event: Event) -> None:
        """Hand the event to every inbox; never blocks, never raises."""
        for subscription in tuple(self._subscriptions):
            subscription.offer(event)

    @contextmanager
    def subscribe(
        self, kind: type[E] | tuple[type[E], ...], *, name: str, depth: int = 64, first: bool = False
    ) -> Iterator[Subscription[E]]:
        """Open an inbox for this kind of event, or these kinds, and those derived from it.

        Whoever must not miss an event asks for no others: a flood of them would push it out. Who comes `first` is
        woken before the others.
        """
        subscription = Subscription(kind, name=name, depth=depth)
        self._subscriptions.insert(0 if first else len(self._subscriptions), subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)


async def listen(subscription: Subscription[E], receive: Callable[[E], Awaitable[None] | None]) -> None:
    """Hand each event to a callback, for ever; an error of the callback is logged and hurts nobody else."""
    async for event in subscription:
        await deliver(event, receive, subscription.name)


async def deliver(event: E, receive: Callable[[E], Awaitable[None] | None], name: str) -> None:
    """Hand one event to a callback; its error is logged."""
    try:
        result = receive(event)
        if isawaitable(result):
            await result
    except Exception:  # noqa: BLE001 (a subscriber is another room's code)
        _log.exception("the subscriber %s failed on %s", name, type(event).__name__)
