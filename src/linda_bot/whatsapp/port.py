"""The port: what the rest of the house knows of a WhatsApp client."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from linda_bot.kernel.errors import LindaError, TransientError
from linda_bot.whatsapp.events import ClientEvent, MessageReceived


class LinkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Where a client finds its identity and how it shows itself."""

    store: Path
    """The session store, a SQLite file; made when it is missing."""
    device_name: str = "Linda Bot"
    """Shown on the phone under linked devices; has effect when pairing only."""
    log_level: str = "warning"
    """The least level of the library's own log lines that become `EnginePrinted`."""


class SentMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What the server said of a message it took."""

    id: str
    at: datetime


class ClientError(LindaError):
    """A request to the client failed; nothing is known of its effect unless a subclass says so."""


class NotSentError(ClientError, TransientError):
    """The request provably had no effect; the same call may succeed later."""


class NoAnswerError(ClientError):
    """The deadline passed or the engine died first; the request may have had its effect."""


class WhatsAppClient(Protocol):
    """One connection attempt. An instance is started once and not used again after it has ended."""

    async def start(self, request: LinkRequest) -> None:
        """Begin to connect (or to pair, if the store has no device); the outcome comes as events.

        Raises ClientError when the engine cannot start; its text says what to do.
        """

    def events(self) -> AsyncIterator[ClientEvent]:
        """Yield what happens to the link, in order, up to and including `EngineExited`; for one consumer.

        Messages are not among them: they come through `messages`.
        """

    def messages(self) -> AsyncIterator[MessageReceived]:
        """Yield the messages in order, until the engine has ended; for one consumer.

        A message counts as taken when the next one is asked for. The client holds back when many are not taken, so a
        slow consumer slows the client down and nothing is dropped.
        """

    async def send_text(self, chat: str, text: str, *, within_s: float = 120) -> SentMessage:
        """Send a text to a JID; raises NotSentError or NoAnswerError."""

    async def ping(self, *, within_s: float = 20) -> float:
        """Ask the server for an answer and return how long it took, in seconds.

        Raises NotSentError when there is no connection, NoAnswerError after the deadline.
        """

    async def pair_phone(self, number: str, *, within_s: float = 20) -> str:
        """Ask for a code that the account with this number can type instead of scanning; valid for this QR round.

        Only while QR codes are issued, once a round. Raises ClientError with the server's or the library's words.
        """

    async def logout(self, *, within_s: float = 20) -> None:
        """Unlink the device at the server and delete it from the store; raises ClientError."""

    async def stop(self, *, within_s: float = 3, drain_s: float = 0) -> None:
        """Ask the engine to end, wait, then kill it; return when it is gone; `events` has ended then.

        What it is sending gets up to `drain_s` seconds, on top of the others, to be confirmed first.
        Harmless when repeated, and before `start`.
        """


ClientFactory = Callable[[], WhatsAppClient]
"""Makes a client for the next attempt."""
