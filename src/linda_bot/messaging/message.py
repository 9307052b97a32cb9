"""The message that a handler gets."""

from collections.abc import Iterable
from pathlib import Path

from linda_bot.messaging import contents
from linda_bot.messaging.downloads import DownloadError, place_for
from linda_bot.messaging.identities import jid_of
from linda_bot.messaging.message_facts import MessageFacts
from linda_bot.messaging.scene import Outgoing, Scene, State
from linda_bot.whatsapp.content import AnyContent, Target
from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.port import ClientError

_LARGEST_DOWNLOAD = 100 * 1024 * 1024


class Message(MessageFacts):
    """A received message, which never changes, and the way back to its chat; every text in it is a stranger's.

    The `reply` methods put an answer into the outbox, in order, and return at once: it is sent when the link is up.
    Await `confirmed()` of what they return to wait for WhatsApp. They raise UsageError for what cannot be sent.
    """

    __slots__ = ("_answers",)

    def __init__(self, incoming: IncomingMessage, scene: Scene, arguments: str = "") -> None:
        super().__init__(incoming, scene, arguments)
        self._answers: list[AnyContent] = []

    @property
    def has_answer(self) -> bool:
        """Whether a handler has replied or reacted to it."""
        return bool(self._answers)

    async def reply(
        self, text: str, *, quote: bool = False, mentions: Iterable[str] = (), joinable: bool = False
    ) -> Outgoing:
        """Answer with a text in the same chat.

        `quote` shows this message above the answer. `mentions` are numbers or JIDs, each of which stands in the text
        as `@` and the number. `joinable` answers that wait together are sent as one message.
        """
        return await self._say(contents.text(text, quote=self._quoted_if(quote), mentions=mentions), joinable=joinable)

    async def reply_image(self, file: str | Path | bytes, *, caption: str = "", quote: bool = False) -> Outgoing:
        """Answer with a picture."""
        return await self._say_file("image", file, caption=caption, quote=quote)

    async def reply_video(self, file: str | Path | bytes, *, caption: str = "", quote: bool = False) -> Outgoing:
        """Answer with a video."""
        return await self._say_file("video", file, caption=caption, quote=quote)

    async def reply_audio(self, file: str | Path | bytes, *, quote: bool = False) -> Outgoing:
        """Answer with a sound."""
        return await self._say_file("audio", file, quote=quote)

    async def reply_voice(self, file: str | Path | bytes, *, seconds: int = 0, quote: bool = False) -> Outgoing:
        """Answer with a voice note: Opus in an Ogg file."""
        return await self._say_file("voice", file, seconds=seconds, quote=quote)

    async def reply_document(
        self, file: str | Path | bytes, *, caption: str = "", file_name: str = "", quote: bool = False
    ) -> Outgoing:
        """Answer with a file as it is; `file_name` is what the receiver sees, by default the file's own name."""
        return await self._say_file("document", file, caption=caption, file_name=file_name, quote=quote)

    async def reply_sticker(self, file: str | Path | bytes, *, quote: bool = False) -> Outgoing:
        """Answer with a sticker; WhatsApp takes WebP."""
        return await self._say_file("sticker", file, quote=quote)

    async def reply_location(
        self, latitude: float, longitude: float, name: str = "", address: str = "", *, quote: bool = False
    ) -> Outgoing:
        """Answer with a point on a map, in degrees."""
        return await self._say(contents.location(latitude, longitude, name, address, quote=self._quoted_if(quote)))

    async def reply_contact(self, name: str, number_or_vcard: str, *, quote: bool = False) -> Outgoing:
        """Answer with a contact card."""
        return await self._say(contents.contact(name, number_or_vcard, quote=self._quoted_if(quote)))

    async def reply_poll(self, question: str, options: Iterable[str], choices: int = 1) -> Outgoing:
        """Answer with a poll of 2 to 12 options; `choices` is how many one may choose, 0 for any number."""
        return await self._say(contents.poll(question, options, choices))

    async def send_text(self, to: str, text: str, *, mentions: Iterable[str] = ()) -> Outgoing:
        """Write to somebody else because of this message; `to` is a number or a JID.

        As an answer, it is sent once, even when the bot is killed meanwhile and the message is handled again.
        """
        return await self._scene.say(jid_of(to), contents.text(text, mentions=mentions))

    async def react(self, emoji: str) -> Outgoing:
        """Put an emoji beside the message; an empty text takes it back."""
        return await self._say(contents.reaction(contents.reaction_target(self._incoming), emoji))

    async def mark_read(self) -> None:
        """Show the sender that it was read."""
        await self._scene.mark_read(self._incoming)

    async def download(self, to: Path | None = None, *, largest: int = _LARGEST_DOWNLOAD) -> Path:
        """Write the message's file to `to` and return its path; raises DownloadError.

        `to` is a new file, or a directory in which a safe name is chosen; by default a new private directory, which
        the handler deletes. What is larger than `largest` bytes is not kept.
        """
        if self.media is None:
            raise DownloadError(f"a message of the kind {self.kind} has no file to download")
        if self.media.size > largest:
            raise _too_large(self.media.size, largest)
        path = place_for(self._incoming, to)
        try:
            await self._scene.download(self._incoming, path)
        except ClientError as error:
            raise DownloadError(f"the file could not be downloaded: {error}") from error
        size = path.stat().st_size  # the sender's word for it was only a word
        if size > largest:
            path.unlink()
            raise _too_large(size, largest)
        return path

    async def state(self) -> State:
        """Return what the bot remembers of the chat; what is changed in it is kept when the handler ends well."""
        return await self._scene.state()

    def with_arguments(self, arguments: str) -> "Message":
        """Return the same message as a command's handler sees it."""
        return Message(self._incoming, self._scene, arguments)

    async def _say_file(
        self,
        kind: str,
        file: str | Path | bytes,
        *,
        quote: bool,
        caption: str = "",
        file_name: str = "",
        seconds: int = 0,
    ) -> Outgoing:
        quoted = self._quoted_if(quote)
        content, source = contents.file(kind, file, caption=caption, file_name=file_name, seconds=seconds, quote=quoted)
        return await self._say(content, file=source)

    async def _say(self, content: AnyContent, *, file: Path | bytes | None = None, joinable: bool = False) -> Outgoing:
        chat = self.sender if self.is_status else self.chat  # a status update is answered to whom it is from
        outgoing = await self._scene.say(chat, content, file=file, joinable=joinable)
        self._answers.append(content)
        return outgoing

    def _quoted_if(self, quote: bool) -> Target | None:  # noqa: FBT001 (said by every caller's own keyword)
        return contents.quotation(self._incoming) if quote else None


def _too_large(size: int, largest: int) -> DownloadError:
    return DownloadError(f"the file has {size:,} bytes; at most {largest:,} are downloaded")
