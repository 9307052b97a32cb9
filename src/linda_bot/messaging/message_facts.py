"""What a handler can read of a message."""

from datetime import UTC, datetime, timedelta

from linda_bot.messaging.identities import number_in
from linda_bot.messaging.scene import Scene
from linda_bot.whatsapp.content import ContactCard, Media, Place, Poll, Quoted
from linda_bot.whatsapp.events import IncomingMessage

_STATUS_CHAT = "status@broadcast"


class MessageFacts:
    """A received message, which never changes; every text in it is a stranger's."""

    __slots__ = ("_arguments", "_incoming", "_scene")

    def __init__(self, incoming: IncomingMessage, scene: Scene, arguments: str = "") -> None:
        self._incoming = incoming
        self._scene = scene
        self._arguments = arguments

    def __repr__(self) -> str:
        """Show nothing that is personal."""
        return f"<Message {self._incoming.kind} {self._incoming.id!r:.40}>"

    @property
    def id(self) -> str:
        """The id that the sender gave it; unique within chat and sender."""
        return self._incoming.id

    @property
    def text(self) -> str:
        """The text, the caption of a medium, or the new text of an edit; empty for other kinds."""
        return self._incoming.text

    @property
    def arguments(self) -> str:
        """What follows the command's name, without the spaces around it; empty for other messages."""
        return self._arguments

    @property
    def kind(self) -> str:
        """What it is: `text`, `image`, `reaction` and so on, one of linda_bot.whatsapp.events.KINDS."""
        return self._incoming.kind

    @property
    def chat(self) -> str:
        """The JID of the conversation."""
        return self._incoming.chat

    @property
    def chat_ids(self) -> tuple[str, ...]:
        """The known JIDs of the conversation: one with a LID may have a phone number too."""
        return tuple(filter(None, (self._incoming.chat, self._incoming.chat_alt)))

    @property
    def sender(self) -> str:
        """The JID of the sender; often a LID."""
        return self._incoming.sender

    @property
    def sender_ids(self) -> tuple[str, ...]:
        """The known JIDs of the sender: the LID, the phone number's, or both."""
        return tuple(filter(None, (self._incoming.sender, self._incoming.sender_alt)))

    @property
    def sender_number(self) -> str:
        """The sender's phone number without `+`; empty when WhatsApp did not tell it."""
        return number_in(*self.sender_ids)

    @property
    def sender_name(self) -> str:
        """The name that the sender chose, else the number."""
        return self._incoming.sender_name or self.sender_number or self.sender

    @property
    def sent_at(self) -> datetime:
        """When the sender sent it, by WhatsApp's clock, in UTC, to the second."""
        return self._incoming.sent_at

    @property
    def age(self) -> timedelta:
        """How long ago it was sent; never less than nothing."""
        return max(datetime.now(UTC) - self._incoming.sent_at, timedelta(0))

    @property
    def is_group(self) -> bool:
        """Whether it was said in a group."""
        return self._incoming.is_group

    @property
    def is_status(self) -> bool:
        """Whether it is a status update, which all contacts of its sender see."""
        return self._incoming.chat == _STATUS_CHAT

    @property
    def from_me(self) -> bool:
        """Whether it was sent by the bot's own account, by this or another of its devices."""
        return self._incoming.from_me

    @property
    def from_phone(self) -> bool:
        """Whether it was written on the account's own phone."""
        return self._incoming.from_phone

    @property
    def is_from_owner(self) -> bool:
        """Whether it comes from one of the bot's owners, by phone number, or was typed on the bot's own account."""
        number = self.sender_number
        return self.from_me or (bool(number) and number in self._scene.owners)

    @property
    def is_backlog(self) -> bool:
        """Whether it waited while the bot was down."""
        return self._scene.is_backlog

    @property
    def is_forwarded(self) -> bool:
        """Whether the sender forwarded it from another chat."""
        return self._incoming.is_forwarded

    @property
    def is_view_once(self) -> bool:
        """Whether it is meant to be seen only once."""
        return self._incoming.is_view_once

    @property
    def expires_in_s(self) -> int:
        """After how many seconds it disappears from the chat; 0 for never."""
        return self._incoming.expires_in_s

    @property
    def mentions(self) -> tuple[str, ...]:
        """JIDs of who is mentioned."""
        return self._incoming.mentions

    @property
    def quoted(self) -> Quoted | None:
        """The message that this one answers."""
        return self._incoming.quoted

    @property
    def media(self) -> Media | None:
        """What is known of the file that comes with it; `download` brings the file itself."""
        return self._incoming.media

    @property
    def place(self) -> Place | None:
        """The point on earth, of a location."""
        return self._incoming.place

    @property
    def contacts(self) -> tuple[ContactCard, ...]:
        """The contact cards."""
        return self._incoming.contacts

    @property
    def poll(self) -> Poll | None:
        """The question and its options, of a poll."""
        return self._incoming.poll

    @property
    def emoji(self) -> str:
        """The reaction; empty when it was taken back."""
        return self._incoming.emoji

    @property
    def target(self) -> str:
        """The id of the message that a reaction, an edit, a deletion or a vote is about."""
        return self._incoming.target

    @property
    def raw(self) -> bytes:
        """The client library's own event, a serialized `neonize.proto.Neonize_pb2.Message`."""
        return self._incoming.raw
