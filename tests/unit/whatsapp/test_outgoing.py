"""What is sent, field by field; the schema is the client library's own."""

import os
from pathlib import Path
from typing import Any

import pytest

from linda_bot.sandbox.library import protobufs
from linda_bot.whatsapp.content import (
    AnyContent,
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
from linda_bot.whatsapp.engine import outgoing
from linda_bot.whatsapp.engine.outgoing import Quotation, UnsendableError, message_fields
from linda_bot.whatsapp.outcomes import NOT_SENT_YET, UNSENDABLE, request_error
from linda_bot.whatsapp.port import ClientError, NotSentError

ANN, GROUP = "4915112345678@s.whatsapp.net", "1203630@g.us"
OURS = Target(id="A1", chat=ANN)
THEIRS = Target(id="B2", chat=ANN, sender=ANN)
IN_GROUP = Target(id="C3", chat=GROUP, sender=ANN)
PLACED = {"URL": "https://host/x", "directPath": "/x?y", "mediaKey": b"k" * 32, "fileLength": 5}


def schema() -> Any:
    """Return the library's messages."""
    return protobufs("waE2E.WAWebProtobufsE2E_pb2")


def built(content: AnyContent, chat: str = ANN) -> Any:
    """Return the library's message for content; what is uploaded goes nowhere, a quotation is its event's bytes."""

    def quote(raw: bytes) -> Quotation:
        return Quotation("Q1", ANN, raw.decode(), schema().Message(conversation="said before"))

    return schema().Message(**message_fields(chat, content, upload=lambda _data, _kind: PLACED, quote=quote))


def shown(message: Any) -> list[str]:
    """Return the names of the fields that are there."""
    return [field.name for field, _ in message.ListFields()]


def written(directory: Path, name: str, data: bytes) -> str:
    """Return the path of a file."""
    path = directory / name
    path.write_bytes(data)
    return str(path)


def test_a_plain_text_mentions_nobody() -> None:
    """Whatever looks like a mention in it."""
    assert built(Text(text="@12345 https://example.org")).conversation == "@12345 https://example.org"


def test_a_text_with_mentions() -> None:
    """They stand beside it."""
    message = built(Text(text="@49 hi", mentions=(ANN,)))

    assert shown(message) == ["extendedTextMessage"]
    assert list(message.extendedTextMessage.contextInfo.mentionedJID) == [ANN]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (Text(text="yes", quote=THEIRS), "extendedTextMessage"),
        (Location(place=Place(latitude=1, longitude=2), quote=THEIRS), "locationMessage"),
        (Card(card=ContactCard(name="Ann", vcard="BEGIN:VCARD"), quote=THEIRS), "contactMessage"),
    ],
)
def test_a_quotation_without_the_message(content: AnyContent, field: str) -> None:
    """Names it, at least."""
    context = getattr(built(content), field).contextInfo

    assert (context.stanzaID, context.participant) == ("B2", ANN)
    assert not context.HasField("quotedMessage")


@pytest.mark.parametrize(("chat", "remote"), [(ANN, GROUP), (GROUP, "")])
def test_a_quotation_with_the_message(chat: str, remote: str) -> None:
    """What was said in a group and is answered elsewhere says where it was said."""
    target = Target(id="B2", chat=GROUP, sender=ANN, raw=GROUP.encode())
    context = built(Text(text="yes", quote=target), chat).extendedTextMessage.contextInfo

    assert (context.stanzaID, context.participant, context.remoteJID) == ("Q1", ANN, remote)
    assert context.quotedMessage.conversation == "said before"


@pytest.mark.parametrize(
    ("target", "key"),
    [(OURS, (True, "A1", ANN, "")), (THEIRS, (False, "B2", ANN, "")), (IN_GROUP, (False, "C3", GROUP, ANN))],
)
def test_a_reaction_names_its_message(target: Target, key: tuple[object, ...]) -> None:
    """Ours, theirs, and in a group with its author; none takes it back."""
    reaction = built(Reaction(target=target, emoji="")).reactionMessage

    assert (reaction.key.fromMe, reaction.key.ID, reaction.key.remoteJID, reaction.key.participant) == key
    assert reaction.HasField("text")
    assert reaction.senderTimestampMS > 1_700_000_000_000


def test_an_edit_and_a_deletion() -> None:
    """In the shapes that whatsmeow tells the server of."""
    edit = built(Edit(target=OURS, text="better")).editedMessage.message.protocolMessage
    assert (edit.key.ID, edit.key.fromMe, edit.editedMessage.conversation) == ("A1", True, "better")
    assert edit.type == edit.MESSAGE_EDIT
    deletion = built(Delete(target=IN_GROUP), GROUP).protocolMessage
    assert (deletion.key.ID, deletion.key.participant, deletion.type) == ("C3", ANN, deletion.REVOKE)


