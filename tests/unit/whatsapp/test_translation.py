"""Messages of every kind in our words, whatever they are wrapped into and whatever a stranger writes into them."""

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from linda_bot.whatsapp.content import ContactCard, Media, Place, Poll, Quoted
from linda_bot.whatsapp.events import KINDS, IncomingMessage, MessageReceived
from linda_bot.whatsapp.wire import FRAME_HEADER, notice_decoder

TRANSLATE = """
import base64, json, sys
from linda_bot.whatsapp.engine.late_imports import put_off
put_off()
from google.protobuf.json_format import ParseDict
from neonize.proto import Neonize_pb2 as pb
from linda_bot.whatsapp.engine.translation import translate
from linda_bot.whatsapp.wire import frame

for code, event, wire in json.load(sys.stdin):
    kind = {17: pb.Message, 36: pb.CallOffer, 40: pb.CallOfferNotice}[code]
    payload = ParseDict(event, kind()).SerializePartialToString() + base64.b64decode(wire)
    print(base64.b64encode(frame(translate(code, payload))).decode())
"""

BEGIN = datetime(2026, 2, 7, 10, 35, tzinfo=UTC)


def run_child(*arguments: str, given: str = "") -> str:
    """Return what a process says that may load the library."""
    done = subprocess.run(
        [sys.executable, *arguments], input=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def jid(user: str, server: str = "s.whatsapp.net", device: int = 0) -> dict[str, object]:
    """Return an address as the library writes it."""
    return {"User": user, "Server": server, "Device": device, "RawAgent": 0, "Integrator": 0, "IsEmpty": not user}


def event_of(content: dict[str, Any], source: dict[str, Any] | None = None, **event: Any) -> dict[str, Any]:
    """Return a message event of the library."""
    sent = {
        "Chat": jid("1", "lid"),
        "Sender": jid("1", "lid", 3),
        "SenderAlt": jid("49151"),
        "IsFromMe": False,
        "IsGroup": False,
        **(source or {}),
    }
    info = {"MessageSource": sent, "ID": "A", "Pushname": "Ann", "Timestamp": 1770460500000, **event.pop("Info", {})}
    return {"Info": info, "Message": content, **event}


KEY = {"remoteJID": "1@lid", "fromMe": False, "ID": "OLD"}
FILE = {"mimetype": "x/y", "fileLength": "7", "seconds": 3, "width": 4, "height": 5}
SOUND = {"mimetype": "x/y", "fileLength": "7", "seconds": 3}
PICTURE = {"mimetype": "x/y", "fileLength": "7", "width": 4, "height": 5}
POLL = {"name": "When?", "options": [{"optionName": "now"}, {"optionName": "later"}], "selectableOptionsCount": 1}
ASKED = Poll(question="When?", options=("now", "later"), choices=1)
CARD = {"displayName": "Bob", "vcard": "BEGIN:VCARD"}
BOB = ContactCard(name="Bob", vcard="BEGIN:VCARD")
POINT = {"degreesLatitude": 1.5, "degreesLongitude": -2.5}
EDIT = {"key": KEY, "type": "MESSAGE_EDIT", "editedMessage": {"conversation": "new"}}
HI = {"conversation": "hi"}


def wrapped(content: dict[str, Any], *wrappers: str) -> dict[str, Any]:
    """Return a message within wrappers, the first of them innermost."""
    for wrapper in wrappers:
        content = {wrapper: {"message": content}}
    return content


def in_context(**context: Any) -> dict[str, Any]:
    """Return a text that says something of other messages."""
    return {"extendedTextMessage": {"text": "hi", "contextInfo": context}}


CONTENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # name: (content, what is expected of it)
    "text": (HI, {"kind": "text", "text": "hi", "field": "conversation"}),
    "text with a key beside": (
        {"senderKeyDistributionMessage": {"groupID": "g"}, "messageContextInfo": {}, "conversation": "hi"},
        {"kind": "text", "text": "hi", "field": "conversation"},
    ),
    "extended text": (
        {"senderKeyDistributionMessage": {"groupID": "g"}, "extendedTextMessage": {"text": "long"}},
        {"kind": "text", "text": "long", "field": "extendedTextMessage"},
    ),
    "image": (
        {"imageMessage": {**PICTURE, "caption": "look"}},
        {"kind": "image", "text": "look", "media": Media(mime="x/y", size=7, width=4, height=5)},
    ),
    "video": (
        {"videoMessage": {**FILE, "caption": "look"}},
        {"kind": "video", "text": "look", "media": Media(mime="x/y", size=7, seconds=3, width=4, height=5)},
    ),
    "gif": ({"videoMessage": {"gifPlayback": True}}, {"kind": "gif", "field": "videoMessage", "media": Media()}),
    "video note": ({"ptvMessage": {"seconds": 3}}, {"kind": "video_note", "media": Media(seconds=3)}),
    "audio": ({"audioMessage": SOUND}, {"kind": "audio", "media": Media(mime="x/y", size=7, seconds=3)}),
    "voice": ({"audioMessage": {"PTT": True}}, {"kind": "voice", "media": Media()}),
    "document": (
        {"documentMessage": {"caption": "read", "fileName": "../a.pdf", "title": "T", "fileLength": "7"}},
        {"kind": "document", "text": "read", "media": Media(size=7, file_name="../a.pdf")},
    ),
    "document with a title": ({"documentMessage": {"title": "T"}}, {"media": Media(file_name="T")}),
    "document with a caption": (
        wrapped({"documentMessage": {"caption": "read"}}, "documentWithCaptionMessage"),
        {"kind": "document", "text": "read", "field": "documentMessage"},
    ),
    "sticker": (
        {"stickerMessage": PICTURE},
        {"kind": "sticker", "media": Media(mime="x/y", size=7, width=4, height=5)},
    ),
    "lottie sticker": (wrapped({"stickerMessage": {}}, "lottieStickerMessage"), {"kind": "sticker"}),
    "location": (
        {"locationMessage": {**POINT, "name": "Here", "address": "There 1", "comment": "come"}},
        {
            "kind": "location",
            "text": "come",
            "place": Place(latitude=1.5, longitude=-2.5, name="Here", address="There 1"),
        },
    ),
    "nowhere": (
        {"locationMessage": {"degreesLatitude": "NaN", "degreesLongitude": 1}},
        {"kind": "location", "place": None},
    ),
    "not on earth": ({"liveLocationMessage": {"degreesLatitude": 91}}, {"kind": "live_location", "place": None}),
    "live location": (
        {"liveLocationMessage": {**POINT, "caption": "go"}},
        {"kind": "live_location", "text": "go", "place": Place(latitude=1.5, longitude=-2.5)},
    ),
    "location that moves": ({"locationMessage": {**POINT, "isLive": True}}, {"kind": "live_location"}),
    "contact": ({"contactMessage": CARD}, {"kind": "contact", "contacts": (BOB,)}),
    "contacts": ({"contactsArrayMessage": {"contacts": [CARD, CARD]}}, {"kind": "contact", "contacts": (BOB, BOB)}),
    **{
        f"poll{version}": ({f"pollCreationMessage{version}": POLL}, {"kind": "poll", "poll": ASKED, "text": ""})
        for version in ("", "V2", "V3", "V5", "V6")
    },
    "pollV4": (
        wrapped({"pollCreationMessageV3": POLL}, "pollCreationMessageV4"),
        {"kind": "poll", "poll": ASKED, "field": "pollCreationMessageV3"},
    ),
    "vote": ({"pollUpdateMessage": {"pollCreationMessageKey": KEY}}, {"kind": "poll_vote", "target": "OLD"}),
    "reaction": (
        {"reactionMessage": {"key": KEY, "text": "👍"}},
        {"kind": "reaction", "target": "OLD", "emoji": "👍", "text": ""},
    ),
    "reaction taken back": (
        {"reactionMessage": {"key": KEY, "text": ""}},
        {"kind": "reaction", "target": "OLD", "emoji": ""},
    ),
    "group invite": (
        {"groupInviteMessage": {"groupJID": "1@g.us", "caption": "join"}},
        {"kind": "group_invite", "text": "join"},
    ),
    "call log": ({"callLogMesssage": {"isVideo": True}}, {"kind": "call", "field": "callLogMesssage"}),
    "call": ({"call": {"callKey": "AAAA"}}, {"kind": "call", "field": "call"}),
    "call to come": ({"scheduledCallCreationMessage": {"title": "Talk"}}, {"kind": "call", "text": "Talk"}),
    # Edits and deletions.
    "delete": (
        {"protocolMessage": {"key": KEY, "type": "REVOKE"}},
        {"kind": "delete", "target": "OLD", "field": "protocolMessage", "text": ""},
    ),
    "delete as an edit": (
        wrapped({"protocolMessage": {"key": KEY, "type": "REVOKE"}}, "editedMessage"),
        {"kind": "delete", "target": "OLD"},
    ),
    "delete nothing": ({"protocolMessage": {"type": "REVOKE"}}, {"kind": "unknown", "field": "protocolMessage"}),
    "no type": ({"protocolMessage": {"key": KEY}}, {"kind": "unknown", "target": ""}),
    "edit": ({"protocolMessage": EDIT}, {"kind": "edit", "text": "new", "target": "OLD", "field": "conversation"}),
    "edit in a wrapper": (
        wrapped({"protocolMessage": EDIT}, "editedMessage"),
        {"kind": "edit", "text": "new", "target": "OLD"},
    ),
    "edit of a caption": (
        {"protocolMessage": {**EDIT, "editedMessage": {"imageMessage": {"caption": "new"}}}},
        {"kind": "edit", "text": "new", "target": "OLD", "field": "imageMessage"},
    ),
    "edit with mentions": (
        {"protocolMessage": {**EDIT, "editedMessage": in_context(mentionedJID=["2@lid"])}},
        {"kind": "edit", "text": "hi", "mentions": ("2@lid",)},
    ),
    "edit of itself": (wrapped(HI, "editedMessage"), {"kind": "edit", "text": "hi", "target": "A"}),
    "edit to nothing": (
        {"protocolMessage": {**EDIT, "editedMessage": {}}},
        {"kind": "unknown", "text": "", "target": "", "field": "protocolMessage"},
    ),
    # Answers to what businesses send, and that.
    "button pressed": (
        {"buttonsResponseMessage": {"selectedButtonID": "1", "selectedDisplayText": "Yes"}},
        {"kind": "text", "text": "Yes", "field": "buttonsResponseMessage"},
    ),
    "nameless button pressed": ({"buttonsResponseMessage": {"selectedButtonID": "1"}}, {"kind": "text", "text": "1"}),
    "list answered": ({"listResponseMessage": {"title": "Tea"}}, {"kind": "text", "text": "Tea"}),
    "list answered by row": (
        {"listResponseMessage": {"singleSelectReply": {"selectedRowID": "r1"}}},
        {"kind": "text", "text": "r1"},
    ),
    "template answered": (
        {"templateButtonReplyMessage": {"selectedDisplayText": "Yes"}},
        {"kind": "text", "text": "Yes"},
    ),
    "interactive answer": ({"interactiveResponseMessage": {"body": {"text": "Yes"}}}, {"kind": "text", "text": "Yes"}),
    "buttons": ({"buttonsMessage": {"contentText": "Choose"}}, {"kind": "text", "text": "Choose"}),
    "list": ({"listMessage": {"title": "T", "description": "Choose"}}, {"kind": "text", "text": "Choose"}),
    "interactive": ({"interactiveMessage": {"body": {"text": "Choose"}}}, {"kind": "text", "text": "Choose"}),
    "template": (
        {"templateMessage": {"hydratedTemplate": {"hydratedContentText": "Choose"}}},
        {"kind": "text", "text": "Choose"},
    ),
    "old template": (
        {"templateMessage": {"hydratedFourRowTemplate": {"hydratedContentText": "Choose"}}},
        {"kind": "text", "text": "Choose"},
    ),
    # Wrappers.
    **{
        wrapper: (wrapped(HI, wrapper), {"kind": "text", "text": "hi", "field": "conversation"})
        for wrapper in (
            "ephemeralMessage",
            "groupMentionedMessage",
            "botInvokeMessage",
            "associatedChildMessage",
            "deviceSentMessage",
            "groupStatusMessageV2",
            "spoilerMessage",
            "commentMessage",
        )
    },
    **{
        wrapper: (wrapped({"imageMessage": {}}, wrapper), {"kind": "image", "is_view_once": True})
        for wrapper in ("viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension")
    },
    "view once without a wrapper": ({"imageMessage": {"viewOnce": True}}, {"is_view_once": True}),
    "wrappers in wrappers": (
        wrapped({"videoMessage": {"caption": "v"}}, "viewOnceMessageV2", "ephemeralMessage", "deviceSentMessage"),
        {"kind": "video", "text": "v", "is_view_once": True},
    ),
    "sixteen wrappers": (wrapped(HI, *["ephemeralMessage"] * 16), {"kind": "text"}),
    "too many wrappers": (
        wrapped(HI, *["ephemeralMessage"] * 17),
        {"kind": "unknown", "text": "", "field": "ephemeralMessage"},
    ),
    "empty wrapper": ({"ephemeralMessage": {}}, {"kind": "unknown", "field": "ephemeralMessage"}),
    # Nothing for a person.
    "nothing": ({}, {"kind": "unknown", "field": "", "text": ""}),
    "only a key": (
        {"senderKeyDistributionMessage": {"groupID": "g"}},
        {"kind": "unknown", "field": "senderKeyDistributionMessage"},
    ),
    "app state keys": (
        {"protocolMessage": {"type": "APP_STATE_SYNC_KEY_SHARE", "appStateSyncKeyShare": {}}},
        {"kind": "unknown", "field": "appStateSyncKeyShare"},
    ),
    "history": (
        {"protocolMessage": {"type": "HISTORY_SYNC_NOTIFICATION", "historySyncNotification": {}}},
        {"kind": "unknown", "field": "historySyncNotification"},
    ),
    "timer": (
        {"protocolMessage": {"key": KEY, "type": "EPHEMERAL_SETTING", "ephemeralExpiration": 60}},
        {"kind": "unknown", "field": "ephemeralExpiration", "target": ""},
    ),
    "pin": ({"pinInChatMessage": {"key": KEY}}, {"kind": "unknown", "field": "pinInChatMessage"}),
    "encrypted edit": ({"secretEncryptedMessage": {"targetMessageKey": KEY}}, {"kind": "unknown"}),
    # What it says of other messages.
    "forwarded": (in_context(isForwarded=True), {"kind": "text", "is_forwarded": True}),
    "disappearing": (in_context(expiration=86400), {"expires_in_s": 86400}),
    "mentions": (in_context(mentionedJID=["2:7@lid", "3@s.whatsapp.net"]), {"mentions": ("2@lid", "3@s.whatsapp.net")}),
    "plain": (in_context(), {"mentions": (), "quoted": None, "is_forwarded": False, "expires_in_s": 0}),
    "quote": (
        in_context(stanzaID="OLD", participant="2:7@lid", quotedMessage=HI),
        {"quoted": Quoted(id="OLD", sender="2@lid", kind="text", text="hi"), "text": "hi"},
    ),
    "quote of a wrapped caption": (
        in_context(stanzaID="OLD", quotedMessage=wrapped({"imageMessage": {"caption": "c"}}, "ephemeralMessage")),
        {"quoted": Quoted(id="OLD", kind="image", text="c")},
    ),
    "quote of who knows what": (in_context(stanzaID="OLD"), {"quoted": Quoted(id="OLD")}),
    "image with context": (
        {"imageMessage": {"contextInfo": {"isForwarded": True, "stanzaID": "OLD", "quotedMessage": HI}}},
        {"is_forwarded": True, "quoted": Quoted(id="OLD", kind="text", text="hi")},
    ),
}

