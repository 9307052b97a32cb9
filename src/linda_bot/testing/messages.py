"""Messages of every kind, as the client library's border makes them of the real ones.

Each function takes the content, and by name what is around it; see `Options`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Unpack

import msgspec

from linda_bot.kernel.errors import UsageError
from linda_bot.testing import samples
from linda_bot.testing.answers import Sent
from linda_bot.testing.envelope import Options, has_context, message, new_id
from linda_bot.testing.people import BOB, Contact
from linda_bot.testing.raw import raw_of
from linda_bot.whatsapp.content import ContactCard, Media, Place, Poll
from linda_bot.whatsapp.events import IncomingMessage

__all__ = [
    "About",
    "Data",
    "Options",
    "audio",
    "call",
    "contact",
    "delete",
    "document",
    "edit",
    "gif",
    "group_invite",
    "image",
    "live_location",
    "location",
    "poll",
    "poll_vote",
    "reaction",
    "sticker",
    "text",
    "unknown",
    "video",
    "video_note",
    "voice",
]

Data = bytes | str | Path | None
"""A file: its bytes, or where it is; None for a small one of its kind."""

About = IncomingMessage | Sent | str
"""A message that another one is about: one that was made here, an answer of the bot, or an id."""


def text(text: str = "hi", **options: Unpack[Options]) -> IncomingMessage:
    """Return a text."""
    field = "extendedTextMessage" if has_context(options) else "conversation"
    return message("text", field, options, text=text)


def image(data: Data = None, *, caption: str = "", gone: bool = False, **options: Unpack[Options]) -> IncomingMessage:
    """Return a picture; `gone` means that its file cannot be downloaded any more."""
    facts = Media(mime="image/jpeg", width=1200, height=1600)
    return _media("image", "imageMessage", options, data, facts, sample=samples.JPEG, caption=caption, gone=gone)


def video(
    data: Data = None, *, caption: str = "", seconds: int = 12, gone: bool = False, **options: Unpack[Options]
) -> IncomingMessage:
    """Return a video."""
    facts = Media(mime="video/mp4", seconds=seconds, width=720, height=1280)
    return _media("video", "videoMessage", options, data, facts, sample=samples.MP4, caption=caption, gone=gone)


def gif(data: Data = None, *, caption: str = "", gone: bool = False, **options: Unpack[Options]) -> IncomingMessage:
    """Return what WhatsApp calls a GIF: a short video without sound."""
    facts = Media(mime="video/mp4", seconds=2, width=480, height=270)
    return _media("gif", "videoMessage", options, data, facts, sample=samples.MP4, caption=caption, gone=gone)


def video_note(
    data: Data = None, *, seconds: int = 8, gone: bool = False, **options: Unpack[Options]
) -> IncomingMessage:
    """Return a video in a circle."""
    facts = Media(mime="video/mp4", seconds=seconds, width=400, height=400)
    return _media("video_note", "ptvMessage", options, data, facts, sample=samples.MP4, gone=gone)


def audio(data: Data = None, *, seconds: int = 180, gone: bool = False, **options: Unpack[Options]) -> IncomingMessage:
    """Return a sound file."""
    facts = Media(mime="audio/mpeg", seconds=seconds)
    return _media("audio", "audioMessage", options, data, facts, sample=samples.MP3, gone=gone)


def voice(data: Data = None, *, seconds: int = 5, gone: bool = False, **options: Unpack[Options]) -> IncomingMessage:
    """Return a voice note."""
    facts = Media(mime="audio/ogg; codecs=opus", seconds=seconds)
    return _media("voice", "audioMessage", options, data, facts, sample=samples.OPUS, gone=gone)


def document(
    data: Data = None,
    *,
    file_name: str = "",
    mime: str = "application/pdf",
    caption: str = "",
    gone: bool = False,
    **options: Unpack[Options],
) -> IncomingMessage:
    """Return a file; its name is the path's, if it comes from one."""
    name = file_name or (Path(data).name if isinstance(data, str | Path) else "paper.pdf")
    facts = Media(mime=mime, file_name=name)
    return _media("document", "documentMessage", options, data, facts, sample=samples.PDF, caption=caption, gone=gone)


