"""What stands behind a router's decorators: functions of the bot's author, and what they are for."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.filter_algebra import Filter
from linda_bot.messaging.kinds import WRITTEN
from linda_bot.messaging.message import Message
from linda_bot.messaging.parameters import HandlerFunction, Parameter, check_async, name_of, read_parameters

CallNext = Callable[[], Awaitable[None]]
"""Runs what a middleware stands around: the next middleware, or the handler."""

Middleware = Callable[[Message, CallNext], Awaitable[object]]
"""Stands around the handlers of a router; the handler runs when it awaits `call_next()`."""

ErrorHandler = Callable[[Message, Exception], Awaitable[object]]
"""Deals with a handler's error; it has not when it raises or returns False."""


class SkipHandler(Exception):  # noqa: N818 (a wish, not an error; the name is the one that bot authors know)
    """Raise it in a handler that has not replied, to let the next one have the message."""


class Handler(NamedTuple):
    """A function that wants messages."""

    function: HandlerFunction
    name: str
    kinds: frozenset[str]
    filters: tuple[Filter, ...]
    parameters: tuple[Parameter, ...]
    timeout_s: float | None
    words: tuple[str, ...] = ()
    """The names of a command, the main one first; none for other handlers."""
    help: str | None = None
    """What the help command says of a command; None to keep it a secret."""


class Candidate(NamedTuple):
    """A handler with all that its routers put around it."""

    handler: Handler
    filters: tuple[Filter, ...]
    """Of the routers, from the outermost, and then its own."""
    middlewares: tuple[Middleware, ...] = ()
    """From the outermost."""
    error_handlers: tuple[ErrorHandler, ...] = ()
    """From the nearest."""

    def wants(self, message: Message) -> bool:
        """Return whether a message is of the kind that the handler gets, before the filters."""
        if message.kind not in self.handler.kinds:
            return False
        # What is typed on the account's own phone is for people, and a status update is for everybody.
        unasked = {name for name, holds in (("status", message.is_status), ("from_me", message.from_me)) if holds}
        return unasked <= _asked(self.filters)


class Hook(NamedTuple):
    """What runs when the bot starts or stops."""

    name: str
    function: Callable[..., Awaitable[object]]
    takes_bot: bool

    async def __call__(self, bot: object) -> None:
        """Run it."""
        await (self.function(bot) if self.takes_bot else self.function())


def make_handler(
    function: HandlerFunction,
    *,
    kinds: frozenset[str] | None,
    filters: tuple[Filter, ...],
    timeout_s: float | None,
    words: tuple[str, ...] = (),
    help: str | None = None,  # noqa: A002 (argparse's and click's word)
) -> Handler:
    """Return a handler; without `kinds` it gets what people write, and the kinds that its filters name.

    Raises UsageError for a function that cannot be called as it wants to be.
    """
    if timeout_s is not None and not timeout_s > 0:
        raise UsageError(f"a timeout is a number of seconds above 0, not {timeout_s!r}")
    finds = any(condition.finds for condition in filters)
    parameters = read_parameters(function, is_command=bool(words), finds=finds)
    first_line = (inspect.getdoc(function) or "").partition("\n")[0]
    return Handler(
        function,
        words[0] if words else name_of(function),
        (WRITTEN | _asked(filters)) if kinds is None else kinds,
        filters,
        parameters,
        timeout_s,
        words,
        first_line if help is not None and not help else help,
    )


def make_hook(function: Callable[..., Awaitable[object]]) -> Hook:
    """Return a hook; raises UsageError for a function that is not async or takes more than the bot."""
    check_async(function, "async def on_startup(bot)")
    name = name_of(function)
    try:
        parameters = inspect.signature(function).parameters.values()
    except NameError as error:  # from Python 3.14 on
        raise UsageError(f"{name}: {error}; import it outside of TYPE_CHECKING") from None
    required = [each for each in parameters if each.default is each.empty and each.kind not in _VARIABLE]
    if len(required) > 1 or any(each.kind is each.KEYWORD_ONLY for each in required):
        raise UsageError(f"{name} gets the bot and nothing else; write: async def {name.rpartition('.')[2]}(bot)")
    takes_bot = any(each.kind in _BY_POSITION for each in parameters)
    return Hook(name, function, takes_bot)


_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _asked(filters: Sequence[Filter]) -> frozenset[str]:
    return frozenset().union(*(condition.asks for condition in filters))