GROUP = {"Chat": jid("9", "g.us"), "IsGroup": True}
STATUS = {"Chat": jid("status", "broadcast"), "IsGroup": True}
MINE = {"IsFromMe": True, "Chat": jid("2", "lid"), "RecipientAlt": jid("33", device=0), "Sender": jid("1", "lid", 0)}
BASIC = {"from": jid("1", "lid"), "timestamp": 1770460500, "callCreator": jid("1", "lid", 3), "callID": "C"}

EVENTS: dict[str, tuple[int, dict[str, Any], dict[str, Any]]] = {
    # name: (code, event, what is expected of it)
    "direct": (
        17,
        event_of(HI),
        {
            "id": "A",
            "chat": "1@lid",
            "sender": "1@lid",
            "sender_alt": "49151@s.whatsapp.net",
            "chat_alt": "49151@s.whatsapp.net",
            "sender_name": "Ann",
            "sent_at": BEGIN,
            "is_group": False,
            "from_me": False,
        },
    ),
    "group": (17, event_of(HI, GROUP), {"chat": "9@g.us", "sender": "1@lid", "chat_alt": "", "is_group": True}),
    "status": (17, event_of(HI, STATUS), {"chat": "status@broadcast", "chat_alt": ""}),
    "from the phone": (
        17,
        event_of(HI, MINE),
        {"from_me": True, "from_phone": True, "chat": "2@lid", "chat_alt": "33@s.whatsapp.net"},
    ),
    "unwrapped view once": (17, event_of({"imageMessage": {}}, IsViewOnce=True), {"is_view_once": True}),
    "unwrapped edit": (
        17,
        event_of({"protocolMessage": EDIT}, IsEdit=True),
        {"kind": "edit", "text": "new", "target": "OLD"},
    ),
    "unwrapped edit of itself": (17, event_of(HI, IsEdit=True), {"kind": "edit", "text": "hi", "target": "A"}),
    "unwrapped nothing": (17, event_of({}, IsEdit=True), {"kind": "unknown", "target": ""}),
    "an empty event": (17, {}, {"id": "", "chat": "", "kind": "unknown"}),
    "a call": (
        36,
        {"basicCallMeta": {**BASIC, "callCreatorAlt": jid("49151")}, "callRemoteMeta": {"remotePlatform": "android"}},
        {
            "kind": "call",
            "field": "CallOffer",
            "id": "C",
            "chat": "1@lid",
            "chat_alt": "49151@s.whatsapp.net",
            "sender": "1@lid",
            "sender_alt": "49151@s.whatsapp.net",
            "sent_at": BEGIN,
            "raw": b"",
        },
    ),
    "a group's call": (
        40,
        {"basicCallMeta": {**BASIC, "from": jid("9", "g.us")}, "media": "audio", "type": "group"},
        {"kind": "call", "field": "CallOfferNotice", "chat": "9@g.us", "sender": "1@lid", "is_group": True},
    ),
    "a call by nobody": (36, {}, {"kind": "call", "chat": "", "sender": ""}),
    **{name: (17, event_of(content), expected) for name, (content, expected) in CONTENTS.items()},
}

