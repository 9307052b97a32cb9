"""The outbox at work: one message after the other, the chats in turn, through whichever client is up."""

import asyncio
import math
import random
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from linda_bot.kernel.bus import EventBus
from linda_bot.messaging.confirmations import Confirmations
from linda_bot.messaging.events import MessageSent, SendExpired, SendFailed
from linda_bot.messaging.joining import join
from linda_bot.messaging.pacing import Pace, hold_s, pause_s
from linda_bot.messaging.store import Draft, Outcome, Parcel, Store
from linda_bot.messaging.turns import Turns
from linda_bot.whatsapp.content import AnyContent, File
from linda_bot.whatsapp.mailbox import Outbound
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError, WhatsAppClient

_AT_ONCE = 16
"""How many messages of a chat are read from the disk at a time."""
_AFTER_A_REFUSAL_S = 0.25
_LOOK_EVERY_S = 5.0
"""How often the disk is looked at for what came without a word, from another process or too late."""
_REMEMBERED_CHATS = 5000
_ENDED = "the engine ended while it was being sent"


class Manners(NamedTuple):
    """How the outbox behaves."""

    pace: Pace = Pace()
    expire_s: float = 86400.0
    """After how long a message is not sent any more; 0 for never."""
    repeat_unknown: bool = False
    """Whether what may have arrived is sent once more."""


class _Sending:
    """A message that the client has, and the rows of the outbox that it is made of."""

    def __init__(self, chat: str, keys: Sequence[int]) -> None:
        self.chat = chat
        self.keys = tuple(keys)
        self.began_at = asyncio.get_running_loop().time()
        self.is_told = False
        """Whether it was told what became of it."""


