"""Messages of every kind, as the client library's border makes them of the real ones.

Each function takes the content, and by name what is around it; see `Options`.
"""

import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict, Unpack

import msgspec

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.identities import jid_of
from linda_bot.testing import samples
from linda_bot.testing.answers import Sent
from linda_bot.testing.clock import now
from linda_bot.testing.people import ANN, BOB, ME, Contact
from linda_bot.testing.raw import raw_of
from linda_bot.whatsapp.content import ContactCard, Media, Place, Poll, Quoted
from linda_bot.whatsapp.events import IncomingMessage

Data = bytes | str | Path | None
"""A file: its bytes, or where it is; None for a small one of its kind."""

About = IncomingMessage | Sent | str
"""A message that another one is about: one that was made here, an answer of the bot, or an id."""

_STATUS_CHAT = "status@broadcast"
_IN_CONTEXT = ("quoted", "mentions", "forwarded", "expires_in_s")
_WITHOUT_CONTEXT = frozenset({"reaction", "delete", "poll_vote", "call", "unknown"})
_SEEN_ONCE = frozenset({"image", "video", "voice"})
_numbers = itertools.count(1)


class Options(TypedDict, total=False):
    """What is around the content of a message; all may be left out."""

    sender: Contact
    """Who writes; ANN. With `from_me` it is whom the account writes to."""
    group: str
    """The JID of the group in which it is said."""
    status: bool
    """Whether it is a status update."""
    from_me: bool
    """Whether it was written on the bot's own account, on the phone."""
    quoted: IncomingMessage | Sent
    """The message that it answers."""
    mentions: Iterable[Contact | str]
    """Who is mentioned: people, phone numbers or JIDs."""
    forwarded: bool
    view_once: bool
    expires_in_s: int
    """After how many seconds it disappears."""
    backlog: bool
    """Whether it waited at WhatsApp while the bot was down."""
    age: timedelta
    """How long ago it was sent."""
    sent_at: datetime
    """When it was sent, with its time zone; now."""
    id: str
    """Its id; a new one."""


def text(text: str = "hi", **options: Unpack[Options]) -> IncomingMessage:
    """Return a text."""
    is_plain = not any(options.get(name) for name in _IN_CONTEXT)
    return _message("text", "conversation" if is_plain else "extendedTextMessage", options, text=text)


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
    return _message("location", "locationMessage", options, place=place)


def live_location(
    latitude: float = 25.1972, longitude: float = 55.2744, caption: str = "", **options: Unpack[Options]
) -> IncomingMessage:
    """Return the beginning of a location that moves."""
    place = Place(latitude=latitude, longitude=longitude)
    return _message("live_location", "liveLocationMessage", options, text=caption, place=place)


def contact(*people: Contact, **options: Unpack[Options]) -> IncomingMessage:
    """Return the cards of some people; BOB's if nobody is named."""
    cards = tuple(_card(person) for person in people or (BOB,))
    field = "contactMessage" if len(cards) == 1 else "contactsArrayMessage"
    return _message("contact", field, options, contacts=cards)


def poll(
    question: str = "Tea or coffee?",
    choices: Iterable[str] = ("tea", "coffee"),
    *,
    most: int = 1,
    **options: Unpack[Options],
) -> IncomingMessage:
    """Return a poll with some choices, of which one may take at most so many; 0 for any number."""
    asked = Poll(question=question, options=tuple(choices), choices=most)
    return _message("poll", "pollCreationMessageV3" if most == 1 else "pollCreationMessage", options, poll=asked)


def poll_vote(of: About, **options: Unpack[Options]) -> IncomingMessage:
    """Return a vote in a poll; what was chosen is encrypted, and not known to bots."""
    return _message("poll_vote", "pollUpdateMessage", options, target=_id_of(of))


def reaction(emoji: str, to: About, **options: Unpack[Options]) -> IncomingMessage:
    """Return a reaction; an empty emoji takes it back."""
    return _message("reaction", "reactionMessage", options, emoji=emoji, target=_id_of(to))


def edit(of: About, text: str = "hi again", **options: Unpack[Options]) -> IncomingMessage:
    """Return the new text of a message."""
    is_plain = not any(options.get(name) for name in _IN_CONTEXT)
    field = "conversation" if is_plain else "extendedTextMessage"
    return _message("edit", field, options, text=text, target=_id_of(of))