ABSURD_TIMES = (0, -1, -62135596800000, 2**63 - 1, -(2**63), 1, 5_000_000_000_000)


def field(number: int, content: bytes) -> bytes:
    """Return a field of a protobuf, written by hand."""
    length = len(content)
    size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    return bytes([number << 3 | 2]) + size + content


def nested(depth: int) -> bytes:
    """Return a `Message` in so many ephemeral messages: `Message.ephemeralMessage` is number 40."""
    content = field(1, b"hi")
    for _ in range(depth):
        inner = field(1, content)
        content = b"\xc2\x02" + field(0, inner)[1:]
    return content


WIRES: dict[str, tuple[bytes, dict[str, Any]]] = {
    # name: (what comes behind an event without content, what is expected of it)
    "bad UTF-8": (field(2, field(1, b"he\xffo")), {"kind": "text", "text": "he\ufffdo"}),
    "a lone surrogate": (field(2, field(1, b"\xed\xa0\x80")), {"kind": "text", "text": "\ufffd" * 3}),
    "deeper than the parser goes": (
        field(2, nested(200)),
        {"kind": "unknown", "id": "A", "chat": "1@lid", "sent_at": BEGIN},
    ),
    "content that is no protobuf": (field(2, b"\xff\xff\xff"), {"kind": "unknown", "id": "A"}),
    "a protocol message of an unknown type": (
        field(2, field(12, field(1, field(3, b"OLD")) + b"\x10\x63")),
        {"kind": "unknown", "target": "", "field": "protocolMessage"},
    ),
    "a field of the future": (field(2, b"\xfa\x7d\x00"), {"kind": "unknown", "field": ""}),
}


