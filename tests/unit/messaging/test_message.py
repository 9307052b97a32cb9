"""What a handler can read of a message, and do with it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from linda_bot import DownloadError, UsageError
from linda_bot.whatsapp.content import (
    Card,
    ContactCard,
    File,
    Location,
    Media,
    Place,
    Poll,
    Question,
    Quoted,
    Reaction,
    Text,
)
from tests.support.fake_scene import FRIEND, FRIENDS_LID, FakeScene, message

JPEG = Media(mime="image/jpeg", size=5)


def test_a_message_tells_its_facts() -> None:
    """Whatever the wire brought."""
    quoted = Quoted(id="A0", text="before")
    place = Place(latitude=1, longitude=2)
    cards = (ContactCard(name="Ann", vcard=""),)
    poll = Poll(question="?", options=("a", "b"))
    told = message(
        "hi",
        is_group=True,
        is_forwarded=True,
        is_view_once=True,
        from_me=True,
        from_phone=True,
        expires_in_s=60,
        mentions=(FRIEND,),
        quoted=quoted,
        media=JPEG,
        place=place,
        contacts=cards,
        poll=poll,
        emoji="👍",
        target="A0",
        raw=b"raw",
    )

    assert (told.id, told.text, told.kind, told.chat, told.arguments) == ("A1", "hi", "text", FRIEND, "")
    assert told.is_group
    assert told.is_forwarded
    assert told.is_view_once
    assert told.from_me
    assert told.from_phone
    assert not told.is_status
    assert (told.expires_in_s, told.mentions, told.emoji, told.target) == (60, (FRIEND,), "👍", "A0")
    assert (told.quoted, told.media, told.place, told.contacts, told.poll) == (quoted, JPEG, place, cards, poll)
    assert told.raw == b"raw"


@pytest.mark.parametrize(
    ("sender", "other", "number"),
    [
        (FRIEND, "", "4915112345678"),
        (FRIENDS_LID, FRIEND, "4915112345678"),
        (FRIEND, FRIENDS_LID, "4915112345678"),
        (FRIENDS_LID, "", ""),
    ],
)
def test_the_number_of_a_sender_with_a_lid(sender: str, other: str, number: str) -> None:
    """It is the other identity, when WhatsApp tells it."""
    told = message(sender=sender, sender_alt=other)

    assert told.sender_number == number
    assert told.sender_ids == tuple(filter(None, (sender, other)))


def test_a_sender_without_a_name() -> None:
    """Is called by the number, else by the JID."""
    assert message(sender_name="Ann").sender_name == "Ann"
    assert message().sender_name == "4915112345678"
    assert message(sender=FRIENDS_LID).sender_name == FRIENDS_LID


def test_owners_are_known_by_number() -> None:
    """Also when they come with a LID; who has no number is nobody."""
    scene = FakeScene(owners=["4915112345678"])

    assert message(scene=scene, sender=FRIENDS_LID, sender_alt=FRIEND).is_from_owner
    assert not message(scene=scene, sender="4915100000000@s.whatsapp.net").is_from_owner
    assert not message(scene=scene, sender="4915112345678@lid").is_from_owner
    assert not message(scene=FakeScene(owners=[""]), sender=FRIENDS_LID).is_from_owner


def test_age_and_backlog() -> None:
    """A clock that goes wrong makes nobody younger than new."""
    assert message(sent_at=datetime.now(UTC) - timedelta(hours=1)).age >= timedelta(hours=1)
    assert message(sent_at=datetime.now(UTC) + timedelta(hours=1)).age == timedelta(0)
    assert message(scene=FakeScene(is_backlog=True)).is_backlog


def test_a_message_does_not_change() -> None:
    """Handlers share it."""
    with pytest.raises(AttributeError):
        message().text = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        message().mood = "good"  # type: ignore[attr-defined]


def test_a_message_in_a_log_names_nobody() -> None:
    """Neither text nor number."""
    assert repr(message("secret")) == "<Message text 'A1'>"


async def test_replies_of_every_kind(tmp_path: Path) -> None:
    """In the same chat, in order."""
    scene = FakeScene()
    told = message("hi", scene=scene, raw=b"raw")
    picture = tmp_path / "cat.jpg"
    picture.write_bytes(b"cat")

    sent = await told.reply("hello", quote=True, joinable=True)
    await told.reply_image(picture, caption="a cat")
    await told.reply_video(str(picture))
    await told.reply_audio(b"sound")
    await told.reply_voice(b"sound", seconds=3)
    await told.reply_document(b"text", file_name="a.txt")
    await told.reply_sticker(b"webp", quote=True)
    await told.reply_location(1, 2, "here", "there")
    await told.reply_contact("Ann", "4915112345678")
    await told.reply_poll("?", ["a", "b"])
    await told.react("👍")

    assert await sent.confirmed() == "id 1"
    assert {each.chat for each in scene.said} == {FRIEND}
    assert [type(each.content) for each in scene.said] == [
        *(Text, File, File, File, File, File, File),
        *(Location, Card, Question, Reaction),
    ]
    kinds = [each.content.kind for each in scene.said if isinstance(each.content, File)]
    assert kinds == ["image", "video", "audio", "voice", "document", "sticker"]
    assert [each.file for each in scene.said[1:4]] == [picture, picture, b"sound"]
    first = scene.said[0]
    assert isinstance(first.content, Text)
    assert first.joinable
    assert first.content.quote is not None
    assert first.content.quote.raw == b"raw"
    assert told.has_answer


async def test_what_was_refused_is_no_answer() -> None:
    """Nothing was said."""
    told = message("hi")

    with pytest.raises(UsageError, match="there is no file"):
        await told.reply_image("nowhere.jpg")
    with pytest.raises(UsageError, match="empty"):
        await told.reply("")
    assert not told.has_answer


async def test_reading_and_remembering() -> None:
    """Through the scene."""
    scene = FakeScene()
    told = message(scene=scene)

    await told.mark_read()
    (await told.state())["seen"] = 1

    assert scene.read == ["A1"]
    assert (await told.state()) == {"seen": 1}


async def test_a_download_goes_to_a_private_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of its own, with a name that the sender has no say in."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    scene = FakeScene()
    scene.files["../../etc/A1"] = b"12345"
    told = message(scene=scene, id="../../etc/A1", kind="image", media=JPEG)

    path = await told.download()

    assert path.name == "image-etcA1.jpg"
    assert path.read_bytes() == b"12345"
    assert path.parent.parent == tmp_path
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("mime", "file_name", "ending"),
    [
        ("audio/ogg; codecs=opus", "", ".ogg"),
        ("IMAGE/PNG", "", ".png"),
        ("application/x-nobody-knows", "prices.xlsx", ".xlsx"),
        ("application/x-nobody-knows", "/etc/../../a.b/c", ".bin"),
        ("application/x-nobody-knows", "a.s h", ".bin"),
        ("application/x-nobody-knows", "a.\n", ".bin"),
        ("application/x-nobody-knows", "a." + "x" * 500, ".bin"),
        ("", "", ".bin"),
    ],
)
async def test_the_ending_of_a_download(mime: str, file_name: str, ending: str, tmp_path: Path) -> None:
    """Says what it is, never where."""
    scene = FakeScene()
    scene.files["A1"] = b""
    told = message(scene=scene, kind="document", media=Media(mime=mime, file_name=file_name))

    assert await told.download(tmp_path) == tmp_path / f"document-A1{ending}"


async def test_a_download_overwrites_nothing(tmp_path: Path) -> None:
    """In a directory it gets another name."""
    scene = FakeScene()
    scene.files["A1"] = b"12345"
    told = message(scene=scene, kind="image", media=JPEG)

    assert [(await told.download(tmp_path)).name for _ in range(3)] == [
        "image-A1.jpg",
        "image-A1-2.jpg",
        "image-A1-3.jpg",
    ]
    with pytest.raises(DownloadError, match="exists already"):
        await told.download(tmp_path / "image-A1.jpg")
    assert await told.download(tmp_path / "mine.jpg") == tmp_path / "mine.jpg"


async def test_what_cannot_be_downloaded(tmp_path: Path) -> None:
    """Is told in one line, and leaves nothing behind."""
    scene = FakeScene()
    with pytest.raises(DownloadError, match="no file"):
        await message(scene=scene).download()
    with pytest.raises(DownloadError, match="no longer there"):
        await message(scene=scene, kind="image", media=JPEG).download(tmp_path)
    scene.files["A1"] = b"1234567890"
    with pytest.raises(DownloadError, match="5 bytes; at most 4"):
        await message(scene=scene, kind="image", media=JPEG).download(tmp_path, largest=4)
    with pytest.raises(DownloadError, match="10 bytes; at most 9"):
        await message(scene=scene, kind="image", media=JPEG).download(tmp_path, largest=9)
    assert list(tmp_path.iterdir()) == []
