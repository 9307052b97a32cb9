"""Every kind of message, from one real client library to another, and the file of each back on the disk."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from linda_bot.sandbox.library import protobufs
from linda_bot.sandbox.server import Sandbox
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
from tests.e2e.conftest import BOT, FRIEND
from tests.support.library_peer import Download, MarkRead, Peer, peer

pytestmark = pytest.mark.slow

BOT_JID, FRIEND_JID = f"{BOT}@s.whatsapp.net", f"{FRIEND}@s.whatsapp.net"
VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Ann\nTEL;waid=4915112345678:+49 1511 2345678\nEND:VCARD"


class Pair(NamedTuple):
    """Two clients that write to each other."""

    sandbox: Sandbox
    bot: Peer
    friend: Peer

    async def deliver(self, content: AnyContent) -> tuple[Any, bytes]:
        """Have the bot send; return the friend's event, also as the library gave it."""
        sent = await self.bot.send(FRIEND_JID, content)
        raw = await self.friend.next_message()
        event = protobufs("Neonize_pb2").Message.FromString(raw)
        assert event.Info.ID == sent
        return event, raw


@pytest.fixture
async def pair(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Pair]:
    """Both linked."""
    async with AsyncExitStack() as stack:
        bot, friend = [
            await stack.enter_async_context(peer(sandbox.environment, tmp_path / name)) for name in ("bot", "friend")
        ]
        await asyncio.gather(bot.link(sandbox.phone(BOT).scan), friend.link(sandbox.phone(FRIEND).scan))
        yield Pair(sandbox, bot, friend)
        assert sandbox.counts["unknown_request"] == 0
        assert sandbox.counts["failed"] == 0


def picture(form: str, size: tuple[int, int]) -> bytes:
    """Return a picture."""
    drawn = BytesIO()
    Image.effect_noise(size, 50).convert("RGB").save(drawn, form)
    return drawn.getvalue()


def opus(seconds: int) -> bytes:
    """Return what looks like an Opus sound of a length."""
    first = b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead\x01\x01" + (312).to_bytes(2, "little") + bytes(7)
    last = b"OggS\x00\x04" + (seconds * 48_000 + 312).to_bytes(8, "little") + bytes(12) + b"\x01\xff"
    return first + b"OggS\x00\x00" + bytes(20) + os.urandom(5_000) + last + os.urandom(255)


async def test_every_kind_arrives_as_what_it_was_sent(pair: Pair, tmp_path: Path) -> None:
    """The fields of each, and every file, byte for byte."""
    files: dict[str, tuple[str, bytes, dict[str, Any]]] = {
        "image": ("a b.jpg", picture("JPEG", (640, 480)), {"caption": "look"}),
        "video": ("clip.mp4", b"\x00\x00\x00\x18ftypmp42" + os.urandom(300_000), {"caption": "see", "seconds": 3}),
        "audio": ("song.mp3", b"ID3\x04" + os.urandom(10_000), {"seconds": 5}),
        "voice": ("voice.ogg", opus(7), {}),
        "sticker": ("sticker.webp", picture("WEBP", (512, 512)), {}),
        "document": ("böse ../name.pdf".replace("/", ":"), b"%PDF-1.7" + os.urandom(2_000_000), {"caption": "read"}),
    }
    said: dict[str, Any] = {}
    for kind, (name, data, more) in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        event, raw = await pair.deliver(File(kind=kind, path=str(path), **more))
        fetched = tmp_path / f"{kind} fetched"
        await pair.friend.ask(Download(raw=raw, path=str(fetched)))
        assert fetched.read_bytes() == data
        assert fetched.stat().st_mode & 0o777 == 0o600
        said[kind] = event

    image, video = said["image"].Message.imageMessage, said["video"].Message.videoMessage
    assert (image.mimetype, image.caption, image.width, image.height) == ("image/jpeg", "look", 640, 480)
    assert Image.open(BytesIO(image.JPEGThumbnail)).size == (100, 75)
    assert (video.mimetype, video.caption, video.seconds) == ("video/mp4", "see", 3)
    audio, voice = said["audio"].Message.audioMessage, said["voice"].Message.audioMessage
    assert (audio.mimetype, audio.PTT, audio.seconds) == ("audio/mpeg", False, 5)
    assert (voice.mimetype, voice.PTT, voice.seconds) == ("audio/ogg; codecs=opus", True, 7)
    sticker, document = said["sticker"].Message.stickerMessage, said["document"].Message.documentMessage
    assert (sticker.mimetype, sticker.width, sticker.isAnimated) == ("image/webp", 512, False)
    assert (document.mimetype, document.caption) == ("application/pdf", "read")
    assert (document.fileName, document.fileLength) == (files["document"][0], 2_000_008)
    assert said["document"].IsDocumentWithCaption
    assert [event.Info.MediaType for event in said.values()] == [
        *("image", "video", "audio", "ptt", "sticker", "document")
    ]
    assert pair.sandbox.counts["media_uploaded"] == pair.sandbox.counts["media_downloaded"] == len(files)


