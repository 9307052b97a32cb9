"""The types of the plugin's fixtures, for tests with type hints."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from linda_bot.messaging.router import Router
from linda_bot.testing.bot import TestBot
from linda_bot.testing.people import Contact

if TYPE_CHECKING:
    from linda_bot.testing.sandbox import LinkedBot, Person  # asks for the extra `sandbox`

__all__ = ["MakeBot", "MakeContact", "MakeLinkedBot"]


class MakeBot(Protocol):
    """The fixture `make_bot`."""

    def __call__(
        self,
        *routers: Router,
        handlers: str | Path | None = None,
        prefix: str = "!",
        owners: Iterable[Contact | str] = (),
        tries: int = 1,
        timeout: float = 120.0,
        pace: float = 0.0,
        backlog_within_s: float | None = None,
    ) -> TestBot:
        """Return a bot with these handlers, which ends with the test."""


class MakeContact(Protocol):
    """The fixture `make_contact`."""

    def __call__(self, number: str, name: str = "") -> "Person":
        """Return a person with a WhatsApp client of their own."""


class MakeLinkedBot(Protocol):
    """The fixture `make_linked_bot`."""

    def __call__(self, handlers: str | Path | None = None, **settings: str) -> "LinkedBot":
        """Return a linked bot that listens; `settings` by their names, such as `LINDA_COMMAND_PREFIX="/"`."""