def sticker(data: Data = None, *, gone: bool = False, **options: Unpack[Options]) -> IncomingMessage:
    """Return a sticker."""
    facts = Media(mime="image/webp", width=512, height=512)
    return _media("sticker", "stickerMessage", options, data, facts, sample=samples.WEBP, gone=gone)


def location(
    latitude: float = 25.1972,
    longitude: float = 55.2744,
    name: str = "",
    address: str = "",
    **options: Unpack[Options],
) -> IncomingMessage:
    """Return a point on a map, in degrees."""
    place = Place(latitude=latitude, longitude=longitude, name=name, address=address)
    return message("location", "locationMessage", options, place=place)


def live_location(
    latitude: float = 25.1972, longitude: float = 55.2744, caption: str = "", **options: Unpack[Options]
) -> IncomingMessage:
    """Return the beginning of a location that moves."""
    place = Place(latitude=latitude, longitude=longitude)
    return message("live_location", "liveLocationMessage", options, text=caption, place=place)


def contact(*people: Contact, **options: Unpack[Options]) -> IncomingMessage:
    """Return the cards of some people; BOB's if nobody is named."""
    cards = tuple(_card(person) for person in people or (BOB,))
    field = "contactMessage" if len(cards) == 1 else "contactsArrayMessage"
    return message("contact", field, options, contacts=cards)


def poll(
    question: str = "Tea or coffee?",
    choices: Iterable[str] = ("tea", "coffee"),
    *,
    most: int = 1,
    **options: Unpack[Options],
) -> IncomingMessage:
    """Return a poll with some choices, of which one may take at most so many; 0 for any number."""
    asked = Poll(question=question, options=tuple(choices), choices=most)
    return message("poll", "pollCreationMessageV3" if most == 1 else "pollCreationMessage", options, poll=asked)


def poll_vote(of: About, **options: Unpack[Options]) -> IncomingMessage:
    """Return a vote in a poll; what was chosen is encrypted, and not known to bots."""
    return message("poll_vote", "pollUpdateMessage", options, target=_id_of(of))


def reaction(emoji: str, to: About, **options: Unpack[Options]) -> IncomingMessage:
    """Return a reaction; an empty emoji takes it back."""
    return message("reaction", "reactionMessage", options, emoji=emoji, target=_id_of(to))


def edit(of: About, text: str = "hi again", **options: Unpack[Options]) -> IncomingMessage:
    """Return the new text of a message."""
    field = "extendedTextMessage" if has_context(options) else "conversation"
    return message("edit", field, options, text=text, target=_id_of(of))


def delete(of: About, **options: Unpack[Options]) -> IncomingMessage:
    """Return word that a message was taken back."""
    return message("delete", "protocolMessage", options, target=_id_of(of))


def group_invite(caption: str = "Join us", **options: Unpack[Options]) -> IncomingMessage:
    """Return an invitation to a group."""
    return message("group_invite", "groupInviteMessage", options, text=caption)


def call(**options: Unpack[Options]) -> IncomingMessage:
    """Return word of a call."""
    if options.get("from_me") or options.get("status"):
        raise UsageError("there are no calls from_me, and none in a status")
    field = "CallOfferNotice" if options.get("group") else "CallOffer"
    return message("call", field, options, sender_name="", raw=b"")


def unknown(field: str = "pinInChatMessage", **options: Unpack[Options]) -> IncomingMessage:
    """Return a message that nobody here knows; `field` is its name in WhatsApp's protobufs."""
    return message("unknown", field, options)


def _media(
    kind: str,
    field: str,
    options: Options,
    data: Data,
    facts: Media,
    *,
    sample: bytes,
    caption: str = "",
    gone: bool,
) -> IncomingMessage:
    found = sample if data is None else data if isinstance(data, bytes) else Path(data).read_bytes()
    identity = options.get("id") or new_id()
    return message(
        kind,
        field,
        {**options, "id": identity},
        text=caption,
        media=msgspec.structs.replace(facts, size=len(found)),
        raw=raw_of(identity, None if gone else found),
    )


def _card(person: Contact) -> ContactCard:
    number = f"\nTEL;type=CELL;waid={person.number}:+{person.number}" if person.number else ""
    vcard = f"BEGIN:VCARD\nVERSION:3.0\nFN:{person.name}{number}\nEND:VCARD"
    return ContactCard(name=person.name, vcard=vcard)


def _id_of(about: About) -> str:
    return about if isinstance(about, str) else about.id
