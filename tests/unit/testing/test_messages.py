"""Made messages are what the border makes of real ones."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from linda_bot import UsageError
from linda_bot.sandbox.library import protobufs
from linda_bot.testing import ANN, BOB, GROUP, ME, Contact, messages
from linda_bot.testing.raw import data_in
from linda_bot.whatsapp.events import KINDS, IncomingMessage, MessageReceived
from linda_bot.whatsapp.wire import FRAME_HEADER, notice_decoder
from tests.unit.whatsapp.test_translation import TRANSLATE, jid, run_child

MOMENT = datetime(2026, 2, 7, 10, 35, tzinfo=UTC)
FIRST = messages.text("first", id="FIRST", sender=BOB)
KEY = {"remoteJID": ANN.jid, "fromMe": False, "ID": "FIRST"}
CONTEXT = {
    "stanzaID": "FIRST",
    "participant": BOB.jid,
    "quotedMessage": {"conversation": "first"},
    "mentionedJID": [BOB.jid, "33123456789@s.whatsapp.net"],
    "isForwarded": True,
    "expiration": 86400,
}
AROUND: dict[str, Any] = {
    "quoted": FIRST,
    "mentions": (BOB, "+33 1 23 45 67 89"),
    "forwarded": True,
    "expires_in_s": 86400,
}
POLL = {"name": "Tea?", "options": [{"optionName": "yes"}, {"optionName": "no"}], "selectableOptionsCount": 1}
POINT = {"degreesLatitude": 1.5, "degreesLongitude": -2.5}
VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Bob\nTEL;type=CELL;waid=15550001111:+15550001111\nEND:VCARD"
CARD = {"displayName": "Bob", "vcard": VCARD}
PICTURE = {"mimetype": "image/jpeg", "fileLength": "4", "width": 1200, "height": 1600}


def film(width: int, height: int, seconds: int, **more: Any) -> dict[str, Any]:
    """Return a video as the wire has it."""
    return {
        "mimetype": "video/mp4",
        "fileLength": "4",
        "width": width,
        "height": height,
        "seconds": seconds,
        **more,
    }


def split(address: str, device: int = 0) -> dict[str, object]:
    """Return a JID as the library writes it."""
    user, _, server = address.partition("@")
    return jid(user, server, device)


def event(content: dict[str, Any], source: dict[str, Any] | None = None, **info: Any) -> tuple[int, dict[str, Any]]:
    """Return a message event of the library, of Ann's."""
    usual = {"Chat": split(ANN.jid), "Sender": split(ANN.jid, 3), "SenderAlt": split(ANN.alt), "IsFromMe": False}
    sent = {**usual, "IsGroup": False, **(source or {})}
    facts = {"MessageSource": sent, "ID": "X", "Pushname": "Ann", "Timestamp": round(MOMENT.timestamp() * 1000), **info}
    return 17, {"Info": facts, "Message": content}


def call(code: int = 36, **source: Any) -> tuple[int, dict[str, Any]]:
    """Return the library's event of a call of Ann's."""
    meta = {
        "from": split(ANN.jid),
        "timestamp": round(MOMENT.timestamp()),
        "callCreator": split(ANN.jid, 3),
        "callCreatorAlt": split(ANN.alt),
        "callID": "X",
        **source,
    }
    return code, {"basicCallMeta": meta, **({"media": "audio", "type": "group"} if code == 40 else {})}


NAMELESS = Contact("Ann", "", "123456789012345@lid")
NUMBERED = Contact("Ann", "4915112345678", "")
IN_GROUP = {"Chat": split(GROUP), "IsGroup": True}
MINE = {
    "IsFromMe": True,
    "Sender": split(ME.jid),
    "SenderAlt": split(""),
    "RecipientAlt": split(ANN.alt),
}

