"""Messages that could not be decrypted: they are waited for, then reported."""

import asyncio
from collections import OrderedDict

from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.events import Event
from linda_bot.messaging.events import MessageMissing
from linda_bot.whatsapp.events import MessageReceived, MessageRepeated, MessageUndecryptable

_WAIT_S = 300.0
"""The sender's phone must be online to send a message once more."""
_AT_MOST = 5000
_DEPTH = 5000
_KINDS: tuple[type[Event], ...] = (MessageUndecryptable, MessageReceived, MessageRepeated)


class MissingMessages:
    """Remembers what could not be decrypted until it has come again, which is the usual case."""

    def __init__(self, bus: EventBus, *, wait_s: float = _WAIT_S) -> None:
        self._bus = bus
        self._wait_s = wait_s
        self._missing: OrderedDict[tuple[str, str], tuple[float, MessageUndecryptable]] = OrderedDict()

    async def run(self) -> None:
        """Follow the events until cancelled."""
        with self._bus.subscribe(_KINDS, name="missing messages", depth=_DEPTH) as events:
            while True:
                await self._follow(events)

    async def _follow(self, events: Subscription[Event]) -> None:
        loop = asyncio.get_running_loop()
        first = next(iter(self._missing.values()), None)
        event = await events.next_within(None if first is None else max(first[0] - loop.time(), 0.0))
        match event:
            case MessageUndecryptable(id=message_id, chat=chat):
                # Each comes twice: the library asks for it once more, then with keys of its own.
                self._missing.setdefault((chat, message_id), (loop.time() + self._wait_s, event))
                if len(self._missing) > _AT_MOST:
                    self._report(*self._missing.popitem(last=False)[1])
            case MessageReceived(message=message):
                for chat in (message.chat, message.chat_alt):
                    self._missing.pop((chat, message.id), None)
            case MessageRepeated(id=message_id, chat=chat):
                self._missing.pop((chat, message_id), None)
            case _:
                pass
        while self._missing and next(iter(self._missing.values()))[0] <= loop.time():
            self._report(*self._missing.popitem(last=False)[1])

    def _report(self, _: float, event: MessageUndecryptable) -> None:
        self._bus.publish(MessageMissing(id=event.id, chat=event.chat, sender=event.sender, after_s=self._wait_s))
