"""What happens to messages, in our words."""

from linda_bot.kernel.events import Event


class MessageHandled(Event, frozen=True, kw_only=True):
    """A handler has finished with a message."""

    id: str
    chat: str
    handler: str
    duration_ms: int


class MessageIgnored(Event, frozen=True, kw_only=True):
    """No handler wanted a message, or it came a second time."""

    id: str
    chat: str
    because: str


class HandlerFailed(Event, frozen=True, kw_only=True):
    """A handler raised; the others go on."""

    id: str
    chat: str
    handler: str
    error: str
    trace: str


class MessageSent(Event, frozen=True, kw_only=True):
    """The server took a message of ours."""

    id: str
    chat: str
    duration_ms: int


class SendFailed(Event, frozen=True, kw_only=True):
    """A message of ours was not taken, or nobody knows."""

    chat: str
    outcome: str
    """`failed`: it was not sent; `unknown`: it may have arrived and is not repeated."""
    error: str