@pytest.fixture(scope="module")
def translated() -> dict[str, IncomingMessage]:
    """Translate everything above in a process that may load the library, and bring it over the pipe."""
    cases = {
        **{name: (code, event, b"") for name, (code, event, _) in EVENTS.items()},
        **{str(time): (17, event_of(HI, Info={"Timestamp": str(time)}), b"") for time in ABSURD_TIMES},
        **{name: (17, {"Info": event_of({})["Info"]}, wire) for name, (wire, _) in WIRES.items()},
    }
    given = [(code, event, base64.b64encode(wire).decode()) for code, event, wire in cases.values()]
    frames = run_child("-c", TRANSLATE, given=json.dumps(given)).split()
    found = {}
    for name, text in zip(cases, frames, strict=True):
        event = notice_decoder.decode(base64.b64decode(text)[FRAME_HEADER.size :])
        assert isinstance(event, MessageReceived)
        found[name] = event.message
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [(name, expected) for name, (*_, expected) in EVENTS.items()]
    + [(name, expected) for name, (_, expected) in WIRES.items()],
    ids=[*EVENTS, *WIRES],
)
def test_a_message_in_our_words(translated: dict[str, IncomingMessage], name: str, expected: dict[str, object]) -> None:
    """What the sender's client shows is there, by our names."""
    message = translated[name]

    assert {field: getattr(message, field) for field in expected} == expected
    assert message.kind in KINDS


