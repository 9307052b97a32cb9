"""Which handler a message goes to."""

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.message import Message

Handler = Callable[[Message], Awaitable[None]]


class Route(NamedTuple):
    """A handler that wants a message, and what the message tells it."""

    handler: Handler
    name: str
    arguments: str = ""


class Command(NamedTuple):
    """A handler behind a word."""

    handler: Handler
    help: str


class Router:
    """Collects handlers; the first one that wants a message gets it, commands before the rest."""

    def __init__(self) -> None:
        self.commands: dict[str, Command] = {}
        self._messages: list[Handler] = []

    def command(self, name: str, *, help: str = "") -> Callable[[Handler], Handler]:  # noqa: A002 (argparse's and click's word)
        """Register a handler for messages that begin with the prefix and this name.

        The name is matched without regard to case; the help text is shown by the help command and defaults to the
        first line of the handler's docstring. Raises UsageError for a name with spaces or one that is taken.
        """
        word = name.lower()
        if not word or any(letter.isspace() for letter in word):
            message = f"a command's name is one word, not {name!r}"
            raise UsageError(message)
        if word in self.commands:
            message = f"the command {word!r} has two handlers; rename one of them"
            raise UsageError(message)

        def register(handler: Handler) -> Handler:
            first_line = (handler.__doc__ or "").strip().partition("\n")[0]
            self.commands[word] = Command(handler, help or first_line)
            return handler

        return register

    def message(self) -> Callable[[Handler], Handler]:
        """Register a handler for every message that is no known command."""

        def register(handler: Handler) -> Handler:
            self._messages.append(handler)
            return handler

        return register

    def any_message(self) -> Handler | None:
        """Return the handler for messages that are no command: the one registered first."""
        return self._messages[0] if self._messages else None


def find_route(text: str, prefix: str, routers: Iterable[Router]) -> Route | None:
    """Return who handles a message with this text: a command of any router, else the first general handler."""
    routers = tuple(routers)
    word, arguments = split_command(text, prefix)
    if word:
        for router in routers:
            if word in router.commands:
                return Route(router.commands[word].handler, word, arguments)
    for router in routers:
        handler = router.any_message()
        if handler is not None:
            return Route(handler, getattr(handler, "__name__", "handler"))
    return None


def split_command(text: str, prefix: str) -> tuple[str, str]:
    """Return a command's name in lower case and the rest; two empty texts when it is no command."""
    if not text.startswith(prefix):
        return "", ""
    word, *rest = text.removeprefix(prefix).split(maxsplit=1) or [""]
    return word.lower(), "".join(rest).strip()