async def test_what_is_no_file_arrives_too(pair: Pair) -> None:
    """Places, cards, polls, texts with mentions, reactions, edits, deletions, quotations."""
    event, _ = await pair.deliver(Location(place=Place(latitude=25.2, longitude=-55.3, name="Here", address="There")))
    place = event.Message.locationMessage
    assert (place.degreesLatitude, place.degreesLongitude, place.name, place.address) == (25.2, -55.3, "Here", "There")

    event, _ = await pair.deliver(Card(card=ContactCard(name="Ann", vcard=VCARD)))
    assert (event.Message.contactMessage.displayName, event.Message.contactMessage.vcard) == ("Ann", VCARD)

    event, _ = await pair.deliver(Question(poll=Poll(question="Tea?", options=("yes", "no"), choices=1)))
    poll = event.Message.pollCreationMessage
    assert (poll.name, [each.optionName for each in poll.options]) == ("Tea?", ["yes", "no"])
    assert poll.selectableOptionsCount == 1
    assert len(event.Message.messageContextInfo.messageSecret) == 32
    assert event.Info.Type == "poll"

    event, _ = await pair.deliver(Text(text="hello @15550001111", mentions=("15550001111@s.whatsapp.net",)))
    mentioning = event.Message.extendedTextMessage
    assert mentioning.text == "hello @15550001111"
    assert list(mentioning.contextInfo.mentionedJID) == ["15550001111@s.whatsapp.net"]

    first, _ = await pair.deliver(Text(text="hello @15550001111"))
    assert first.Message.conversation == "hello @15550001111"
    ours = Target(id=first.Info.ID, chat=FRIEND_JID)

    event, _ = await pair.deliver(Reaction(target=ours, emoji="\N{THUMBS UP SIGN}"))
    reaction = event.Message.reactionMessage
    assert (reaction.text, reaction.key.ID, reaction.key.fromMe) == ("\N{THUMBS UP SIGN}", ours.id, True)

    event, _ = await pair.deliver(Edit(target=ours, text="good day"))
    edit = event.Message.protocolMessage
    assert event.IsEdit
    assert (edit.key.ID, edit.editedMessage.conversation, event.Info.Edit) == (ours.id, "good day", "1")

    event, _ = await pair.deliver(Delete(target=ours))
    deletion = event.Message.protocolMessage
    assert (deletion.key.ID, deletion.type, event.Info.Edit) == (ours.id, deletion.REVOKE, "7")


