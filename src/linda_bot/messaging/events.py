"""What happens to messages, in our words."""

from datetime import datetime

from linda_bot.kernel.events import Category, Event, Severity


class MessageHandled(Event, frozen=True, kw_only=True):
    """A handler has finished with a message; its answers are in the outbox."""

    category = Category.MESSAGE

    id: str
    chat: str
    handler: str
    duration_ms: int
    answers: int = 0


class MessageIgnored(Event, frozen=True, kw_only=True):
    """A message was not handled, and will not be."""

    category = Category.MESSAGE

    id: str
    chat: str
    because: str


class HandlerFailed(Event, frozen=True, kw_only=True):
    """A handler raised or took too long; the others go on."""

    category = Category.MESSAGE
    severity = Severity.ERROR

    id: str
    chat: str
    handler: str
    error: str
    trace: str
    again_in_s: float | None = None
    """When it is tried again; None for no more."""


class MessageSetAside(Event, frozen=True, kw_only=True):
    """A message could not be handled; it is kept for a person to look at, and to have it handled again."""

    category = Category.MESSAGE
    severity = Severity.ERROR

    id: str
    chat: str
    because: str


class HandlerBlocked(Event, frozen=True, kw_only=True):
    """A handler kept the whole bot waiting: it did something slow without `await`."""

    category = Category.MESSAGE
    severity = Severity.WARNING

    handler: str
    for_s: float
    where: str
    """The line of code that it stood in."""


class HookFailed(Event, frozen=True, kw_only=True):
    """A hook of the author's raised; the bot goes on."""

    category = Category.MESSAGE
    severity = Severity.ERROR

    hook: str
    error: str
    trace: str


class MessageSent(Event, frozen=True, kw_only=True):
    """The server took a message of ours."""

    category = Category.MESSAGE

    id: str
    chat: str
    key: int
    """Its number in the outbox."""
    duration_ms: int
    joined: int = 1
    """How many answers were sent as this one message."""


class SendFailed(Event, frozen=True, kw_only=True):
    """A message of ours was not taken, or nobody knows."""

    category = Category.MESSAGE
    severity = Severity.ERROR

    chat: str
    key: int
    outcome: str
    """`failed`: it was not sent; `unknown`: it may have arrived and is not repeated."""
    error: str


class SendExpired(Event, frozen=True, kw_only=True):
    """Messages of ours waited too long and are not sent any more."""

    category = Category.MESSAGE
    severity = Severity.WARNING

    chat: str
    count: int
    after_s: float


class MailboxTrouble(Event, frozen=True, kw_only=True):
    """The file in which messages are kept cannot be used for now, or was damaged."""

    category = Category.MESSAGE
    severity = Severity.ERROR

    because: str


class MessageMissing(Event, frozen=True, kw_only=True):
    """A message that could not be decrypted has not come again: it is lost, or its sender is offline for long."""

    category = Category.MESSAGE
    severity = Severity.WARNING

    id: str
    chat: str
    sender: str
    after_s: float


class HandlersReloaded(Event, frozen=True, kw_only=True):
    """The author's handlers have changed and were loaded anew; the link stays."""

    category = Category.MESSAGE

    source: str


class HandlersKept(Event, frozen=True, kw_only=True):
    """The author's handlers have changed and cannot be loaded; the old ones go on."""

    category = Category.MESSAGE
    severity = Severity.ERROR

    source: str
    error: str


class BotPaused(Event, frozen=True, kw_only=True):
    """A person has paused the bot, now or before this start: nothing is handled or sent, messages are kept."""

    category = Category.MESSAGE
    severity = Severity.WARNING

    since: datetime


class BotResumed(Event, frozen=True, kw_only=True):
    """A person has ended the pause."""

    category = Category.MESSAGE

    after_s: float
    """How long it lasted."""
