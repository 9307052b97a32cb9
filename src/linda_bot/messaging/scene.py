"""What a handler can do beside looking at its message: the way back, and what is remembered."""

from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Protocol

from linda_bot.kernel.errors import LindaError
from linda_bot.whatsapp.content import AnyContent
from linda_bot.whatsapp.events import IncomingMessage


class SendError(LindaError):
    """A message was not sent, or nobody knows whether it was."""


class Outgoing(Protocol):
    """A message on its way; it is kept on disk, so nobody has to wait for it."""

    @property
    def key(self) -> int:
        """Its number in the outbox; 0 until it is kept there, which is when the handler ends or waits."""

    def confirmed(self) -> Awaitable[str]:
        """Wait until WhatsApp has it, and return its id there; raises SendError.

        Also for hours, while the link is down: wait within a timeout of your own where that matters.
        """


class State(dict[str, Any]):
    """What a bot remembers of a chat, across restarts: names and values that JSON has.

    What a handler changes is kept when it ends well, together with its answers; when it fails, nothing of it is.
    """


class Scene(Protocol):
    """What surrounds one message while it is handled."""

    @property
    def owners(self) -> frozenset[str]:
        """The phone numbers of the bot's owners."""

    @property
    def is_backlog(self) -> bool:
        """Whether the message waited while the bot was down."""

    async def say(
        self, chat: str, content: AnyContent, *, file: Path | bytes | None = None, joinable: bool = False
    ) -> Outgoing:
        """Have something sent to a JID; `file` is what a `File` is about. Raises UsageError for a file that is none."""

    async def mark_read(self, message: IncomingMessage) -> None:
        """Tell the sender that the message was read; raises linda_bot.whatsapp.port.ClientError."""

    async def download(self, message: IncomingMessage, to: Path) -> None:
        """Write a message's file to a new file; raises linda_bot.whatsapp.port.ClientError."""

    async def state(self) -> State:
        """Return what is remembered of the message's chat; always the same object while it is handled."""