CASES: dict[str, tuple[tuple[int, dict[str, Any]], IncomingMessage]] = {
    # name: (the event of the library, the made message)
    "text": (event({"conversation": "hi"}), messages.text("hi", id="X", sent_at=MOMENT)),
    "text with all around it": (
        event({"extendedTextMessage": {"text": "hi", "contextInfo": CONTEXT}}),
        messages.text("hi", id="X", sent_at=MOMENT, **AROUND),
    ),
    "text in a group": (
        event({"conversation": "hi"}, IN_GROUP),
        messages.text("hi", id="X", sent_at=MOMENT, group=GROUP),
    ),
    "status": (
        event({"conversation": "hi"}, {"Chat": split("status@broadcast"), "IsGroup": True}),
        messages.text("hi", id="X", sent_at=MOMENT, status=True),
    ),
    "from the own phone": (
        event({"conversation": "hi"}, MINE, Pushname="Linda"),
        messages.text("hi", id="X", sent_at=MOMENT, from_me=True),
    ),
    "from the own phone in a group": (
        event({"conversation": "hi"}, {**MINE, **IN_GROUP, "SenderAlt": split(ME.alt)}, Pushname="Linda"),
        messages.text("hi", id="X", sent_at=MOMENT, from_me=True, group=GROUP),
    ),
    "from somebody without a number": (
        event(
            {"conversation": "hi"},
            {"Chat": split(NAMELESS.jid), "Sender": split(NAMELESS.jid), "SenderAlt": split("")},
        ),
        messages.text("hi", id="X", sent_at=MOMENT, sender=NAMELESS),
    ),
    "from somebody without a LID": (
        event(
            {"conversation": "hi"},
            {"Chat": split(NUMBERED.jid), "Sender": split(NUMBERED.jid), "SenderAlt": split("")},
        ),
        messages.text("hi", id="X", sent_at=MOMENT, sender=NUMBERED),
    ),
    "image": (
        event({"imageMessage": {**PICTURE, "caption": "look", "contextInfo": CONTEXT}}),
        messages.image(b"data", caption="look", id="X", sent_at=MOMENT, **AROUND),
    ),
    "image to be seen once": (
        event({"viewOnceMessageV2": {"message": {"imageMessage": PICTURE}}}),
        messages.image(b"data", id="X", sent_at=MOMENT, view_once=True),
    ),
    "video": (
        event({"videoMessage": film(720, 1280, 12, caption="see")}),
        messages.video(b"data", caption="see", id="X", sent_at=MOMENT),
    ),
    "gif": (
        event({"videoMessage": film(480, 270, 2, gifPlayback=True)}),
        messages.gif(b"data", id="X", sent_at=MOMENT),
    ),
    "video note": (
        event({"ptvMessage": film(400, 400, 8)}),
        messages.video_note(b"data", id="X", sent_at=MOMENT),
    ),
    "audio": (
        event({"audioMessage": {"mimetype": "audio/mpeg", "fileLength": "4", "seconds": 180}}),
        messages.audio(b"data", id="X", sent_at=MOMENT),
    ),
    "voice": (
        event(
            {"audioMessage": {"mimetype": "audio/ogg; codecs=opus", "fileLength": "4", "seconds": 5, "PTT": True}},
        ),
        messages.voice(b"data", id="X", sent_at=MOMENT),
    ),
    "document": (
        event(
            {
                "documentWithCaptionMessage": {
                    "message": {
                        "documentMessage": {
                            "mimetype": "application/pdf",
                            "fileLength": "4",
                            "fileName": "a.pdf",
                            "caption": "read",
                        }
                    }
                }
            }
        ),
        messages.document(b"data", file_name="a.pdf", caption="read", id="X", sent_at=MOMENT),
    ),
    "sticker": (
        event({"stickerMessage": {"mimetype": "image/webp", "fileLength": "4", "width": 512, "height": 512}}),
        messages.sticker(b"data", id="X", sent_at=MOMENT),
    ),
    "location": (
        event({"locationMessage": {**POINT, "name": "Here", "address": "There"}}),
        messages.location(1.5, -2.5, "Here", "There", id="X", sent_at=MOMENT),
    ),
    "live location": (
        event({"liveLocationMessage": {**POINT, "caption": "coming"}}),
        messages.live_location(1.5, -2.5, "coming", id="X", sent_at=MOMENT),
    ),
    "contact": (event({"contactMessage": CARD}), messages.contact(BOB, id="X", sent_at=MOMENT)),
    "contacts": (
        event({"contactsArrayMessage": {"contacts": [CARD, CARD]}}),
        messages.contact(BOB, BOB, id="X", sent_at=MOMENT),
    ),
    "poll": (
        event({"pollCreationMessageV3": POLL}),
        messages.poll("Tea?", ["yes", "no"], id="X", sent_at=MOMENT),
    ),
    "poll of many choices": (
        event({"pollCreationMessage": {**POLL, "selectableOptionsCount": 0}}),
        messages.poll("Tea?", ["yes", "no"], most=0, id="X", sent_at=MOMENT),
    ),
    "vote": (
        event({"pollUpdateMessage": {"pollCreationMessageKey": KEY}}),
        messages.poll_vote(FIRST, id="X", sent_at=MOMENT),
    ),
    "reaction": (
        event({"reactionMessage": {"key": KEY, "text": "👍"}}),
        messages.reaction("👍", FIRST, id="X", sent_at=MOMENT),
    ),
    "edit": (
        event(
            {
                "editedMessage": {
                    "message": {
                        "protocolMessage": {
                            "key": KEY,
                            "type": "MESSAGE_EDIT",
                            "editedMessage": {"conversation": "new"},
                        }
                    }
                }
            }
        ),
        messages.edit(FIRST, "new", id="X", sent_at=MOMENT),
    ),
    "deletion": (
        event({"protocolMessage": {"key": KEY, "type": "REVOKE"}}),
        messages.delete("FIRST", id="X", sent_at=MOMENT),
    ),
    "invitation": (
        event({"groupInviteMessage": {"groupJID": GROUP, "caption": "join"}}),
        messages.group_invite("join", id="X", sent_at=MOMENT),
    ),
    "call": (call(), messages.call(id="X", sent_at=MOMENT)),
    "call in a group": (call(40, **{"from": split(GROUP)}), messages.call(id="X", sent_at=MOMENT, group=GROUP)),
    "unknown": (event({"pinInChatMessage": {"key": KEY}}), messages.unknown(id="X", sent_at=MOMENT)),
}


