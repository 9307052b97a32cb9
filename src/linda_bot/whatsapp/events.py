"""What a WhatsApp client tells: the field's own words (whatsmeow's and mautrix's), one class a fact."""

from datetime import datetime

import msgspec

from linda_bot.kernel.events import Category, Event, Secret, Severity
from linda_bot.whatsapp.content import ContactCard, Media, Place, Poll, Quoted

_PRINTED = {"error": Severity.ERROR, "warning": Severity.WARNING, "warn": Severity.WARNING}


class EngineStarted(Event, frozen=True, kw_only=True):
    """The engine process has loaded the client library and takes requests."""

    category = Category.CONNECTION

    pid: int
    library_version: str
    import_ms: int


class EnginePrinted(Event, frozen=True, kw_only=True):
    """The client library wrote a line to its log, stdout or stderr."""

    category = Category.CONNECTION
    severity = Severity.DEBUG

    line: str
    level: str = "info"

    @property
    def weight(self) -> Severity:
        """What the library says of it; its small talk is for those who look for a fault."""
        return _PRINTED.get(self.level, Severity.DEBUG)


class EngineExited(Event, frozen=True, kw_only=True):
    """The engine process is gone; always the last event of a client."""

    category = Category.CONNECTION

    code: int
    """The exit status; negative: the number of the signal that ended it."""
    asked: bool
    """Whether we had asked it to end."""
    last_lines: tuple[str, ...] = ()
    """What it printed last, oldest first: the place to look for a Go panic."""


class QrIssued(Event, frozen=True, kw_only=True):
    """A QR code waits to be scanned."""

    category = Category.SESSION

    code: Secret
    number: int
    """1 for the first code of a round."""
    valid_s: float
    """Seconds until the next code replaces it."""


class QrRoundEnded(Event, frozen=True, kw_only=True):
    """No more codes come in this round; the outcome is whatsmeow's word (`success`, `timeout`, `error`...)."""

    category = Category.SESSION

    outcome: str


class PairSucceeded(Event, frozen=True, kw_only=True):
    """The phone has linked this device."""

    category = Category.SESSION

    number: str
    platform: str


class PairFailed(Event, frozen=True, kw_only=True):
    """The phone scanned the code, but linking did not succeed."""

    category = Category.SESSION
    severity = Severity.WARNING

    reason: str


class Connected(Event, frozen=True, kw_only=True):
    """The link is up and logged in."""

    category = Category.CONNECTION

    number: str
    """The linked account's phone number, without `+`; empty when the library did not say."""


class Disconnected(Event, frozen=True, kw_only=True):
    """The socket was lost; the client library tries again by itself."""

    category = Category.CONNECTION
    severity = Severity.WARNING


class LoggedOut(Event, frozen=True, kw_only=True):
    """WhatsApp removed this device; the library has deleted its row, only a new pairing helps."""

    category = Category.SESSION
    severity = Severity.WARNING

    code: int
    on_connect: bool


class StreamReplaced(Event, frozen=True, kw_only=True):
    """Another client logged in with the same device."""

    category = Category.CONNECTION
    severity = Severity.WARNING


class StreamFailed(Event, frozen=True, kw_only=True):
    """The server ended the stream with an error that has no event of its own."""

    category = Category.CONNECTION
    severity = Severity.WARNING

    code: str


class TemporarilyBanned(Event, frozen=True, kw_only=True):
    """WhatsApp refuses the account for a while."""

    category = Category.CONNECTION
    severity = Severity.WARNING

    code: int
    expires_in_s: float


class ConnectFailed(Event, frozen=True, kw_only=True):
    """WhatsApp refused the login for another reason."""

    category = Category.CONNECTION
    severity = Severity.WARNING

    code: int
    reason: str


class ClientOutdated(Event, frozen=True, kw_only=True):
    """WhatsApp no longer accepts this version of the client library (405)."""

    category = Category.CONNECTION
    severity = Severity.WARNING


class KeepAliveTimedOut(Event, frozen=True, kw_only=True):
    """The library's own keep-alive got no answer."""

    category = Category.CONNECTION
    severity = Severity.WARNING

    errors: int
    last_success: datetime | None = None


class KeepAliveRestored(Event, frozen=True, kw_only=True):
    """The library's own keep-alive is answered again."""

    category = Category.CONNECTION


class OfflineSyncPreviewed(Event, frozen=True, kw_only=True):
    """The server says how much waited while the bot was away."""

    category = Category.MESSAGE

    total: int
    messages: int


class OfflineSyncCompleted(Event, frozen=True, kw_only=True):
    """Everything that waited has been delivered."""

    category = Category.MESSAGE

    count: int


