"""What is said of messages."""

from typing import Any

import pytest

from linda_bot.cli.message_story import message_line
from linda_bot.connection.events import GuardSet, GuardWithdrawn
from linda_bot.kernel.events import Event
from linda_bot.messaging.events import (
    HandlerBlocked,
    HandlerFailed,
    HandlersKept,
    HookFailed,
    MailboxTrouble,
    MessageHandled,
    MessageMissing,
    MessageSetAside,
    SendExpired,
    SendFailed,
)
from linda_bot.whatsapp.events import InboxBlocked, InboxUnblocked

EVIL = "\x1b[31m\nevil"
MESSAGE: dict[str, Any] = {"id": "A", "chat": "1@lid"}
FAILED: dict[str, Any] = {**MESSAGE, "handler": "echo", "error": EVIL, "trace": ""}


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (HandlerFailed(**FAILED), ["echo", "trace in the log"]),
        (HandlerFailed(**FAILED, again_in_s=5), ["tried again in 5 s"]),
        (MessageSetAside(**MESSAGE, because=EVIL), ["linda-bot inbox"]),
        (HandlerBlocked(handler="echo", for_s=3, where="/b.py:3"), ["echo", "3 s", "/b.py:3", "await"]),
        (HookFailed(hook="hello", error=EVIL, trace=""), ["hello"]),
        (SendFailed(chat="1@lid", key=1, outcome="unknown", error=EVIL), ["Nobody knows", "linda-bot outbox"]),
        (SendFailed(chat="1@lid", key=1, outcome="failed", error=EVIL), ["not sent", "linda-bot outbox"]),
        (SendExpired(chat="1@lid", count=1, after_s=86400), ["A message", "1 day"]),
        (SendExpired(chat="1@lid", count=3, after_s=86400), ["3 messages"]),
        (MessageMissing(**MESSAGE, sender="1@lid", after_s=300), ["could not be read"]),
        (MailboxTrouble(because=EVIL), ["evil"]),
        (InboxBlocked(because="no space"), ["No space"]),
        (InboxUnblocked(), ["again"]),
        (GuardWithdrawn(because=EVIL), ["quiet"]),
        (HandlersKept(source="b.py", error=EVIL), ["old handlers"]),
    ],
)
def test_what_a_person_should_know_is_one_harmless_line(event: Event, words: list[str]) -> None:
    """With what to do, and without what could steer the terminal."""
    line = message_line(event)

    assert line is not None
    assert [word for word in words if word not in line.text] == []
    assert not {"\x1b", "\n"} & set(line.text)


@pytest.mark.parametrize("event", [MessageHandled(**MESSAGE, handler="h", duration_ms=1), GuardSet()])
def test_of_what_is_as_it_should_be_nothing_is_said(event: Event) -> None:
    """A screen that is full of good news is read by nobody."""
    assert message_line(event) is None
