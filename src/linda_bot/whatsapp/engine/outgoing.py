"""What is sent, as the fields of the client library's `Message` (waE2E): one function a kind, and no library in it.

neonize's own helpers fetch URLs, take mentions out of texts and need ffmpeg; these do none of it. The shapes are those
of whatsmeow's builders (send.go: BuildMessageKey, BuildRevoke, BuildReaction, BuildEdit; msgsecret.go:
BuildPollCreation), and upload.go for files.
"""

import math
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, assert_never

from linda_bot.kernel.errors import LindaError
from linda_bot.whatsapp.content import (
    AnyContent,
    Card,
    Delete,
    Edit,
    File,
    Location,
    Poll,
    Question,
    Reaction,
    Target,
    Text,
)
from linda_bot.whatsapp.engine import media_facts
from linda_bot.whatsapp.outcomes import UNSENDABLE

MOST_BYTES = 100_000_000
"""The longest file: what WhatsApp documents for a document of a business, and for a medium in its app.

A file passes through the library's memory several times over, so no more than that, though documents may have 2 GB.
"""
MOST_STICKER_BYTES = 1_000_000
"""Longer ones are shown as broken; WhatsApp itself asks for 100 kB, or 500 kB when it is animated."""

_LEAST_OPTIONS, _MOST_OPTIONS = 2, 12
_SECRET_BYTES = 32
_GROUP = "@g.us"

Fields = dict[str, Any]


class UnsendableError(LindaError):
    """This cannot be sent, now or later; its text begins with `UNSENDABLE` and says what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(UNSENDABLE + reason)


class Quotation(NamedTuple):
    """A message that is answered, out of the library's event."""

    id: str
    sender: str
    chat: str
    message: Any
    """The library's `Message`."""


class _Kind(NamedTuple):
    field: str
    upload_as: str
    mimes: tuple[str, ...]
    """How the MIME type must begin; nothing for any."""
    else_say: str = "send it as a document"


_KINDS = {
    "image": _Kind("imageMessage", "image", ("image/",)),
    "video": _Kind("videoMessage", "video", ("video/",)),
    "audio": _Kind("audioMessage", "audio", ("audio/",)),
    "voice": _Kind(
        "audioMessage",
        "audio",
        (media_facts.VOICE_MIME,),
        "a voice message is Opus in an Ogg file (ffmpeg -i FILE -c:a libopus voice.ogg); or send it as audio",
    ),
    "document": _Kind("documentMessage", "document", ("",)),
    "sticker": _Kind(
        "stickerMessage",
        "image",
        ("image/webp",),
        "a sticker is a WebP picture of 512 x 512 pixels (ffmpeg -i FILE sticker.webp); or send it as an image",
    ),
}

Upload = Callable[[bytes, str], Fields]
"""Puts a file, as one of `image`, `video`, `audio` and `document`, where the receiver finds it; returns which fields
of a message say where and with which key."""

Quote = Callable[[bytes], Quotation]
"""Reads a library's event; raises UnsendableError."""


def message_fields(  # noqa: PLR0911 (a table: one return a kind)
    chat: str, content: AnyContent, *, upload: Upload, quote: Quote
) -> Fields:
    """Return the fields of the `Message` that content is, for a chat.

    Raises UnsendableError, and what `upload` raises.
    """

    def context(target: Target | None, mentions: tuple[str, ...] = ()) -> Fields:
        return _context(chat, quote(target.raw) if target and target.raw else None, target, mentions)

    match content:
        case Text(text=text, quote=target, mentions=mentions):
            about = context(target, mentions)
            return {"extendedTextMessage": {"text": text, **about}} if about else {"conversation": text}
        case File():
            return _file(content, upload, context(content.quote))
        case Location(place=place, quote=target):
            _check_place(place.latitude, place.longitude)
            point: Fields = {"degreesLatitude": place.latitude, "degreesLongitude": place.longitude}
            named = {"name": place.name, "address": place.address}
            return {"locationMessage": {**point, **_filled(named), **context(target)}}
        case Card(card=card, quote=target):
            return {"contactMessage": {"displayName": card.name, "vcard": card.vcard, **context(target)}}
        case Question(poll=poll):
            return _poll(poll)
        case Reaction(target=target, emoji=emoji):
            return {"reactionMessage": {"key": _key(target), "text": emoji, "senderTimestampMS": _now_ms()}}
        case Edit(target=target, text=text):
            return _edit(target, text)
        case Delete(target=target):
            if not target.ours and not target.chat.endswith(_GROUP):
                raise UnsendableError("somebody else's message can be deleted in groups only, by their admins")
            return {"protocolMessage": {"type": "REVOKE", "key": _key(target)}}
        case _:
            assert_never(content)


def _key(target: Target) -> Fields:
    """Return the key that names a message, as BuildMessageKey does."""
    fields: Fields = {"fromMe": target.ours, "ID": target.id, "remoteJID": target.chat}
    if not target.ours and target.chat.endswith(_GROUP):
        fields["participant"] = target.sender
    return fields