def test_a_poll_has_a_secret_of_its_own() -> None:
    """Votes are encrypted with it."""
    question = Question(poll=Poll(question="Tea?", options=("yes", "no")))
    first, second = built(question), built(question)

    assert first.pollCreationMessage.HasField("selectableOptionsCount")
    assert first.messageContextInfo.messageSecret != second.messageContextInfo.messageSecret


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (Edit(target=THEIRS, text="x"), "only our own messages"),
        (Delete(target=THEIRS), "in groups only"),
        (Question(poll=Poll(question=" ", options=("a", "b"))), "needs a question"),
        (Question(poll=Poll(question="?", options=("a",))), "2 to 12 options, not 1"),
        (Question(poll=Poll(question="?", options=tuple("abcdefghijklm"))), "2 to 12 options, not 13"),
        (Question(poll=Poll(question="?", options=("a", "a"))), "must differ"),
        (Question(poll=Poll(question="?", options=("a", " "))), "none may be empty"),
        (Question(poll=Poll(question="?", options=("a", "b"), choices=3)), "of 2 options, 3 cannot"),
        (Location(place=Place(latitude=91, longitude=0)), "no point on earth"),
        (Location(place=Place(latitude=float("nan"), longitude=0)), "no point on earth"),
        (File(kind="gif", path="x"), "'gif' is no kind of file"),
        (File(kind="document", path="/nowhere"), "there is no file /nowhere"),
        (File(kind="document", path="/dev/zero"), "/dev/zero is not a file"),
        (File(kind="document", path="/"), "/ is not a file"),
        (File(kind="document", path="a\0b"), "cannot be read"),
    ],
)
def test_what_cannot_be_sent(content: AnyContent, because: str) -> None:
    """Says why, and that it has not been."""
    with pytest.raises(UnsendableError, match=because) as raised:
        built(content)

    assert str(raised.value).startswith(UNSENDABLE)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_must_not_be_read(tmp_path: Path) -> None:
    """Says so."""
    path = written(tmp_path, "a.txt", b"x")
    Path(path).chmod(0)

    with pytest.raises(UnsendableError, match="permission denied"):
        built(File(kind="document", path=path))


def test_files_that_are_empty_or_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is read beyond what may be sent."""
    monkeypatch.setattr(outgoing, "MOST_BYTES", 2_000_000)

    with pytest.raises(UnsendableError, match="is empty"):
        built(File(kind="document", path=written(tmp_path, "a", b"")))
    with pytest.raises(UnsendableError, match="longer than 2 MB"):
        built(File(kind="document", path=written(tmp_path, "b", bytes(2_000_001))))
    with pytest.raises(UnsendableError, match="longer than 1 MB"):
        built(File(kind="sticker", path=written(tmp_path, "c", bytes(1_000_001))))


@pytest.mark.parametrize("kind", ["image", "video", "audio", "voice", "sticker"])
def test_a_file_of_another_kind(tmp_path: Path, kind: str) -> None:
    """What WhatsApp would show as broken is refused, with advice; who gives a MIME type knows better."""
    path = written(tmp_path, "a.txt", b"just words")

    with pytest.raises(UnsendableError, match=rf"a\.txt is no {kind} but text/plain; "):
        built(File(kind=kind, path=path))
    assert built(File(kind="image", path=path, mime="image/heic")).imageMessage.mimetype == "image/heic"


def test_a_document_has_a_name(tmp_path: Path) -> None:
    """The given one, or its file's; with a caption it is wrapped, so that phones show it."""
    path = written(tmp_path, "a.pdf", b"%PDF-1")
    plain = built(File(kind="document", path=path)).documentMessage
    wrapped = built(File(kind="document", path=path, file_name="Bill.pdf", caption="pay"))

    assert (plain.fileName, plain.title, plain.mimetype) == ("a.pdf", "a.pdf", "application/pdf")
    assert (plain.URL, plain.directPath, plain.mediaKey) == ("https://host/x", "/x?y", b"k" * 32)
    assert shown(wrapped) == ["documentWithCaptionMessage"]
    document = wrapped.documentWithCaptionMessage.message.documentMessage
    assert (document.fileName, document.caption) == ("Bill.pdf", "pay")


def test_a_picture_that_cannot_be_read_is_sent_all_the_same(tmp_path: Path) -> None:
    """Without a thumbnail."""
    image = built(File(kind="image", path=written(tmp_path, "a.jpg", b"\xff\xd8\xff"))).imageMessage

    assert image.mimetype == "image/jpeg"
    assert not {"width", "height", "JPEGThumbnail"} & set(shown(image))


def test_each_kind_is_uploaded_as_what_it_is_downloaded_as(tmp_path: Path) -> None:
    """The key of a file depends on it (whatsmeow download.go, classToMediaType)."""
    uploaded: list[str] = []

    def upload(data: bytes, kind: str) -> dict[str, Any]:
        uploaded.append(kind)
        return PLACED

    for kind, mime in [
        ("image", "image/png"),
        ("sticker", "image/webp"),
        ("video", "video/mp4"),
        ("audio", "audio/mpeg"),
        ("voice", "audio/ogg; codecs=opus"),
        ("document", "x/y"),
    ]:
        content = File(kind=kind, path=written(tmp_path, "a", b"x"), mime=mime)
        message_fields(ANN, content, upload=upload, quote=lambda _: pytest.fail("nothing is quoted"))

    assert uploaded == ["image", "image", "video", "audio", "audio", "document"]


def test_what_the_errors_mean_to_the_daemon() -> None:
    """Whatever the library's words behind them: nothing has left."""
    assert type(request_error(f"{UNSENDABLE}/tmp/timed out is empty")) is ClientError
    assert type(request_error(f"{UNSENDABLE}/tmp/client is nil is empty")) is ClientError
    assert type(request_error(f"{NOT_SENT_YET}the file could not be uploaded: info query timed out")) is NotSentError
