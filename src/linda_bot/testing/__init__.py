"""The test kit for bot authors: messages of every kind, a bot that gets them, and what it answered.

Everything is imported on first use: the pytest plugin beside this file is loaded in every test run of everybody.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linda_bot.testing import messages
    from linda_bot.testing.answers import Answers, Failure, Sent
    from linda_bot.testing.bot import TestBot
    from linda_bot.testing.people import ANN, BOB, GROUP, ME, Contact
    from linda_bot.testing.protocols import MakeBot, MakeContact, MakeLinkedBot
    from linda_bot.testing.sandbox import LinkedBot, Person, WhatsApp

__all__ = [
    "ANN",
    "BOB",
    "GROUP",
    "ME",
    "Answers",
    "Contact",
    "Failure",
    "LinkedBot",
    "MakeBot",
    "MakeContact",
    "MakeLinkedBot",
    "Person",
    "Sent",
    "TestBot",
    "WhatsApp",
    "messages",
]

_HOMES = {
    "ANN": "people",
    "BOB": "people",
    "GROUP": "people",
    "ME": "people",
    "Answers": "answers",
    "Contact": "people",
    "Failure": "answers",
    "LinkedBot": "sandbox",
    "MakeBot": "protocols",
    "MakeContact": "protocols",
    "MakeLinkedBot": "protocols",
    "Person": "sandbox",
    "Sent": "answers",
    "TestBot": "bot",
    "WhatsApp": "sandbox",
}


if not TYPE_CHECKING:  # else a type checker would believe every name

    def __getattr__(name: str) -> object:
        if name == "messages":
            return import_module("linda_bot.testing.messages")
        if name in _HOMES:
            return getattr(import_module(f"linda_bot.testing.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