def _edit(target: Target, text: str) -> Fields:
    if not target.ours:
        raise UnsendableError("only our own messages can be edited")
    edit = {
        "key": _key(target),
        "type": "MESSAGE_EDIT",
        "editedMessage": {"conversation": text},
        "timestampMS": _now_ms(),
    }
    return {"editedMessage": {"message": {"protocolMessage": edit}}}


def _context(chat: str, quoted: Quotation | None, target: Target | None, mentions: tuple[str, ...]) -> Fields:
    """Return what a message says about another one and about people, or nothing."""
    fields: Fields = {}
    if quoted is not None:
        fields = {"stanzaID": quoted.id, "participant": quoted.sender, "quotedMessage": quoted.message}
        if quoted.chat.endswith(_GROUP) and quoted.chat != chat:
            fields["remoteJID"] = quoted.chat  # what was said in a group is answered in private
    elif target is not None:  # who has the message may find it by its id; others see no more than the answer
        fields = {"stanzaID": target.id, **_filled({"participant": target.sender})}
    if mentions:
        fields["mentionedJID"] = list(mentions)
    return {"contextInfo": fields} if fields else {}


def _poll(poll: Poll) -> Fields:
    options = poll.options
    if not poll.question.strip():
        raise UnsendableError("a poll needs a question")
    if not _LEAST_OPTIONS <= len(options) <= _MOST_OPTIONS:
        raise UnsendableError(f"a poll has {_LEAST_OPTIONS} to {_MOST_OPTIONS} options, not {len(options)}")
    if len(set(options)) < len(options) or not all(option.strip() for option in options):
        # A vote names its option by a hash of the text.
        raise UnsendableError("the options of a poll must differ, and none may be empty")
    if not 0 <= poll.choices <= len(options):
        raise UnsendableError(f"of {len(options)} options, {poll.choices} cannot be chosen; 0 is for any number")
    return {
        "pollCreationMessage": {
            "name": poll.question,
            "options": [{"optionName": option} for option in options],
            "selectableOptionsCount": poll.choices,
        },
        "messageContextInfo": {"messageSecret": os.urandom(_SECRET_BYTES)},  # votes are encrypted with it
    }


def _file(file: File, upload: Upload, about: Fields) -> Fields:
    kind = _KINDS.get(file.kind)
    if kind is None:
        raise UnsendableError(f"{file.kind!r} is no kind of file; use one of {', '.join(_KINDS)}")
    path = Path(file.path)
    data = read_file(path, most=MOST_STICKER_BYTES if file.kind == "sticker" else MOST_BYTES)
    mime = file.mime or media_facts.guess_mime(data, file.file_name or path.name)
    if not mime.startswith(kind.mimes):
        raise UnsendableError(f"{path} is no {file.kind} but {mime}; {kind.else_say}")
    fields = {"mimetype": mime, "mediaKeyTimestamp": int(time.time()), **_facts(file, data, path), **about}
    message = {kind.field: {**fields, **upload(data, kind.upload_as)}}
    if file.kind == "document" and file.caption:  # so that phones show the caption
        return {"documentWithCaptionMessage": {"message": message}}
    return message


def _facts(file: File, data: bytes, path: Path) -> Fields:
    """Return what a message says of its file besides where it is."""
    match file.kind:
        case "image":
            picture = media_facts.look_at(data)
            shown = {"width": picture.width, "height": picture.height, "JPEGThumbnail": picture.thumbnail}
            return _filled({"caption": file.caption, **shown})
        case "sticker":
            picture = media_facts.look_at(data, thumbnail=False)
            shown = {"width": picture.width, "height": picture.height}
            return {**_filled(shown), "isAnimated": media_facts.is_animated(data)}
        case "video":
            return _filled({"caption": file.caption, "seconds": file.seconds})
        case "voice":
            return {"PTT": True, "seconds": file.seconds or media_facts.opus_seconds(data)}
        case "audio":
            return {"PTT": False, **_filled({"seconds": file.seconds or media_facts.opus_seconds(data)})}
        case _:
            name = file.file_name or path.name
            return _filled({"caption": file.caption}) | {"fileName": name, "title": name}


def read_file(path: Path, *, most: int) -> bytes:
    """Return a file's content; raises UnsendableError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe or a device might never end
            raise UnsendableError(f"{path} is not a file; name a file")
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        raise UnsendableError(f"there is no file {path}; check the path") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise UnsendableError(f"{path} cannot be read ({reason}); make it readable for the bot") from None
    if not data:
        raise UnsendableError(f"{path} is empty; WhatsApp takes no empty files")
    if len(data) > most:
        raise UnsendableError(f"{path} is longer than {most // 1_000_000} MB; make it smaller or send a link to it")
    return data


def _check_place(latitude: float, longitude: float) -> None:
    if not (math.isfinite(latitude) and math.isfinite(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180):  # noqa: PLR2004 (degrees)
        raise UnsendableError(
            f"{latitude:g}, {longitude:g} is no point on earth: latitude -90 to 90, longitude -180 to 180"
        )


def _filled(fields: Fields) -> Fields:
    """Return the fields that say something."""
    return {name: value for name, value in fields.items() if value}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
