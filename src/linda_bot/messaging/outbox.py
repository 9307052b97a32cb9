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
from linda_bot.messaging.joining import join
from linda_bot.messaging.pacing import Pace, hold_s, pause_s
from linda_bot.messaging.store import Draft, Outcome, Parcel, Store
from linda_bot.messaging.turns import Turns
from linda_bot.messaging.verdicts import Verdicts
from linda_bot.whatsapp.content import AnyContent, File
from linda_bot.whatsapp.mailbox import Outbound
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError, WhatsAppClient

_AT_ONCE = 16
"""How many messages of a chat are read from the disk at a time."""
_AFTER_A_REFUSAL_S = 0.25
_LOOK_EVERY_S = 5.0
"""How often the disk is looked at for what came without a word, from another process or too late."""
_SHORTEST_S = 0.001
_REMEMBERED_CHATS = 5000


class Manners(NamedTuple):
    """How the outbox behaves."""

    pace: Pace = Pace()
    expire_s: float = 86400.0
    """After how long a message is not sent any more; 0 for never."""
    repeat_unknown: bool = False
    """Whether what may have arrived is sent once more."""


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
        is_paused: Callable[[], bool] = lambda: False,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._client = client
        self._manners = manners
        self._is_guarded = is_guarded
        self._is_paused = is_paused
        self._chance = chance
        self._owner: str | None = None
        """Whose messages are sent; None before the first login."""
        self._turns = Turns()
        self._serving = ""
        """The chat whose turn it is."""
        self._loaded: dict[str, deque[Parcel]] = {}
        self._heard: OrderedDict[str, float] = OrderedDict()
        self._verdicts = Verdicts(store, bus, repeat_unknown=manners.repeat_unknown)
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

    @property
    def sent(self) -> int:
        """How many messages were sent."""
        return self._verdicts.sent

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

    def offer(self, owner: str, parcels: Sequence[Parcel]) -> None:
        """Say what was just put in, for the first time, so that it need not be read from the disk.

        What waits for their chats already comes first, and is on the disk.
        """
        known = owner == self._owner and self._looked_at > -math.inf
        for chat in dict.fromkeys(parcel.chat for parcel in parcels):
            if known and chat != self._serving and chat not in self._turns and chat not in self._loaded:
                self._loaded[chat] = deque(parcel for parcel in parcels if parcel.chat == chat)
        self.wake(parcel.chat for parcel in parcels)

    async def confirmed(self, key: int) -> str:
        """Wait until a message was sent and return its id at WhatsApp; raises SendError."""
        return await self._verdicts.confirmed(key)

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

    def resume(self, after_s: float) -> None:
        """Go on after a pause of so many seconds, as after an outage: what has piled up must not look like a flood."""
        self._outage_s, self._up_since = after_s, asyncio.get_running_loop().time()
        self._looked_at = -math.inf
        self._wake.set()

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
            await self._verdicts.settle()
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
            holds = self._owner is None or self._is_paused()
            chat, wait_s = (None, math.inf) if holds else self._turns.next(loop.time(), self._hold_s)
            if chat is not None:
                await self._serve(chat)
                continue
            if not self._turns or self._is_paused():
                self._idle.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(max(wait_s, _SHORTEST_S), _LOOK_EVERY_S)):
                    await self._wake.wait()

    async def _look(self, owner: str) -> None:
        """Look at the disk for what nobody has told of."""
        self._looked_at = asyncio.get_running_loop().time()
        self.wake(await self._store.chats(owner))
        await self._verdicts.look()

    def _hold_s(self, chat: str, since: float) -> float:
        if self._is_guarded():
            return 0.0
        now = asyncio.get_running_loop().time()
        heard_at = self._heard.get(chat)
        return hold_s(wanted_for_s=now - since, heard_s_ago=None if heard_at is None else now - heard_at)

    async def _serve(self, chat: str) -> None:
        """Send the first message that waits for a chat, once the link is up, and put the chat behind the others."""
        self._serving = chat
        try:
            was_waiting = await self._send_first(chat)
        finally:
            self._serving = ""
        if was_waiting:
            self.wake([chat])  # there may be more of its messages on the disk
            await asyncio.sleep(self._pause_s())

    async def _send_first(self, chat: str) -> bool:
        """Send the first message that waits for a chat; return whether one did."""
        client = await self._client()
        await self._settled.wait()
        owner, loaded = self._owner or "", self._loaded
        parcels = loaded.pop(chat, None) or deque(await self._store.parcels(owner, chat, _AT_ONCE))
        parcels = await self._without_expired(chat, parcels)
        if not parcels or loaded is not self._loaded:
            self._turns.forgive(chat)
            return False
        # What has waited longer than this process lives tells of an outage, too.
        waited_s = time.time() - parcels[0].created_at - (asyncio.get_running_loop().time() - self._up_since)
        self._outage_s = max(self._outage_s, waited_s)
        if self._is_paused():  # since the chat's turn came; the disk is looked at anew afterwards
            return False
        content, keys = join(parcels)
        if await self._send(client, chat, content, keys):
            self._turns.forgive(chat)
            for _ in keys:
                parcels.popleft()
            if parcels:
                loaded[chat] = parcels
        else:
            self._turns.put_off(chat, asyncio.get_running_loop().time())
        return True

    def _pause_s(self) -> float:
        up_for_s = asyncio.get_running_loop().time() - self._up_since
        return pause_s(self._manners.pace, outage_s=self._outage_s, up_for_s=up_for_s, chance=self._chance())

    async def _without_expired(self, chat: str, parcels: deque[Parcel]) -> deque[Parcel]:
        limit = self._manners.expire_s
        now = time.time()
        old = [parcel.key for parcel in parcels if limit and now - parcel.created_at > limit]
        if not old:
            return parcels
        await self._verdicts.expire(chat, old, after_s=limit)
        self.wake([chat])  # there may be more of its messages on the disk
        return deque(parcel for parcel in parcels if parcel.key not in old)

    async def _send(self, client: WhatsAppClient, chat: str, content: AnyContent, keys: list[int]) -> bool:
        """Send and tell; return whether it is over with these messages, for good or for bad."""
        sending = self._verdicts.given(chat, keys)
        try:
            sent = await client.send(chat, content, rows=keys)
        except NotSentError:
            await asyncio.sleep(_AFTER_A_REFUSAL_S)
            return False
        except NoAnswerError:
            return await self._verdicts.find(sending)
        except ClientError as error:
            self._verdicts.tell(sending, Outcome(Outbound.FAILED, error=str(error)))
        else:
            self._verdicts.tell(sending, Outcome(Outbound.SENT, sent.id))
            if isinstance(content, File):
                await asyncio.to_thread(Path(content.path).unlink, missing_ok=True)
        return True