async def test_quoting_and_reading_what_came(pair: Pair, tmp_path: Path) -> None:
    """A quotation has its author, its words, and nothing of what it quotes itself; the author is told of reading."""
    path = tmp_path / "a.png"
    path.write_bytes(picture("PNG", (30, 20)))
    event, raw = await pair.deliver(File(kind="image", path=str(path), caption="look"))
    source = event.Info.MessageSource
    lid = f"{source.Sender.User}@{source.Sender.Server}"
    target = Target(id=event.Info.ID, chat=lid, sender=lid, raw=raw)

    async def answer(content: AnyContent) -> tuple[Any, bytes]:
        await pair.friend.send(lid, content)
        came = await pair.bot.next_message()
        return protobufs("Neonize_pb2").Message.FromString(came), came

    event, came = await answer(Text(text="nice", quote=target))
    context = event.Message.extendedTextMessage.contextInfo
    assert (context.stanzaID, context.participant) == (target.id, lid)
    assert context.quotedMessage.imageMessage.caption == "look"

    back = f"{event.Info.MessageSource.Sender.User}@lid"
    again = Target(id=event.Info.ID, chat=back, sender=back, raw=came)
    event, _ = await pair.deliver(File(kind="document", path=str(path), quote=again))
    context = event.Message.documentMessage.contextInfo
    assert (context.stanzaID, context.participant) == (again.id, back)
    assert context.quotedMessage.extendedTextMessage.text == "nice"
    assert not context.quotedMessage.extendedTextMessage.HasField("contextInfo")

    await pair.friend.ask(MarkRead(chat=lid, sender=lid, ids=[target.id, event.Info.ID]))
    async with asyncio.timeout(5):
        while not any(note.facts.get("kind") == "read" for note in pair.sandbox.notes):
            await asyncio.sleep(0.02)
    event, _ = await answer(Reaction(target=target, emoji="!"))
    assert (event.Message.reactionMessage.key.ID, event.Message.reactionMessage.key.fromMe) == (target.id, False)


async def test_what_goes_wrong_with_files(pair: Pair, tmp_path: Path) -> None:
    """Each error says that nothing was sent, and nothing was; a download leaves no half of a file."""
    path = tmp_path / "a.txt"
    path.write_text("words")
    event, raw = await pair.deliver(File(kind="document", path=str(path)))
    taken = tmp_path / "taken"
    taken.write_text("precious")
    with pytest.raises(RuntimeError, match="FileExistsError"):
        await pair.friend.ask(Download(raw=raw, path=str(taken)))
    assert taken.read_text() == "precious"
    messages = pair.sandbox.counts["message"]

    with pytest.raises(RuntimeError, match=r"UnsendableError: not sent: there is no file"):
        await pair.bot.send(FRIEND_JID, File(kind="document", path=str(tmp_path / "nowhere")))
    pair.sandbox.media.refuse = HTTPStatus.INSUFFICIENT_STORAGE
    with pytest.raises(RuntimeError, match=r"UploadError: not sent yet: .*status code 507"):
        await pair.bot.send(FRIEND_JID, File(kind="document", path=str(path)))
    pair.sandbox.media.refuse = HTTPStatus.GONE
    with pytest.raises(RuntimeError, match=r"DownloadError: WhatsApp does not keep this file any more"):
        await pair.friend.ask(Download(raw=raw, path=str(tmp_path / "gone")))
    event.Message.documentMessage.fileLength = 10**12
    with pytest.raises(RuntimeError, match=r"DownloadError: the file is too long: 1000000 MB"):
        await pair.friend.ask(Download(raw=event.SerializeToString(), path=str(tmp_path / "gone")))
    with pytest.raises(RuntimeError, match=r"MarkReadError"):
        await pair.friend.ask(MarkRead(chat=FRIEND_JID, sender="", ids=[]))

    assert not (tmp_path / "gone").exists()
    assert pair.sandbox.counts["message"] == messages


async def test_a_media_host_that_never_answers(sandbox: Sandbox, tmp_path: Path) -> None:
    """The library would wait for ever; what follows is sent after the time that a file may take."""
    path = tmp_path / "a.txt"
    path.write_text("words")
    async with peer(sandbox.environment, tmp_path / "bot", "_TRANSFER_WITHIN_S=0.5") as bot:
        await bot.link(sandbox.phone(BOT).scan)
        sandbox.phone(FRIEND)
        sandbox.front.black_hole = True
        with pytest.raises(RuntimeError, match=r"UploadError: not sent yet: .*does not answer"):
            await bot.send(FRIEND_JID, File(kind="document", path=str(path)))

        await bot.send(FRIEND_JID, Text(text="still here"))
        assert sandbox.counts["message"] == 1
