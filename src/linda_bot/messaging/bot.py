"""The author's door to sending without having been asked."""

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from linda_bot.messaging import contents
from linda_bot.messaging.identities import jid_of
from linda_bot.messaging.reception import Desk, Ticket
from linda_bot.messaging.scene import Outgoing
from linda_bot.messaging.store import Draft
from linda_bot.whatsapp.content import AnyContent, Target


class Bot:
    """Sends messages; whom they go to is a phone number or a JID.

    Each is kept on disk before the call returns, and sent as soon as the link is up. Raises UsageError for what cannot
    be sent.
    """

    def __init__(self, desk: Desk, linked_number: Callable[[], str]) -> None:
        self._desk = desk
        self._linked_number = linked_number

    @property
    def number(self) -> str:
        """The linked account's phone number, without `+`; empty before the first login."""
        return self._linked_number()

    def send_text(
        self, to: str, text: str, *, mentions: Iterable[str] = (), joinable: bool = False
    ) -> Awaitable[Outgoing]:
        """Send a text; `joinable` ones that wait for the same chat may be sent as one message."""
        return self._send(to, contents.text(text, mentions=mentions), joinable=joinable)

    def send_image(self, to: str, file: str | Path | bytes, *, caption: str = "") -> Awaitable[Outgoing]:
        """Send a picture."""
        return self._send(to, *contents.file("image", file, caption=caption))

    def send_video(self, to: str, file: str | Path | bytes, *, caption: str = "") -> Awaitable[Outgoing]:
        """Send a video."""
        return self._send(to, *contents.file("video", file, caption=caption))

    def send_audio(self, to: str, file: str | Path | bytes) -> Awaitable[Outgoing]:
        """Send a sound file."""
        return self._send(to, *contents.file("audio", file))

    def send_voice(self, to: str, file: str | Path | bytes, *, seconds: int = 0) -> Awaitable[Outgoing]:
        """Send a voice note: Opus in an Ogg file."""
        return self._send(to, *contents.file("voice", file, seconds=seconds))

    def send_document(
        self, to: str, file: str | Path | bytes, *, file_name: str = "", caption: str = ""
    ) -> Awaitable[Outgoing]:
        """Send any file."""
        return self._send(to, *contents.file("document", file, file_name=file_name, caption=caption))

    def send_sticker(self, to: str, file: str | Path | bytes) -> Awaitable[Outgoing]:
        """Send a sticker: a WebP picture of 512 by 512."""
        return self._send(to, *contents.file("sticker", file))

    def send_location(
        self, to: str, latitude: float, longitude: float, name: str = "", address: str = ""
    ) -> Awaitable[Outgoing]:
        """Send a point on the map, in degrees."""
        return self._send(to, contents.location(latitude, longitude, name, address))

    def send_contact(self, to: str, name: str, number_or_vcard: str) -> Awaitable[Outgoing]:
        """Send somebody's contact card."""
        return self._send(to, contents.contact(name, number_or_vcard))

    def send_poll(self, to: str, question: str, options: Iterable[str], choices: int = 1) -> Awaitable[Outgoing]:
        """Send a poll."""
        return self._send(to, contents.poll(question, options, choices))

    def edit_text(self, chat: str, message_id: str, text: str) -> Awaitable[Outgoing]:
        """Give a text of ours another wording; WhatsApp allows it for some minutes."""
        return self._send(chat, contents.edit(Target(id=message_id, chat=jid_of(chat)), text))

    def delete_message(self, chat: str, message_id: str) -> Awaitable[Outgoing]:
        """Take a message of ours back, for everyone."""
        return self._send(chat, contents.delete(Target(id=message_id, chat=jid_of(chat))))

    async def _send(
        self, to: str, content: AnyContent, file: Path | bytes | None = None, *, joinable: bool = False
    ) -> Outgoing:
        content = await self._desk.attach(content, file)
        (key,) = await self._desk.outbox.put([Draft(jid_of(to), content, joinable)])
        return Ticket(self._desk.outbox, key=key)
