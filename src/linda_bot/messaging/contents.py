"""Building what is sent, from what a bot's author writes; pure. Raises UsageError for what WhatsApp would not take."""

import math
from collections.abc import Iterable
from pathlib import Path

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.identities import jid_of, number_in
from linda_bot.whatsapp.content import (
    Card,
    ContactCard,
    Delete,
    Edit,
    File,
    Location,
    Place,
    Poll,
    Question,
    Reaction,
    Target,
    Text,
)
from linda_bot.whatsapp.events import IncomingMessage

LONGEST_TEXT = 65_536
FILE_KINDS = ("image", "video", "audio", "voice", "document", "sticker")
_CAPTIONED = ("image", "video", "document")
_FEWEST_OPTIONS, _MOST_OPTIONS = 2, 12
_LONGEST_EMOJI = 32
_WITHOUT_A_QUOTE = frozenset({"reaction", "edit", "delete", "poll_vote", "call"})
_NOT_TO_REACT_TO = frozenset({"reaction", "delete", "poll_vote", "call"})
_VCARD_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": "", ",": r"\,", ";": r"\;"})


def text(text: str, *, quote: Target | None = None, mentions: Iterable[str] = ()) -> Text:
    """Return a text; who is mentioned, by number or JID, stands in it as `@` and the number."""
    words = _checked(text, "a text")
    jids = tuple(jid_of(who) for who in ((mentions,) if isinstance(mentions, str) else mentions))
    for jid in jids:
        at = f"@{jid.partition('@')[0]}"
        if at not in words:
            raise UsageError(f"who is mentioned must stand in the text: write {at} there")
    return Text(text=words, quote=quote, mentions=jids)


def file(
    kind: str,
    source: str | Path | bytes,
    *,
    caption: str = "",
    file_name: str = "",
    mime: str = "",
    seconds: int = 0,
    quote: Target | None = None,
) -> tuple[File, Path | bytes]:
    """Return a file's description, and the file as a path or its bytes; that the path leads to one is not checked."""
    if kind not in FILE_KINDS:
        raise UsageError(f"a file is sent as one of {', '.join(FILE_KINDS)}, not as {kind!r}")
    if caption:
        if kind not in _CAPTIONED:
            raise UsageError(f"WhatsApp has no caption for {kind} files; send a text of its own")
        _checked(caption, "a caption")
    found = _located(source)
    path = "" if isinstance(found, bytes) else str(found)
    # A document without a name cannot be opened on some phones.
    called = _file_name(file_name) or (Path(path).name or "document" if kind == "document" else "")
    described = File(kind=kind, path=path, caption=caption, file_name=called, mime=mime, seconds=seconds, quote=quote)
    return described, found


def location(
    latitude: float, longitude: float, name: str = "", address: str = "", *, quote: Target | None = None
) -> Location:
    """Return a point on earth, in degrees."""
    for value, most, word in ((latitude, 90, "latitude"), (longitude, 180, "longitude")):
        if not _is_within(value, most):
            raise UsageError(f"a {word} is a number from -{most} to {most}, not {value!r}")
    place = Place(latitude=float(latitude), longitude=float(longitude), name=name, address=address)
    return Location(place=place, quote=quote)


def contact(name: str, number_or_vcard: str, *, quote: Target | None = None) -> Card:
    """Return a contact card for a phone number, or with a vCard (RFC 6350) as it is."""
    _checked(name, "a contact's name")
    if number_or_vcard.lstrip().upper().startswith("BEGIN:VCARD"):
        return Card(card=ContactCard(name=name, vcard=_checked(number_or_vcard, "a vCard")), quote=quote)
    number = number_in(jid_of(number_or_vcard))
    if not number:
        raise UsageError("a contact card needs a phone number or a vCard, not a JID without a number")
    shown = name.translate(_VCARD_ESCAPES)
    lines = ("BEGIN:VCARD", "VERSION:3.0", f"FN:{shown}", f"TEL;type=CELL;waid={number}:+{number}", "END:VCARD")
    return Card(card=ContactCard(name=name, vcard="\n".join(lines)), quote=quote)