class SecretsRotated(Event, frozen=True, kw_only=True):
    """The client library changed a key of the device row: old backups no longer match it."""

    category = Category.SESSION


class ConnectEnded(Event, frozen=True, kw_only=True):
    """The library's connect call returned or failed, so this engine will not connect any more."""

    category = Category.CONNECTION
    severity = Severity.WARNING

    error: str
    """Empty when it returned because it was asked to stop."""


class IncomingMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as the wire brought it; every text in it is a stranger's."""

    id: str
    """Chosen by the sender; unique within chat and sender."""
    chat: str
    """JID of the conversation."""
    sender: str
    """JID of the sender, without a device part."""
    sender_alt: str = ""
    """The sender's other identity (phone number for a LID, or the other way round), if known."""
    chat_alt: str = ""
    """The conversation's other identity, if known."""
    sender_name: str = ""
    text: str = ""
    """The text, the caption of a medium, the new text of an edit; empty for other kinds."""
    kind: str = "unknown"
    """One of `KINDS`."""
    field: str = ""
    """The name of the protobuf field that holds the content, for example `conversation`."""
    sent_at: datetime
    from_me: bool = False
    from_phone: bool = False
    """Whether it was written on the account's own phone, its first device."""
    is_group: bool = False
    is_view_once: bool = False
    is_forwarded: bool = False
    expires_in_s: int = 0
    """After how many seconds it disappears from the chat; 0 for never."""
    mentions: tuple[str, ...] = ()
    """JIDs of who is mentioned."""
    quoted: Quoted | None = None
    media: Media | None = None
    place: Place | None = None
    contacts: tuple[ContactCard, ...] = ()
    poll: Poll | None = None
    target: str = ""
    """The id of the message that a reaction, an edit, a deletion or a vote is about."""
    emoji: str = ""
    """The reaction; empty when it was taken back."""
    was_waiting: bool = False
    """Whether it waited at the server while the link was down."""
    raw: bytes = b""
    """The serialized `Message` protobuf of the client library's event (neonize.proto.Neonize_pb2)."""


KINDS = (
    "text",
    "image",
    "video",
    "gif",
    "video_note",
    "audio",
    "voice",
    "document",
    "sticker",
    "location",
    "live_location",
    "contact",
    "poll",
    "poll_vote",
    "reaction",
    "edit",
    "delete",
    "group_invite",
    "call",
    "unknown",
)
"""The kinds of messages."""


class MessageReceived(Event, frozen=True, kw_only=True):
    """A message was decrypted, and written down where there is a mailbox."""

    category = Category.MESSAGE

    message: IncomingMessage
    """Without its raw form where it was written down."""
    seq: int = 0
    """Its number in the inbox; 0 where there is none."""
    conversation: str = ""
    """The one name of its conversation, whichever identity the message came with."""


class MessageRepeated(Event, frozen=True, kw_only=True):
    """A message came that was written down before: after a retry, or with the other identity of its chat."""

    category = Category.MESSAGE
    severity = Severity.DEBUG

    id: str
    chat: str


class MessageUndecryptable(Event, frozen=True, kw_only=True):
    """A message could not be decrypted yet; the library has asked the sender to send it again."""

    category = Category.MESSAGE
    severity = Severity.WARNING

    id: str
    chat: str
    sender: str


class ReceiptReceived(Event, frozen=True, kw_only=True):
    """Somebody's device has got messages, or somebody has read or played them."""

    category = Category.MESSAGE
    severity = Severity.DEBUG

    ids: tuple[str, ...]
    chat: str
    sender: str
    kind: str
    """neonize's word: `delivered`, `inactive` (delivered to a device that is not in use), `read`, `played` ..."""


class InboxBlocked(Event, frozen=True, kw_only=True):
    """The mailbox cannot be written, so no message is taken from WhatsApp, or none is sent; it is tried again."""

    category = Category.MESSAGE
    severity = Severity.WARNING

    because: str


class InboxUnblocked(Event, frozen=True, kw_only=True):
    """The mailbox can be written again."""

    category = Category.MESSAGE


ClientEvent = (
    EngineStarted
    | EnginePrinted
    | EngineExited
    | QrIssued
    | QrRoundEnded
    | PairSucceeded
    | PairFailed
    | Connected
    | Disconnected
    | LoggedOut
    | StreamReplaced
    | StreamFailed
    | TemporarilyBanned
    | ConnectFailed
    | ClientOutdated
    | KeepAliveTimedOut
    | KeepAliveRestored
    | OfflineSyncPreviewed
    | OfflineSyncCompleted
    | SecretsRotated
    | ConnectEnded
    | MessageReceived
    | MessageRepeated
    | MessageUndecryptable
    | ReceiptReceived
    | InboxBlocked
    | InboxUnblocked
)
