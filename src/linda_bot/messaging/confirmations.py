"""Who waits to be told what became of a message."""

import asyncio
from collections.abc import Iterable

from linda_bot.messaging.scene import SendError
from linda_bot.messaging.store import Outcome, Store
from linda_bot.whatsapp.mailbox import Outbound

_WORDS = {Outbound.FAILED: "failed", Outbound.UNKNOWN: "unknown"}


class Confirmations:
    """Those who wait; each is told once it is known, and at once where it is known already."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[int, asyncio.Future[str]] = {}

    @property
    def keys(self) -> tuple[int, ...]:
        """The messages that somebody waits for."""
        return tuple(self._waiting)

    async def of(self, key: int) -> str:
        """Wait until a message was sent and return its id at WhatsApp; raises SendError."""
        answer = self._waiting.get(key)
        if answer is None:
            answer = self._waiting[key] = asyncio.get_running_loop().create_future()
            self.tell(key, await self._store.outcome(key))
        return await asyncio.shield(answer)

    def tell(self, key: int, outcome: Outcome) -> None:
        """Tell what is known of a message; whoever waits for one that is still open goes on waiting."""
        if outcome.state is Outbound.SENT:
            self.resolve([key], outcome.message_id)
        elif outcome.state in _WORDS:
            self.reject([key], _WORDS[outcome.state], outcome.error)

    def resolve(self, keys: Iterable[int], message_id: str) -> None:
        """Tell that messages were sent, as this one."""
        for key in keys:
            answer = self._waiting.pop(key, None)
            if answer is not None:
                answer.set_result(message_id)

    def reject(self, keys: Iterable[int], word: str, error: str) -> None:
        """Tell that messages were not sent, or that nobody knows."""
        for key in keys:
            answer = self._waiting.pop(key, None)
            if answer is not None:
                answer.set_exception(SendError(f"message {word}: {error}"))
                answer.exception()  # nobody may be waiting any more
