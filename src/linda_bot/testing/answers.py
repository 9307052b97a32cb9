"""What a bot under test has sent."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, overload

from linda_bot.messaging.identities import number_in
from linda_bot.whatsapp.content import (
    AnyContent,
    Card,
    Delete,
    Edit,
    File,
    Location,
    Question,
    Reaction,
    Target,
    Text,
)
from linda_bot.whatsapp.events import IncomingMessage

_KINDS: dict[type[AnyContent], str] = {
    Text: "text",
    Location: "location",
    Card: "contact",
    Question: "poll",
    Reaction: "reaction",
    Edit: "edit",
    Delete: "delete",
}
_NO_REPLIES = frozenset({"reaction", "edit", "delete"})
_SHOWN = 60


class Sent(NamedTuple):
    """One message that the bot has sent, as WhatsApp got it."""

    id: str
    """Its id on WhatsApp."""
    chat: str
    """The JID of the conversation that it went to."""
    chat_ids: frozenset[str]
    """The same with the conversation's other JID, where that is known."""
    content: AnyContent
    """The whole of it, in the words of linda_bot.whatsapp.content."""
    at: datetime
    file: bytes | None = None
    """The file in it."""
    joined: int = 1
    """How many answers were sent as this one message."""
    causes: frozenset[int] = frozenset()
    """Which messages of the inbox it answers."""

    @property
    def kind(self) -> str:
        """What it is: `text`, `image`, `reaction` and so on."""
        return self.content.kind if isinstance(self.content, File) else _KINDS[type(self.content)]

    @property
    def text(self) -> str:
        """The text, a caption, a poll's question, the new text of an edit; empty for others."""
        match self.content:
            case Text(text=text) | Edit(text=text):
                return text
            case File(caption=caption):
                return caption
            case Question(poll=poll):
                return poll.question
            case _:
                return ""

    @property
    def number(self) -> str:
        """The phone number of who got it; empty for a group, and for somebody whose number is not known."""
        return number_in(*self.chat_ids)

    @property
    def emoji(self) -> str:
        """The reaction."""
        return self.content.emoji if isinstance(self.content, Reaction) else ""

    @property
    def file_name(self) -> str:
        """What the file is called."""
        return self.content.file_name if isinstance(self.content, File) else ""

    @property
    def mentions(self) -> tuple[str, ...]:
        """The JIDs of who is mentioned."""
        return self.content.mentions if isinstance(self.content, Text) else ()

    @property
    def quoted(self) -> str:
        """The id of the message that it quotes; empty for none."""
        quote: Target | None = getattr(self.content, "quote", None)
        return quote.id if quote else ""

    @property
    def target(self) -> str:
        """The id of the message that a reaction, an edit or a deletion is about."""
        return self.content.target.id if isinstance(self.content, Reaction | Edit | Delete) else ""

    @property
    def is_reply(self) -> bool:
        """Whether it is a message of its own, and not something about another one."""
        return self.kind not in _NO_REPLIES

    def __repr__(self) -> str:
        about = f" {self.emoji}" if self.emoji else f" {self.text!r:.{_SHOWN}}" if self.text else ""
        name = f" {self.file_name!r}" if self.file_name else ""
        size = f", {len(self.file):,} bytes" if self.file is not None else ""
        quoting = f", quoting {self.quoted}" if self.quoted else ""
        joined = f", {self.joined} in one" if self.joined > 1 else ""
        return f"<{self.kind}{about}{name}{size}{quoting}{joined} to {self.number or self.chat}>"


class Answers(Sequence[Sent]):
    """What the bot sent in one step of a test, in order."""

    def __init__(self, message: IncomingMessage | None = None) -> None:
        self.message = message
        """What it was fed; None when it was not a message that made it send."""
        self.seq = 0
        """The message's number in the inbox; 0 for none."""
        self.handler = ""
        """Who has handled the message; empty when nobody has."""
        self.ignored = ""
        """Why nobody has handled the message; empty when somebody has."""
        self.all: list[Sent] = []

    @overload
    def __getitem__(self, place: int) -> Sent: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Sent]: ...

    def __getitem__(self, place: int | slice) -> Sent | Sequence[Sent]:
        return self.all[place]

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Sent]:
        return iter(self.all)

    @property
    def texts(self) -> list[str]:
        """The texts; a caption is none, see `captions`."""
        return [sent.text for sent in self.all if sent.kind == "text"]

    @property
    def captions(self) -> list[str]:
        """The captions of the files."""
        return [sent.text for sent in self.files]

    @property
    def reactions(self) -> list[str]:
        """The emojis of the reactions; an empty one takes a reaction back."""
        return [sent.emoji for sent in self.all if sent.kind == "reaction"]

    @property
    def files(self) -> list[Sent]:
        """The messages with a file in them."""
        return [sent for sent in self.all if isinstance(sent.content, File)]

    @property
    def replies(self) -> list[Sent]:
        """The messages of their own, in the chat of the message that was fed; anywhere if none was."""
        return [
            sent
            for sent in self.all
            if sent.is_reply
            and (self.message is None or not sent.chat_ids.isdisjoint({self.message.chat, self.message.chat_alt}))
        ]

    def __repr__(self) -> str:
        head = "what the bot sent" if self.message is None else f"answers to {_shown(self.message)}"
        if self.handler:
            head += f" by the handler {self.handler}"
        elif self.ignored:
            head += f", which was not handled: {self.ignored}"
        return f"<{head}: {', '.join(map(repr, self.all)) or 'nothing'}>"


class Failure(NamedTuple):
    """A handler's error that no error handler has dealt with."""

    message_id: str
    handler: str
    error: BaseException
    is_last: bool
    """Whether the message is not tried again."""


def _shown(message: IncomingMessage) -> str:
    return f"{message.kind} {message.text!r:.{_SHOWN}}" if message.text else message.kind
