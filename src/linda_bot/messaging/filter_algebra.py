"""Conditions on messages and how they combine: `&`, `|` and `~`."""

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import NoReturn

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.message import Message

Verdict = bool | re.Match[str]
"""Whether a message passes; what a regular expression found counts as yes."""

Predicate = Callable[[Message], Verdict | Awaitable[Verdict | None] | None]
"""A plain function of a bot's author that can be used as a filter, `def` or `async def`."""


class Filter:
    """A condition on messages; combine it with others and with plain functions: `private & ~text("hi")`."""

    asks: frozenset[str] = frozenset()
    """What it asks for by name and handlers do not get unasked: kinds of messages, `status`, `from_me`."""

    finds: bool = False
    """Whether a message that passes has always been matched by a regular expression."""

    async def check(self, message: Message) -> Verdict:
        """Return whether a message passes."""
        raise NotImplementedError

    async def admits(self, message: Message) -> bool | None:
        """Return whether a sender may, in this chat; None when that hangs on what the message contains."""
        return bool(await self.check(message))

    def __and__(self, other: "FilterLike") -> "Filter":
        return _Both(self, as_filter(other))

    def __rand__(self, other: Predicate) -> "Filter":
        return _Both(as_filter(other), self)

    def __or__(self, other: "FilterLike") -> "Filter":
        return _Either(self, as_filter(other))

    def __ror__(self, other: Predicate) -> "Filter":
        return _Either(as_filter(other), self)

    def __invert__(self) -> "Filter":
        return _Not(self)

    def __bool__(self) -> NoReturn:
        raise UsageError(
            f"a filter ({self}) is neither true nor false: combine filters with &, | and ~, not with words"
        )


FilterLike = Filter | Predicate


class Condition(Filter):
    """A condition that a function decides."""

    def __init__(
        self,
        test: Predicate,
        shown: str,
        *,
        asks: frozenset[str] = frozenset(),
        finds: bool = False,
        of_content: bool = False,
    ) -> None:
        self._test = test
        self._shown = shown
        self._of_content = of_content
        self.asks = asks
        self.finds = finds

    def __repr__(self) -> str:
        return self._shown

    async def check(self, message: Message) -> Verdict:
        """Ask the function."""
        verdict = self._test(message)
        if inspect.isawaitable(verdict):
            verdict = await verdict
        return verdict if isinstance(verdict, re.Match) else bool(verdict)

    async def admits(self, message: Message) -> bool | None:
        """Leave open what another message of the same sender would change."""
        return None if self._of_content else await super().admits(message)


class _Both(Filter):
    def __init__(self, first: Filter, second: Filter) -> None:
        self._parts = (first, second)
        self.asks = first.asks | second.asks
        self.finds = first.finds or second.finds

    def __repr__(self) -> str:
        return " & ".join(f"({part})" if isinstance(part, _Either) else repr(part) for part in self._parts)

    async def check(self, message: Message) -> Verdict:
        return await passed(self._parts, message)

    async def admits(self, message: Message) -> bool | None:
        verdicts = [await part.admits(message) for part in self._parts]
        if False in verdicts:
            return False
        return None if None in verdicts else True


class _Either(Filter):
    def __init__(self, first: Filter, second: Filter) -> None:
        self._parts = (first, second)
        self.asks = first.asks | second.asks
        self.finds = first.finds and second.finds

    def __repr__(self) -> str:
        return " | ".join(map(repr, self._parts))

    async def check(self, message: Message) -> Verdict:
        first, second = self._parts
        return await first.check(message) or await second.check(message)

    async def admits(self, message: Message) -> bool | None:
        verdicts = [await part.admits(message) for part in self._parts]
        if True in verdicts:
            return True
        return None if None in verdicts else False


class _Not(Filter):
    def __init__(self, inner: Filter) -> None:
        self._inner = inner

    def __repr__(self) -> str:
        return f"~{self._inner}" if isinstance(self._inner, Condition | _Not) else f"~({self._inner})"

    async def check(self, message: Message) -> Verdict:
        return not await self._inner.check(message)

    async def admits(self, message: Message) -> bool | None:
        verdict = await self._inner.admits(message)
        return None if verdict is None else not verdict


def as_filter(condition: FilterLike) -> Filter:
    """Return a filter for what an author uses as one; raises UsageError when it cannot be one."""
    if isinstance(condition, Filter):
        return condition
    name = getattr(condition, "__qualname__", type(condition).__name__)
    if getattr(condition, "__module__", "") == "linda_bot.messaging.filters":
        raise UsageError(f"filters.{name} needs its brackets: filters.{name}(...)")
    if not callable(condition):
        raise UsageError(f"{condition!r:.60} is no filter; use linda_bot.filters, or a function from message to bool")
    return Condition(condition, name)


async def passed(conditions: tuple[Filter, ...], message: Message) -> Verdict:
    """Return whether a message passes all of some filters: the first match, if one of them finds one."""
    found: Verdict = True
    for condition in conditions:
        verdict = await condition.check(message)
        if not verdict:
            return False
        if found is True:
            found = verdict
    return found


async def admitted(conditions: tuple[Filter, ...], message: Message) -> bool:
    """Return whether no filter keeps the sender out, whatever else the message would have to contain."""
    for condition in conditions:
        if await condition.admits(message) is False:
            return False
    return True