class Outbox:
    """Sends what is in the mailbox. What becomes of each message is written down by the engine that sends it."""

    def __init__(
        self,
        store: Store,
        client: Callable[[], Awaitable[WhatsAppClient]],
        bus: EventBus,
        manners: Manners = Manners(),  # noqa: B008 (frozen)
        *,
        is_guarded: Callable[[], bool] = lambda: True,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._client = client
        self._bus = bus
        self._manners = manners
        self._is_guarded = is_guarded
        self._chance = chance
        self._owner: str | None = None
        """Whose messages are sent; None before the first login."""
        self._turns = Turns()
        self._loaded: dict[str, deque[Parcel]] = {}
        self._heard: OrderedDict[str, float] = OrderedDict()
        self._confirmations = Confirmations(store)
        self._current: _Sending | None = None
        self._doubtful: list[_Sending] = []
        """What was not answered in time by an engine that lives: it may still write down what became of it."""
        self._judging = asyncio.Lock()
        """Held from looking at what became of messages until that is told: else two might tell it."""
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        """Whether nothing is to be sent, as far as is known."""
        self._engine_gone = asyncio.Event()
        self._engine_gone.set()  # the one of the run before
        self._settled = asyncio.Event()
        self._looked_at = -math.inf
        self._down_since: float | None = None
        self._outage_s = 0.0
        """For how long nothing could be sent before the link came up."""
        self._up_since = 0.0
        self.sent = 0

    async def put(self, drafts: Sequence[Draft]) -> list[int]:
        """Keep messages, to be sent as soon as it may be; return their keys."""
        keys = await self._store.put(self._owner or "", drafts)
        self.wake(draft.chat for draft in drafts)
        return keys

    def wake(self, chats: Iterable[str]) -> None:
        """Say that something was put in for these chats."""
        now = asyncio.get_running_loop().time()
        for chat in chats:
            self._turns.want(chat, now)
            self._idle.clear()
        self._wake.set()

    async def confirmed(self, key: int) -> str:
        """Wait until a message was sent and return its id at WhatsApp; raises SendError."""
        return await self._confirmations.of(key)

    # What happens to the link.

    def link_up(self, owner: str) -> None:
        """Send what waits: the account that is linked is this one."""
        now = asyncio.get_running_loop().time()
        self._outage_s = now - self._down_since if self._down_since is not None else 0.0
        self._down_since, self._up_since = None, now
        self._turns.forgive_all()
        if self._owner is None or (owner and owner != self._owner):
            self._owner = owner
            self._turns.clear()
            self._loaded = {}  # another one: what is being sent just now is put back into the old one
            self._looked_at = -math.inf
        self._wake.set()

    def link_down(self) -> None:
        """Remember since when nothing could be sent."""
        if self._down_since is None:
            self._down_since = asyncio.get_running_loop().time()

    def engine_gone(self) -> None:
        """Decide on what it was just sending, before anything else is sent."""
        self._settled.clear()
        self._engine_gone.set()

    def heard(self, chat: str) -> None:
        """Note that a contact has just written."""
        self._heard[chat] = asyncio.get_running_loop().time()
        self._heard.move_to_end(chat)
        if len(self._heard) > _REMEMBERED_CHATS:
            self._heard.popitem(last=False)

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._settle(), name="outbox settling")
            group.create_task(self._send_all(), name="outbox sending")

    async def drain(self, *, within_s: float) -> None:
        """Wait until everything was sent, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._idle.wait()

    async def _settle(self) -> None:
        """Say what became of that which an engine was sending when it ended; also while no link is up."""
        while True:
            await self._engine_gone.wait()
            self._engine_gone.clear()
            async with self._judging:
                for key, chat in await self._store.settle(repeat=self._manners.repeat_unknown):
                    sending = self._sending_of(key)
                    if sending is None:  # of the run before
                        self._fail([key], chat, "unknown", _ENDED)
                    elif not sending.is_told:
                        self._tell(sending, Outcome(Outbound.UNKNOWN, error=_ENDED))
            if not self._engine_gone.is_set():
                self._settled.set()
            self._looked_at = -math.inf  # with what is to be repeated, and what it has ended without a word
            self._wake.set()

    async def _send_all(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()  # before everything is looked at: what changes meanwhile is looked at once more
            if self._owner is not None and loop.time() >= self._looked_at + _LOOK_EVERY_S:
                await self._look(self._owner)
            chat, wait_s = (None, math.inf) if self._owner is None else self._turns.next(loop.time(), self._hold_s)
            if chat is not None:
                await self._serve(chat)
                continue
            if not self._turns:
                self._idle.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(wait_s, _LOOK_EVERY_S)):
                    await self._wake.wait()

    async def _look(self, owner: str) -> None:
        """Look at the disk for what nobody has told of."""
        self._looked_at = asyncio.get_running_loop().time()
        self.wake(await self._store.chats(owner))
        async with self._judging:
            doubtful = [sending.keys[0] for sending in self._doubtful]
            outcomes = await self._store.outcomes({*self._confirmations.keys, *doubtful})
            for sending in self._doubtful:
                if not sending.is_told:
                    self._tell(sending, outcomes[sending.keys[0]])
            self._doubtful = [each for each in self._doubtful if outcomes[each.keys[0]].state is Outbound.SENDING]
            for key, outcome in outcomes.items():
                self._confirmations.tell(key, outcome)

    def _sending_of(self, key: int) -> _Sending | None:
        given = (self._current, *self._doubtful)
        return next((sending for sending in given if sending is not None and key in sending.keys), None)

    def _hold_s(self, chat: str, since: float) -> float:
        if self._is_guarded():
            return 0.0
        now = asyncio.get_running_loop().time()
        heard_at = self._heard.get(chat)
        return hold_s(wanted_for_s=now - since, heard_s_ago=None if heard_at is None else now - heard_at)

    async def _serve(self, chat: str) -> None:
        """Send the first message that waits for a chat, once the link is up, and put the chat behind the others."""
        client = await self._client()
        await self._settled.wait()
        owner, loaded = self._owner or "", self._loaded
        parcels = loaded.pop(chat, None) or deque(await self._store.parcels(owner, chat, _AT_ONCE))
        parcels = await self._without_expired(chat, parcels)
        if not parcels or loaded is not self._loaded:
            return
        # What has waited longer than this process lives tells of an outage, too.
        waited_s = time.time() - parcels[0].created_at - (asyncio.get_running_loop().time() - self._up_since)
        self._outage_s = max(self._outage_s, waited_s)
        content, keys = join(parcels)
        if await self._send(client, chat, content, keys):
            self._turns.forgive(chat)
            for _ in keys:
                parcels.popleft()
            if parcels:
                loaded[chat] = parcels
        else:
            self._turns.put_off(chat, asyncio.get_running_loop().time())
        self.wake([chat])  # there may be more of its messages on the disk
        await asyncio.sleep(self._pause_s())

    def _pause_s(self) -> float:
        up_for_s = asyncio.get_running_loop().time() - self._up_since
        return pause_s(self._manners.pace, outage_s=self._outage_s, up_for_s=up_for_s, chance=self._chance())

    async def _without_expired(self, chat: str, parcels: deque[Parcel]) -> deque[Parcel]:
        limit = self._manners.expire_s
        now = time.time()
        old = [parcel.key for parcel in parcels if limit and now - parcel.created_at > limit]
        if not old:
            return parcels
        await self._store.give_up(old, "it waited too long")
        self._confirmations.reject(old, "failed", "it waited too long")
        self._bus.publish(SendExpired(chat=chat, count=len(old), after_s=limit))
        self.wake([chat])  # there may be more of its messages on the disk
        return deque(parcel for parcel in parcels if parcel.key not in old)

    async def _send(self, client: WhatsAppClient, chat: str, content: AnyContent, keys: list[int]) -> bool:
        """Send and tell; return whether it is over with these messages, for good or for bad."""
        self._current = sending = _Sending(chat, keys)
        try:
            sent = await client.send(chat, content, rows=keys)
        except NotSentError:
            await asyncio.sleep(_AFTER_A_REFUSAL_S)
            return False
        except NoAnswerError:
            return await self._without_answer(sending)
        except ClientError as error:
            self._tell(sending, Outcome(Outbound.FAILED, error=str(error)))
        else:
            self._tell(sending, Outcome(Outbound.SENT, sent.id))
            if isinstance(content, File):
                await asyncio.to_thread(Path(content.path).unlink, missing_ok=True)
        return True

    async def _without_answer(self, sending: _Sending) -> bool:
        """Look at what the engine has written down before it fell silent."""
        async with self._judging:
            outcome = await self._store.outcome(sending.keys[0])
            if outcome.state is Outbound.PENDING:
                return False
            if sending.is_told:
                return True
            may_repeat = outcome.state is Outbound.UNKNOWN and self._manners.repeat_unknown
            if may_repeat and await self._store.repeat_once(sending.keys):
                return False
            if outcome.state is Outbound.SENDING:  # it has not given up, or is just ending
                self._doubtful.append(sending)
            self._tell(sending, outcome)
        return True

    def _tell(self, sending: _Sending, outcome: Outcome) -> None:
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

    def _fail(self, keys: Sequence[int], chat: str, outcome: str, error: str) -> None:
        self._confirmations.reject(keys, outcome, error)
        self._bus.publish(SendFailed(chat=chat, key=keys[0], outcome=outcome, error=error))
