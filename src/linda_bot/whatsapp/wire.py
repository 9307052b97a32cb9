"""What daemon and engine say to each other: typed messages in frames of a 4-byte big-endian length and msgpack."""

import struct
from datetime import datetime

import msgspec

from linda_bot.kernel.events import Secret
from linda_bot.whatsapp.content import AnyContent
from linda_bot.whatsapp.events import ClientEvent

FRAME_HEADER = struct.Struct(">I")
MAX_FRAME_BYTES = 64 * 1024 * 1024
"""A longer frame is a fault, not a message."""


class Request(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something the daemon asks; answered once, by a reply with the same id."""

    id: int


class Connect(Request, frozen=True, kw_only=True):
    """Open the store and connect; `Done` says only that it has begun."""

    store: str
    lock: str
    device_name: str
    log_level: str
    mailbox: str = ""
    """Where messages are written down; empty to hand them over only."""
    most_waiting: int = 0
    receipts: bool = False
    source: Secret = ""
    """What the client library opens instead of the store."""
    mail: Secret = ""
    """Where messages are written down instead of the mailbox's file."""
    lives_until: float | None = None
    """Until when the engine may live, by `kernel.uptime`, unless `Extend` gives it more; None for no limit."""


class Extend(Request, frozen=True, kw_only=True):
    """Live until then, by `kernel.uptime`; not answered."""

    until: float


class Send(Request, frozen=True, kw_only=True):
    """Send something to a JID; answered by `Sent` or `Failed`."""

    chat: str
    content: AnyContent
    rows: tuple[int, ...] = ()
    """Which messages of the outbox it is; what becomes of them is written down there."""


class MarkRead(Request, frozen=True, kw_only=True):
    """Tell the sender that messages were read; answered by `Done` or `Failed`."""

    chat: str
    sender: str
    ids: tuple[str, ...]


class Download(Request, frozen=True, kw_only=True):
    """Write a message's file to a path; answered by `Done` or `Failed`."""

    raw: bytes
    path: str


class Ping(Request, frozen=True, kw_only=True):
    """Make a round trip to the server; answered by `Done` or `Failed`."""


class PairPhone(Request, frozen=True, kw_only=True):
    """Ask for a pairing code; answered by `PairingCode` or `Failed`."""

    number: str


class Logout(Request, frozen=True, kw_only=True):
    """Unlink at the server and delete the device row; answered by `Done` or `Failed`."""


class Stop(Request, frozen=True, kw_only=True):
    """Hand over what is held, then end; the answer is the end of the pipe."""

    drain_s: float = 0
    """How long what is being sent may take to be confirmed first."""


AnyRequest = Connect | Extend | Send | MarkRead | Download | Ping | PairPhone | Logout | Stop


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The answer to the request with this id."""

    id: int


class Done(Reply, frozen=True, kw_only=True):
    """The request was carried out."""


class Sent(Reply, frozen=True, kw_only=True):
    """The server took the message."""

    message_id: str
    sent_at: datetime


class PairingCode(Reply, frozen=True, kw_only=True):
    """A code to type on the phone."""

    code: Secret


class Failed(Reply, frozen=True, kw_only=True):
    """The request failed; `error` is the client library's own text."""

    error: str


AnyReply = Done | Sent | PairingCode | Failed
Notice = AnyReply | ClientEvent

_encoder = msgspec.msgpack.Encoder()
request_decoder = msgspec.msgpack.Decoder(AnyRequest)
notice_decoder = msgspec.msgpack.Decoder(Notice)


def frame(message: Request | Reply | ClientEvent) -> bytes:
    """Return the bytes of one message on a pipe."""
    body = _encoder.encode(message)
    return FRAME_HEADER.pack(len(body)) + body
