"""What became of each message that was given to a client: found out, and told once."""

import asyncio
from collections.abc import Sequence

from linda_bot.kernel.bus import EventBus
from linda_bot.messaging.confirmations import Confirmations
from linda_bot.messaging.events import MessageSent, SendExpired, SendFailed
from linda_bot.messaging.store import Outcome, Store
from linda_bot.whatsapp.mailbox import Outbound

_ENDED = "the engine ended while it was being sent"
_EXPIRED = "it waited too long"


class Sending:
    """A message that a client has, and the rows of the outbox that it is made of."""

    def __init__(self, chat: str, keys: Sequence[int]) -> None:
        self.chat = chat
        self.keys = tuple(keys)
        self.began_at = asyncio.get_running_loop().time()
        self.is_told = False
        """Whether it was told what became of it."""


class Verdicts:
    """The engine writes down what becomes of a message; here it is read where the client did not say it."""

    def __init__(self, store: Store, bus: EventBus, *, repeat_unknown: bool) -> None:
        self._store = store
        self._bus = bus
        self._repeat_unknown = repeat_unknown
        self._confirmations = Confirmations(store)
        self._current: Sending | None = None
        self._doubtful: list[Sending] = []
        """What was not answered in time by an engine that lives: it may still write down what became of it."""
        self._judging = asyncio.Lock()
        """Held from looking at what became of messages until that is told: else two might tell it."""
        self.sent = 0

    async def confirmed(self, key: int) -> str:
        """Wait until a message was sent and return its id at WhatsApp; raises SendError."""
        return await self._confirmations.of(key)

    def given(self, chat: str, keys: Sequence[int]) -> Sending:
        """Note that a client is given a message now."""
        self._current = Sending(chat, keys)
        return self._current

    def tell(self, sending: Sending, outcome: Outcome) -> None:
        """Tell what became of a message; nothing where it is still open."""
        match outcome.state:
            case Outbound.SENT:
                self.sent += 1
                self._confirmations.resolve(sending.keys, outcome.message_id)
                took_s = asyncio.get_running_loop().time() - sending.began_at
                self._bus.publish(
                    MessageSent(
                        id=outcome.message_id,
                        chat=sending.chat,
                        key=sending.keys[0],
                        duration_ms=round(took_s * 1000),
                        joined=len(sending.keys),
                    )
                )
            case Outbound.UNKNOWN | Outbound.FAILED:
                self._fail(sending.keys, sending.chat, outcome.state.name.lower(), outcome.error)
            case _:
                return
        sending.is_told = True

    async def find(self, sending: Sending) -> bool:
        """Look at what the engine has written down before it fell silent; return False when it is to be sent again."""
        async with self._judging:
            outcome = await self._store.outcome(sending.keys[0])
            if outcome.state is Outbound.PENDING:
                return False
            if sending.is_told:
                return True
            may_repeat = outcome.state is Outbound.UNKNOWN and self._repeat_unknown
            if may_repeat and await self._store.repeat_once(sending.keys):
                return False
            if outcome.state is Outbound.SENDING:  # it has not given up, or is just ending
                self._doubtful.append(sending)
            self.tell(sending, outcome)
        return True

    async def settle(self) -> None:
        """Decide on what an engine that is gone was just sending."""
        async with self._judging:
            for key, chat in await self._store.settle(repeat=self._repeat_unknown):
                sending = self._sending_of(key)
                if sending is None:  # of the run before
                    self._fail([key], chat, "unknown", _ENDED)
                elif not sending.is_told:
                    self.tell(sending, Outcome(Outbound.UNKNOWN, error=_ENDED))

    async def look(self) -> None:
        """Look for what was written down late, or by somebody else."""
        async with self._judging:
            doubtful = [sending.keys[0] for sending in self._doubtful]
            outcomes = await self._store.outcomes({*self._confirmations.keys, *doubtful})
            for sending in self._doubtful:
                if not sending.is_told:
                    self.tell(sending, outcomes[sending.keys[0]])
            self._doubtful = [each for each in self._doubtful if outcomes[each.keys[0]].state is Outbound.SENDING]
            for key, outcome in outcomes.items():
                self._confirmations.tell(key, outcome)

    async def expire(self, chat: str, keys: Sequence[int], *, after_s: float) -> None:
        """Give up messages that waited too long."""
        await self._store.give_up(keys, _EXPIRED)
        self._confirmations.reject(keys, "failed", _EXPIRED)
        self._bus.publish(SendExpired(chat=chat, count=len(keys), after_s=after_s))

    def _sending_of(self, key: int) -> Sending | None:
        given = (self._current, *self._doubtful)
        return next((sending for sending in given if sending is not None and key in sending.keys), None)

    def _fail(self, keys: Sequence[int], chat: str, outcome: str, error: str) -> None:
        self._confirmations.reject(keys, outcome, error)
        self._bus.publish(SendFailed(chat=chat, key=keys[0], outcome=outcome, error=error))
