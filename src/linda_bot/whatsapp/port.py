"""The port: what the rest of the house knows of a WhatsApp client."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from linda_bot.kernel.errors import LindaError, TransientError
from linda_bot.kernel.events import Secret
from linda_bot.whatsapp.content import AnyContent
from linda_bot.whatsapp.events import ClientEvent


class LinkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Where a client finds its identity and how it shows itself."""

    store: Path
    """The session store, a SQLite file; made when it is missing."""
    device_name: str = "Linda Bot"
    """Shown on the phone under linked devices; has effect when pairing only."""
    log_level: str = "warning"
    """The least level of the library's own log lines that become `EnginePrinted`."""
    mailbox: Path | None = None
    """Where messages are written down before anything else is done with them; None to hand them over only."""
    most_waiting: int = 100_000
    """How many messages may wait in the mailbox before no more are taken from WhatsApp."""
    receipts: bool = False
    """Whether to be told of receipts. One of a kind that the library does not know ends its event pump."""
    source: Secret = ""
    """What the client library opens instead of the file: the address of a database, with its password."""
    mail: Secret = ""
    """Where messages are written down instead of the file; see `linda_bot.whatsapp.mailbox_database.MailPlace`."""
    right_s: float | None = None
    """For how many seconds the client may be there, unless `extend` gives it more; None for as long as it likes."""


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
        """Yield what happens, in order, up to and including `EngineExited`; for one consumer.

        Messages are among them. A consumer that falls far behind slows the client down; nothing is dropped.
        """

    async def send(
        self, chat: str, content: AnyContent, *, rows: Sequence[int] = (), within_s: float = 120
    ) -> SentMessage:
        """Send something to a JID; raises NotSentError or NoAnswerError, or ClientError when it was refused.

        What becomes of `rows` of the mailbox's outbox is written down there, also when nobody waits any more.
        """

    async def mark_read(self, chat: str, sender: str, ids: Sequence[str], *, within_s: float = 30) -> None:
        """Tell the sender that messages were read; raises ClientError."""

    async def download(self, raw: bytes, path: Path, *, within_s: float = 300) -> None:
        """Write the file of a message to a new file; raises ClientError."""

    async def ping(self, *, within_s: float = 20) -> float:
        """Ask the server for an answer and return how long it took, in seconds.

        Raises NotSentError when there is no connection, NoAnswerError after the deadline.
        """

    async def pair_phone(self, number: str, *, within_s: float = 20) -> str:
        """Ask for a code that the account with this number can type instead of scanning; valid for this QR round.

        Only while QR codes are issued; the newest code counts. Raises ClientError with the server's or the library's
        words.
        """

    async def logout(self, *, within_s: float = 20) -> None:
        """Unlink the device at the server and delete it from the store; raises ClientError."""

    def extend(self, right_s: float) -> None:
        """Let the client be there for so many seconds from now on; harmless where there is none.

        One whose right has ended is gone at once, whatever its daemon does: another host may have begun.
        """

    async def stop(self, *, within_s: float = 3, drain_s: float = 0) -> None:
        """Ask the engine to end, wait, then kill it; return when it is gone; `events` has ended then.

        What it is sending gets up to `drain_s` seconds, on top of the others, to be confirmed first.
        Harmless when repeated, and before `start`.
        """


ClientFactory = Callable[[], WhatsAppClient]
"""Makes a client for the next attempt."""
