"""What each field of a message says: its kind and its content, as fields of our `IncomingMessage`; pure functions.

A message is one of a hundred fields of WhatsApp's `Message` protobuf (waE2E). The protobufs' classes are not imported:
the names of their fields are all that is needed, and tables of names can be read.

Everything in a message is a stranger's. Nothing here raises for a protobuf that parses, and what is taken over has
limits, so that a message of any size fits into a frame. A limit cuts; `IncomingMessage.raw` has the whole message.
"""

from collections.abc import Callable, Mapping
from typing import Any

from linda_bot.whatsapp.content import ContactCard, Media, Place, Poll

Fields = dict[str, Any]
"""Some fields of an `IncomingMessage`."""

LONGEST_TEXT = 65_536
"""In characters; WhatsApp's own clients accept no longer text."""
LONGEST_NAME = 1_024
_MOST_OPTIONS = 256
_MOST_CARDS = 128

REVOKE = 0
MESSAGE_EDIT = 14
"""Of `ProtocolMessage.Type`."""

_NORTH_POLE = 90
_DATE_LINE = 180

_TEXTS: Mapping[str, tuple[str, ...]] = {
    "extendedTextMessage": ("text",),
    # What people answer to lists and buttons, as their clients show it.
    "buttonsResponseMessage": ("selectedDisplayText", "selectedButtonID"),
    "listResponseMessage": ("title", "description", "singleSelectReply.selectedRowID"),
    "templateButtonReplyMessage": ("selectedDisplayText", "selectedID"),
    "interactiveResponseMessage": ("body.text",),
    "questionResponseMessage": ("text",),
    "statusQuestionAnswerMessage": ("text",),
    # What businesses send.
    "buttonsMessage": ("contentText", "text"),
    "listMessage": ("description", "title"),
    "interactiveMessage": ("body.text", "header.title"),
    "templateMessage": (
        "hydratedTemplate.hydratedContentText",
        "hydratedFourRowTemplate.hydratedContentText",
        "interactiveMessageTemplate.body.text",
        "hydratedTemplate.hydratedTitleText",
        "hydratedFourRowTemplate.hydratedTitleText",
    ),
    "highlyStructuredMessage": ("hydratedHsm.hydratedTemplate.hydratedContentText",),
    "productMessage": ("body", "product.title"),
    "orderMessage": ("message", "orderTitle"),
}
"""Fields of kind `text`, and where their text is; the first place that is not empty counts."""

_MEDIA: Mapping[str, tuple[str, str, str]] = {
    "imageMessage": ("image", "", ""),
    "videoMessage": ("video", "gifPlayback", "gif"),
    "ptvMessage": ("video_note", "", ""),
    "audioMessage": ("audio", "PTT", "voice"),
    "documentMessage": ("document", "", ""),
    "stickerMessage": ("sticker", "", ""),
}
"""Fields with a file: the kind, and a flag that makes it another kind."""

_POLLS = (
    "pollCreationMessage",
    "pollCreationMessageV2",
    "pollCreationMessageV3",
    "pollCreationMessageV5",
    "pollCreationMessageV6",
)
"""The fourth version is a wrapper."""

_CALLS: Mapping[str, tuple[str, ...]] = {
    "call": (),
    "callLogMesssage": (),  # the protobuf's own spelling
    "bcallMessage": ("caption",),
    "scheduledCallCreationMessage": ("title",),
}
"""Fields about calls, and where their text is."""


def clean(value: str | bytes, longest: int = LONGEST_TEXT) -> str:
    """Return a protobuf's string as text that every encoder takes; its protobuf library gives bytes for bad UTF-8."""
    if isinstance(value, bytes):
        value = value[: 4 * longest].decode(errors="replace")
    return value[:longest]


def bare_address(address: str | bytes) -> str:
    """Return a JID that is written as text without its device part."""
    user, at, server = clean(address, LONGEST_NAME).partition("@")
    return user.partition(":")[0] + at + server


def _read_conversation(value: str | bytes) -> Fields:
    return {"kind": "text", "text": clean(value)}


def _text_reader(places: tuple[str, ...], kind: str = "text") -> Callable[[Any], Fields]:
    return lambda value: {"kind": kind, "text": _first_text(value, places)}