def test_there_is_a_message_of_every_kind(translated: dict[str, IncomingMessage]) -> None:
    """The cases above leave no kind out."""
    assert {message.kind for message in translated.values()} == set(KINDS)


@pytest.mark.parametrize("time", ABSURD_TIMES)
def test_a_message_of_an_absurd_time_is_of_now(translated: dict[str, IncomingMessage], time: int) -> None:
    """The server may leave the time out, and nothing is known of what it sends tomorrow."""
    age = datetime.now(UTC) - translated[str(time)].sent_at

    assert 0 <= age.total_seconds() < 120


def test_the_whole_message_is_kept(translated: dict[str, IncomingMessage]) -> None:
    """Downloads and quotations need it; a call has none."""
    assert all(message.raw for name, message in translated.items() if EVENTS.get(name, (17,))[0] == 17 and message.id)


@pytest.mark.slow
def test_what_nobody_should_send_does_no_harm() -> None:
    """Five thousand protobufs that make no sense and a thousand hostile texts are translated and cross the pipe."""
    found = json.loads(run_child(str(Path(__file__).with_name("wild_messages.py"))))

    assert found["errors"] == []
    assert sum(found["kinds"].values()) == 5000
    assert len(found["kinds"]) > 15
    assert found["texts"] == 1000