@pytest.fixture(scope="module")
def translated() -> dict[str, IncomingMessage]:
    """Translate the events in a process that may load the library."""
    given = [(code, content, "") for (code, content), _ in CASES.values()]
    found = {}
    for name, text in zip(CASES, run_child("-c", TRANSLATE, given=json.dumps(given)).split(), strict=True):
        notice = notice_decoder.decode(base64.b64decode(text)[FRAME_HEADER.size :])
        assert isinstance(notice, MessageReceived)
        found[name] = notice.message
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_made_message_is_what_the_border_makes_of_a_real_one(
    translated: dict[str, IncomingMessage], name: str
) -> None:
    """All fields, but for the raw form, are the same; that one is there where the real one is."""
    made = CASES[name][1]
    real = translated[name]

    assert msgspec.to_builtins(msgspec.structs.replace(made, raw=b"")) == msgspec.to_builtins(
        msgspec.structs.replace(real, raw=b"")
    )
    assert bool(made.raw) == bool(real.raw)


def test_there_is_one_of_every_kind() -> None:
    """The factory has a function of each kind's name, and the cases above leave none out."""
    assert {made.kind for _, made in CASES.values()} == set(KINDS)
    for kind in KINDS:
        assert callable(getattr(messages, kind))


def test_what_is_not_said_is_as_usual() -> None:
    """Ann writes, now, in UTC, to the second, with an id that nobody else has."""
    one, other = messages.text(), messages.text()

    assert (one.sender_name, one.sender_alt) == ("Ann", "4915112345678@s.whatsapp.net")
    assert one.sender.endswith("@lid")
    assert one.id != other.id
    assert timedelta(0) <= datetime.now(UTC) - one.sent_at < timedelta(seconds=5)
    assert one.sent_at.tzinfo is UTC
    assert one.sent_at.microsecond == 0
    assert not one.was_waiting


def test_old_messages() -> None:
    """By their age, by their moment, or because they waited."""
    assert datetime.now(UTC) - messages.text(age=timedelta(hours=3)).sent_at >= timedelta(hours=3)
    assert messages.text(sent_at=MOMENT).sent_at == MOMENT
    assert messages.text(backlog=True).was_waiting


def test_the_file_is_in_the_raw_form(tmp_path: Path) -> None:
    """Given as bytes or as a path, or a small one of its kind; one that is gone is not there."""
    (tmp_path / "a.txt").write_bytes(b"x" * 70_000)

    document = messages.document(tmp_path / "a.txt", mime="text/plain")

    assert document.media is not None
    assert (document.media.file_name, document.media.size) == ("a.txt", 70_000)
    assert data_in(document.raw) == b"x" * 70_000
    assert data_in(messages.image(b"").raw) == b""
    assert (data_in(messages.image().raw) or b"").startswith(b"\xff\xd8")
    assert data_in(messages.image(gone=True).raw) is None


def test_the_raw_form_is_a_protobuf_with_the_id() -> None:
    """A handler that reads it finds nothing that is wrong."""
    message = messages.image(b"x" * 500)

    assert protobufs("Neonize_pb2").Message.FromString(message.raw).Info.ID == message.id


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: messages.reaction("👍", "A", quoted=FIRST), "no quoted for messages of the kind reaction"),
        (lambda: messages.text(view_once=True), "no view_once for messages of the kind text"),
        (lambda: messages.text(status=True, group=GROUP), "neither in a group nor from_me"),
        (lambda: messages.call(from_me=True), "no calls from_me"),
        (lambda: messages.text(group="friends"), "neither a phone number"),
        (lambda: messages.text(sent_at=datetime(2026, 1, 1)), "needs a time zone"),  # noqa: DTZ001 (that is the fault)
        (lambda: Contact("Ann", "", ""), "needs a number, a lid, or both"),
    ],
)
def test_what_no_real_message_has_is_refused(make: Any, says: str) -> None:
    """A test of something that cannot happen would be worth nothing."""
    with pytest.raises(UsageError, match=says):
        make()


def test_a_persons_other_identity_is_always_the_same() -> None:
    """And differs from person to person."""
    assert Contact("Ann", "4915112345678") == ANN
    assert len({person.jid for person in (ANN, BOB, ME)}) == 3
    assert len(ANN.jid.partition("@")[0]) == 15
