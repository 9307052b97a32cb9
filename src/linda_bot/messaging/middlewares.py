"""Ready-made middlewares, for `router.use(...)`."""

import asyncio
from collections import OrderedDict, deque

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.handlers import CallNext, Middleware, SkipHandler
from linda_bot.messaging.identities import jid_of
from linda_bot.messaging.message import Message

_MOST_SENDERS = 10_000
"""How many senders are remembered; the one not heard of for longest is forgotten first."""


def rate_limit(times: int, per_s: float, *, reply: str = "") -> Middleware:
    """Return a middleware that lets each sender have so many messages handled in any `per_s` seconds.

    What is more is dropped; `reply` is said to it once until the sender has been quiet enough again. A message that is
    handled again, because its handler failed, counts once.
    """
    if times < 1 or not per_s > 0:
        raise UsageError(f"rate_limit needs at least 1 time and more than 0 seconds, not {times} and {per_s}")
    senders: OrderedDict[str, _Allowance] = OrderedDict()

    async def limit(message: Message, call_next: CallNext) -> None:
        who = message.sender_number or message.sender
        allowance = senders.setdefault(who, _Allowance(times, per_s))
        senders.move_to_end(who)
        if len(senders) > _MOST_SENDERS:
            senders.popitem(last=False)
        if allowance.take(f"{message.chat} {message.id}"):
            await call_next()
        elif reply and allowance.warn():
            await message.reply(reply)

    return limit


def allow_only(*numbers: str) -> Middleware:
    """Return a middleware that passes messages of these phone numbers (or JIDs) only; others go to other routers."""
    allowed = frozenset(map(jid_of, numbers))
    if not allowed:
        raise UsageError("allow_only needs at least one phone number, else nobody could use the bot")

    async def check(message: Message, call_next: CallNext) -> None:
        if allowed.isdisjoint(message.sender_ids):
            raise SkipHandler
        await call_next()

    return check


class _Allowance:
    """What one sender may still do."""

    def __init__(self, times: int, per_s: float) -> None:
        self._per_s = per_s
        self._taken: deque[tuple[float, str]] = deque(maxlen=times)
        self._is_warned = False

    def take(self, what: str) -> bool:
        """Return whether one more is allowed now, and count it if so; what was allowed once stays so."""
        if any(what == taken for _, taken in self._taken):
            return True
        now = asyncio.get_running_loop().time()
        if len(self._taken) == self._taken.maxlen and now - self._taken[0][0] < self._per_s:
            return False
        self._taken.append((now, what))  # the oldest makes room
        self._is_warned = False
        return True

    def warn(self) -> bool:
        """Return whether to say so: once until something is allowed again."""
        is_first, self._is_warned = not self._is_warned, True
        return is_first