def _first_text(value: Any, places: tuple[str, ...]) -> str:
    for place in places:
        found = value
        for name in place.split("."):
            found = getattr(found, name)
        if found:
            return clean(found)
    return ""


def _media_reader(kind: str, flag: str, flagged_kind: str) -> Callable[[Any], Fields]:
    def read(value: Any) -> Fields:
        fields: Fields = {
            "kind": flagged_kind if flag and getattr(value, flag) else kind,
            "text": clean(getattr(value, "caption", "")),
            "media": Media(
                mime=clean(value.mimetype, LONGEST_NAME),
                size=value.fileLength,
                file_name=clean(getattr(value, "fileName", "") or getattr(value, "title", ""), LONGEST_NAME),
                seconds=getattr(value, "seconds", 0),
                width=getattr(value, "width", 0),
                height=getattr(value, "height", 0),
            ),
        }
        if getattr(value, "viewOnce", False):
            fields["is_view_once"] = True
        return fields

    return read


def _read_location(value: Any) -> Fields:
    kind = "live_location" if value.isLive else "location"
    return {"kind": kind, "text": clean(value.comment), "place": _place(value, value.name, value.address)}


def _read_live_location(value: Any) -> Fields:
    return {"kind": "live_location", "text": clean(value.caption), "place": _place(value)}


def _place(value: Any, name: str | bytes = "", address: str | bytes = "") -> Place | None:
    """Return a point, or nothing when it is not on earth; NaN is nowhere, too."""
    latitude, longitude = value.degreesLatitude, value.degreesLongitude
    if not (abs(latitude) <= _NORTH_POLE and abs(longitude) <= _DATE_LINE):
        return None
    return Place(
        latitude=latitude,
        longitude=longitude,
        name=clean(name, LONGEST_NAME),
        address=clean(address, LONGEST_NAME),
    )


def _read_contacts(value: Any) -> Fields:
    return {"kind": "contact", "contacts": tuple(_card(card) for card in value.contacts[:_MOST_CARDS])}


def _card(value: Any) -> ContactCard:
    return ContactCard(name=clean(value.displayName, LONGEST_NAME), vcard=clean(value.vcard))


def _read_poll(value: Any) -> Fields:
    options = tuple(clean(option.optionName, LONGEST_NAME) for option in value.options[:_MOST_OPTIONS])
    choices = min(value.selectableOptionsCount, len(options))
    return {"kind": "poll", "poll": Poll(question=clean(value.name), options=options, choices=choices)}


def _read_reaction(value: Any) -> Fields:
    emoji = clean(value.text, LONGEST_NAME)
    return {"kind": "reaction", "emoji": emoji, "target": clean(value.key.ID, LONGEST_NAME)}


def _read_protocol(value: Any) -> Fields:
    """Return a deletion; all else that is in these is said among clients."""
    # A type that this version's protobufs do not know looks like one that is not set, and that reads as REVOKE.
    if value.HasField("type") and value.type == REVOKE and value.key.ID:
        return {"kind": "delete", "target": clean(value.key.ID, LONGEST_NAME)}
    return {}


READERS: Mapping[str, Callable[[Any], Fields]] = {
    "conversation": _read_conversation,
    **{field: _text_reader(places) for field, places in _TEXTS.items()},
    **{field: _media_reader(*kinds) for field, kinds in _MEDIA.items()},
    "locationMessage": _read_location,
    "liveLocationMessage": _read_live_location,
    "contactMessage": lambda value: {"kind": "contact", "contacts": (_card(value),)},
    "contactsArrayMessage": _read_contacts,
    **dict.fromkeys(_POLLS, _read_poll),
    "pollUpdateMessage": lambda value: {
        "kind": "poll_vote",
        "target": clean(value.pollCreationMessageKey.ID, LONGEST_NAME),
    },
    "reactionMessage": _read_reaction,
    "protocolMessage": _read_protocol,
    "groupInviteMessage": _text_reader(("caption",), "group_invite"),
    **{field: _text_reader(places, "call") for field, places in _CALLS.items()},
}
"""The fields that a person would call a message."""