def delete(of: About, **options: Unpack[Options]) -> IncomingMessage:
    """Return word that a message was taken back."""
    return _message("delete", "protocolMessage", options, target=_id_of(of))


def group_invite(caption: str = "Join us", **options: Unpack[Options]) -> IncomingMessage:
    """Return an invitation to a group."""
    return _message("group_invite", "groupInviteMessage", options, text=caption)


def call(**options: Unpack[Options]) -> IncomingMessage:
    """Return word of a call."""
    if options.get("from_me") or options.get("status"):
        raise UsageError("there are no calls from_me, and none in a status")
    field = "CallOfferNotice" if options.get("group") else "CallOffer"
    return _message("call", field, options, sender_name="", raw=b"")


def unknown(field: str = "pinInChatMessage", **options: Unpack[Options]) -> IncomingMessage:
    """Return a message that nobody here knows; `field` is its name in WhatsApp's protobufs."""
    return _message("unknown", field, options)


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
    identity = options.get("id") or _new_id()
    return _message(
        kind,
        field,
        {**options, "id": identity},
        text=caption,
        media=msgspec.structs.replace(facts, size=len(found)),
        raw=raw_of(identity, None if gone else found),
    )


def _message(kind: str, field: str, options: Options, **content: Any) -> IncomingMessage:
    _check(kind, options)
    identity = options.get("id") or _new_id()
    facts: dict[str, Any] = {
        "id": identity,
        "sent_at": _moment(options),
        "kind": kind,
        "field": field,
        "raw": raw_of(identity),
        "is_forwarded": options.get("forwarded", False),
        "is_view_once": options.get("view_once", False),
        "expires_in_s": options.get("expires_in_s", 0),
        "was_waiting": options.get("backlog", False),
        "mentions": tuple(who.jid if isinstance(who, Contact) else jid_of(who) for who in options.get("mentions", ())),
        "quoted": _quotation(options.get("quoted")),
    }
    return IncomingMessage(**{**facts, **_addresses(options), **content})


def _check(kind: str, options: Options) -> None:
    """Refuse what no real message has."""
    wrong = [name for name in _IN_CONTEXT if options.get(name) and kind in _WITHOUT_CONTEXT]
    if options.get("view_once") and kind not in _SEEN_ONCE:
        wrong.append("view_once")
    if wrong:
        raise UsageError(f"WhatsApp has no {wrong[0]} for messages of the kind {kind}")
    if options.get("status") and (options.get("group") or options.get("from_me")):
        raise UsageError("a status update is neither in a group nor from_me")


def _addresses(options: Options) -> dict[str, Any]:
    """Return who says it where, as WhatsApp does: the own account's number is not in its messages to one person."""
    other, group = options.get("sender", ANN), options.get("group", "")
    author = ME if options.get("from_me") else other
    said = {"sender": author.jid, "sender_name": author.name}
    if options.get("status"):
        return {**said, "sender_alt": author.alt, "chat": _STATUS_CHAT, "is_group": True}
    mine = {"from_me": True, "from_phone": True} if author is ME else {}
    if group:
        return {**said, **mine, "sender_alt": author.alt, "chat": jid_of(group), "is_group": True}
    alt = "" if author is ME else author.alt
    return {**said, **mine, "sender_alt": alt, "chat": other.jid, "chat_alt": other.alt}


def _moment(options: Options) -> datetime:
    """Return when it was sent: WhatsApp's times are full seconds."""
    moment = options.get("sent_at") or now() - options.get("age", timedelta(0))
    if moment.tzinfo is None:
        raise UsageError("sent_at needs a time zone; write datetime(..., tzinfo=UTC)")
    return moment.replace(microsecond=0)


def _quotation(of: IncomingMessage | Sent | None) -> Quoted | None:
    if of is None:
        return None
    return Quoted(id=of.id, sender=of.sender if isinstance(of, IncomingMessage) else ME.jid, kind=of.kind, text=of.text)


def _card(person: Contact) -> ContactCard:
    number = f"\nTEL;type=CELL;waid={person.number}:+{person.number}" if person.number else ""
    vcard = f"BEGIN:VCARD\nVERSION:3.0\nFN:{person.name}{number}\nEND:VCARD"
    return ContactCard(name=person.name, vcard=vcard)


def _id_of(message: About) -> str:
    return message if isinstance(message, str) else message.id


def _new_id() -> str:
    """Return an id as phones make them."""
    return f"3A{next(_numbers):018X}"