def poll(question: str, options: Iterable[str], choices: int = 1) -> Question:
    """Return a poll; `choices` is how many options one may choose, 0 for any number."""
    _checked(question, "a poll's question")
    answers = () if isinstance(options, str) else tuple(options)
    if not _FEWEST_OPTIONS <= len(answers) <= _MOST_OPTIONS:
        raise UsageError(f"a poll has {_FEWEST_OPTIONS} to {_MOST_OPTIONS} options in a list, not {len(answers)}")
    for answer in answers:
        _checked(answer, "a poll's option")
    if len(set(answers)) < len(answers):
        raise UsageError("a poll's options must differ from each other")
    if not 0 <= choices <= len(answers):
        raise UsageError(f"of {len(answers)} options one may choose 0 (any number) to {len(answers)}, not {choices}")
    return Question(poll=Poll(question=question, options=answers, choices=choices))


def reaction(target: Target, emoji: str) -> Reaction:
    """Return an emoji beside a message; an empty one takes ours back."""
    if emoji and (emoji.isascii() or len(emoji) > _LONGEST_EMOJI):
        raise UsageError(f"a reaction is one emoji, or an empty text to take it back, not {emoji[:_LONGEST_EMOJI]!r}")
    return Reaction(target=target, emoji=_encodable(emoji, "a reaction"))


def edit(target: Target, text: str) -> Edit:
    """Return a new text for a message of ours."""
    return Edit(target=target, text=_checked(text, "a text"))


def delete(target: Target) -> Delete:
    """Return the wish to take a message back, for everyone."""
    return Delete(target=target)


def quotation(message: IncomingMessage) -> Target | None:
    """Return a received message as what an answer quotes; None for what cannot be quoted, such as a reaction."""
    if message.kind in _WITHOUT_A_QUOTE:
        return None
    return Target(id=message.id, chat=message.chat, sender=_author(message), raw=message.raw)


def reaction_target(message: IncomingMessage) -> Target:
    """Return a received message as what a reaction is about: for an edit, the message that was edited."""
    if message.kind in _NOT_TO_REACT_TO:
        raise UsageError(f"WhatsApp has no reactions to messages of the kind {message.kind}")
    edited = message.kind == "edit" and message.target
    return Target(id=edited or message.id, chat=message.chat, sender=_author(message))


def _is_within(value: object, most: int) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= most


def _author(message: IncomingMessage) -> str:
    return "" if message.from_me else message.sender


def _checked(words: str, what: str) -> str:
    """Return a text that WhatsApp shows."""
    if not isinstance(words, str):
        raise UsageError(f"{what} is a str, not {type(words).__name__}")
    if not words.strip():
        raise UsageError(f"{what} must not be empty: WhatsApp would show nothing")
    if len(words) > LONGEST_TEXT:
        raise UsageError(f"{what} has at most {LONGEST_TEXT:,} characters, not {len(words):,}; send it as a document")
    return _encodable(words, what)


def _encodable(words: str, what: str) -> str:
    try:
        words.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{what} has half a character (a lone surrogate) in it, which cannot be sent") from None
    return words


def _located(source: str | Path | bytes) -> Path | bytes:
    """Return a file as an absolute path or as its bytes."""
    if isinstance(source, bytes | bytearray | memoryview):
        if not source:
            raise UsageError("the file to send is empty")
        return bytes(source)
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        raise UsageError("a file to send is a path or bytes, not an address: download it first")
    if not isinstance(source, str | Path):
        raise UsageError(f"a file to send is a path or bytes, not {type(source).__name__}")
    if not str(source):
        raise UsageError("the path of the file to send is empty")
    return Path(source).absolute()


def _file_name(name: str) -> str:
    if name and (Path(name).name != name or not name.isprintable()):
        raise UsageError(f"{name!r:.60} is no file name; leave the directories out")
    return name
