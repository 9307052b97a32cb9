"""Collecting the handlers of a bot's author."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.filter_algebra import FilterLike, as_filter
from linda_bot.messaging.handlers import Candidate, ErrorHandler, Handler, Hook, Middleware, make_handler, make_hook
from linda_bot.messaging.kinds import checked_kinds
from linda_bot.messaging.parameters import HandlerFunction, check_async

H = TypeVar("H", bound=HandlerFunction)
M = TypeVar("M", bound=Middleware)
E = TypeVar("E", bound=ErrorHandler)
S = TypeVar("S", bound=Callable[..., Awaitable[object]])


class Router:
    """Collects handlers; the first registered one that wants a message gets it, commands before the rest.

    A message must pass the router's own filters before any of its handlers is asked.
    """

    def __init__(self, *filters: FilterLike) -> None:
        self._filters = tuple(as_filter(condition) for condition in filters)
        self._entries: list[Handler | Router] = []
        self._words: dict[str, Handler] = {}
        self._middlewares: list[Middleware] = []
        self._error_handlers: list[ErrorHandler] = []
        self._startup: list[Hook] = []
        self._shutdown: list[Hook] = []
        self._receipt: list[Hook] = []
        self._unfinished: list[str] = []

    @property
    def commands(self) -> dict[str, Handler]:
        """The router's own commands, by all their names."""
        return dict(self._words)

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Decorators of this and the included routers that never got a function, as they were written."""
        inner = (each.unfinished for each in self._entries if isinstance(each, Router))
        return tuple(self._unfinished) + tuple(text for texts in inner for text in texts)

    def command(
        self,
        name: str,
        *aliases_and_filters: str | FilterLike,
        help: str | None = "",  # noqa: A002 (argparse's and click's word)
        timeout: float | None = None,
    ) -> Callable[[H], H]:
        """Register a handler for messages that begin with the prefix and this name, or one of its aliases.

        What follows is given to the handler's further arguments, by their types; `*, text: str` gets the rest of the
        line. The name is matched without regard to case. The help text defaults to the first line of the handler's
        docstring; with `help=None` the help command does not list it. `timeout` is in seconds.
        Raises UsageError for a name with spaces or one that is taken.
        """
        words = (name, *(each for each in aliases_and_filters if isinstance(each, str)))
        filters = tuple(as_filter(each) for each in aliases_and_filters if not isinstance(each, str))
        names = tuple(dict.fromkeys(map(_checked_word, words)))
        for word in names:
            if word in self._words:
                raise UsageError(f"the command {word!r} has two handlers; rename one of them")
        unfinished = self._begin(f"router.command({name!r})")

        def register(function: H) -> H:
            handler = make_handler(function, kinds=None, filters=filters, timeout_s=timeout, words=names, help=help)
            self._words.update(dict.fromkeys(names, handler))
            self._entries.append(handler)
            self._finish(unfinished)
            return function

        return register

    def message(
        self, *filters: FilterLike, kinds: str | Iterable[str] | None = None, timeout: float | None = None
    ) -> Callable[[H], H]:
        """Register a handler for messages that pass the filters and are no known command.

        Without `kinds` it gets what people write or send: never a reaction, an edit, a deletion, a vote, a call or an
        unknown kind, unless a filter asks for it. `timeout` is in seconds.
        """
        asked = None if kinds is None else checked_kinds(kinds)
        return self._on("message", asked, filters, timeout)

    def reaction(self, *filters: FilterLike, timeout: float | None = None) -> Callable[[H], H]:
        """Register a handler for emojis put beside a message (`message.emoji`, `message.target`) or taken back."""
        return self._on("reaction", frozenset({"reaction"}), filters, timeout)

    def edit(self, *filters: FilterLike, timeout: float | None = None) -> Callable[[H], H]:
        """Register a handler for edited messages: `message.text` is new, `message.target` the old one's id."""
        return self._on("edit", frozenset({"edit"}), filters, timeout)

    def delete(self, *filters: FilterLike, timeout: float | None = None) -> Callable[[H], H]:
        """Register a handler for messages that were taken back (`message.target`)."""
        return self._on("delete", frozenset({"delete"}), filters, timeout)

    def poll_vote(self, *filters: FilterLike, timeout: float | None = None) -> Callable[[H], H]:
        """Register a handler for votes in a poll (`message.target`)."""
        return self._on("poll_vote", frozenset({"poll_vote"}), filters, timeout)

    def call(self, *filters: FilterLike, timeout: float | None = None) -> Callable[[H], H]:
        """Register a handler for calls."""
        return self._on("call", frozenset({"call"}), filters, timeout)

    def include(self, router: "Router") -> None:
        """Have another router asked, at this place in the order; what is around this one's handlers is around its too.

        Raises UsageError when one of them would be in itself, or in it twice.
        """
        if not isinstance(router, Router):
            raise UsageError(f"include() takes a Router, not {router!r:.60}")
        if self in router.family():
            raise UsageError("a router cannot include itself, not by way of others either")
        if router in self.family():
            raise UsageError("this router is included already; include it once")
        self._entries.append(router)

    def middleware(self, function: M) -> M:
        """Put an `async def around(message, call_next)` around the handlers; the first one is the outermost."""
        self.use(function)
        return function

    def use(self, middleware: Middleware) -> None:
        """Put a ready-made middleware, such as linda_bot.rate_limit(...), around the handlers."""
        check_async(middleware, "async def around(message, call_next)")
        self._middlewares.append(middleware)

    def error(self, function: E) -> E:
        """Have an `async def on_error(message, error)` deal with handlers' errors; it has not if it returns False."""
        check_async(function, "async def on_error(message, error)")
        self._error_handlers.append(function)
        return function

    def on_startup(self, function: S) -> S:
        """Have an `async def` run, with the bot if it takes an argument, before the first message is handled."""
        self._startup.append(make_hook(function))
        return function

    def on_shutdown(self, function: S) -> S:
        """Have an `async def` run, with the bot if it takes an argument, after the last message was handled."""
        self._shutdown.append(make_hook(function))
        return function

    def on_receipt(self, function: S) -> S:
        """Have an `async def` run for every receipt, with its `ReceiptReceived`; needs LINDA_OUTBOX__RECEIPTS=true."""
        self._receipt.append(make_hook(function))
        return function

    def startup_hooks(self) -> tuple[Hook, ...]:
        """Return what runs at the start, of this and the included routers."""
        return tuple(hook for router in self.family() for hook in router._startup)  # noqa: SLF001 (its own class)

    def shutdown_hooks(self) -> tuple[Hook, ...]:
        """Return what runs at the end, of this and the included routers: the other way round than at the start."""
        return tuple(hook for router in self.family() for hook in router._shutdown)[::-1]  # noqa: SLF001 (its own class)

    def receipt_hooks(self) -> tuple[Hook, ...]:
        """Return what runs at receipts, of this and the included routers."""
        return tuple(hook for router in self.family() for hook in router._receipt)  # noqa: SLF001 (its own class)

    def family(self) -> Iterator["Router"]:
        """Yield this router and all that are included, in order."""
        yield self
        for entry in self._entries:
            if isinstance(entry, Router):
                yield from entry.family()

    def candidates(self) -> Iterator[Candidate]:
        """Yield all handlers in the order in which they are asked, with what is around them."""
        for entry in self._entries:
            inner = entry.candidates() if isinstance(entry, Router) else (Candidate(entry, entry.filters),)
            for handler, filters, middlewares, error_handlers in inner:
                yield Candidate(
                    handler,
                    self._filters + filters,
                    (*self._middlewares, *middlewares),
                    (*error_handlers, *self._error_handlers),
                )

    def _on(
        self, name: str, kinds: frozenset[str] | None, filters: tuple[FilterLike, ...], timeout: float | None
    ) -> Callable[[H], H]:
        conditions = tuple(as_filter(condition) for condition in filters)
        unfinished = self._begin(f"router.{name}({', '.join(map(repr, conditions))})")

        def register(function: H) -> H:
            self._entries.append(make_handler(function, kinds=kinds, filters=conditions, timeout_s=timeout))
            self._finish(unfinished)
            return function

        return register

    def _begin(self, decorator: str) -> str:
        self._unfinished.append(decorator)
        return decorator

    def _finish(self, decorator: str) -> None:
        if decorator in self._unfinished:
            self._unfinished.remove(decorator)


def _checked_word(name: str) -> str:
    if callable(name):
        raise UsageError('a command needs its name in brackets; write: @router.command("name")')
    if not name or any(letter.isspace() for letter in name):
        raise UsageError(f"a command's name is one word, not {name!r:.60}")
    return name.lower()
