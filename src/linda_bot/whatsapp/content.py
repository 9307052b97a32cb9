"""What messages are made of, in our words: values that cross the engine's pipe and are kept on disk, both ways."""

import msgspec


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a message."""


class Media(_Value, frozen=True, kw_only=True):
    """What is known of a file before it is downloaded; the sender's words, none of them is checked."""

    mime: str = ""
    size: int = 0
    """In bytes."""
    file_name: str = ""
    """A stranger's text: never use it as a path."""
    seconds: int = 0
    """How long a sound or a video is."""
    width: int = 0
    height: int = 0


class Place(_Value, frozen=True, kw_only=True):
    """A point on earth."""

    latitude: float
    """In degrees, north is positive."""
    longitude: float
    """In degrees, east is positive."""
    name: str = ""
    address: str = ""


class ContactCard(_Value, frozen=True, kw_only=True):
    """Somebody's card."""

    name: str
    vcard: str
    """As RFC 6350 has it."""


class Poll(_Value, frozen=True, kw_only=True):
    """A question with answers to choose from."""

    question: str
    options: tuple[str, ...]
    choices: int = 0
    """How many may be chosen; 0 for any number."""


class Quoted(_Value, frozen=True, kw_only=True):
    """The message that another one answers."""

    id: str
    sender: str = ""
    """JID of who wrote it."""
    kind: str = "unknown"
    text: str = ""


class Target(_Value, frozen=True, kw_only=True):
    """Which message a reaction, an edit, a deletion, a vote or a quotation is about."""

    id: str
    chat: str
    """JID of the conversation."""
    sender: str = ""
    """JID of who wrote it; empty for our own."""
    raw: bytes = b""
    """What is quoted, as the client library's serialized `Message` event; needed for quotations only."""

    @property
    def ours(self) -> bool:
        """Whether we wrote it."""
        return not self.sender


class Content(_Value, frozen=True, kw_only=True, tag=True):
    """Something to send."""


class Text(Content, frozen=True, kw_only=True):
    """A text."""

    text: str
    quote: Target | None = None
    mentions: tuple[str, ...] = ()
    """JIDs of who is mentioned; each must stand in the text as `@` and its user part."""


class File(Content, frozen=True, kw_only=True):
    """A file on this machine."""

    kind: str
    """`image`, `video`, `audio`, `voice`, `document` or `sticker`."""
    path: str
    caption: str = ""
    file_name: str = ""
    """What a document is called."""
    mime: str = ""
    """Guessed from the content and the name when it is empty."""
    seconds: int = 0
    quote: Target | None = None


class Location(Content, frozen=True, kw_only=True):
    """A point on a map."""

    place: Place
    quote: Target | None = None


class Card(Content, frozen=True, kw_only=True):
    """Somebody's contact card."""

    card: ContactCard
    quote: Target | None = None


class Question(Content, frozen=True, kw_only=True):
    """A poll."""

    poll: Poll


class Reaction(Content, frozen=True, kw_only=True):
    """An emoji beside a message."""

    target: Target
    emoji: str
    """Empty to take the reaction back."""


class Edit(Content, frozen=True, kw_only=True):
    """A new text for a message of ours."""

    target: Target
    text: str


class Delete(Content, frozen=True, kw_only=True):
    """A message taken back, for everyone."""

    target: Target


AnyContent = Text | File | Location | Card | Question | Reaction | Edit | Delete
