"""The message that a handler gets."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from linda_bot.whatsapp.events import IncomingMessage

Reply = Callable[[str, str], Awaitable[str]]
"""Sends a text to a chat and returns the new message's id."""


class Message:
    """A received message, and the way back to its chat."""

    __slots__ = ("_incoming", "_reply", "arguments")

    def __init__(self, incoming: IncomingMessage, reply: Reply, arguments: str = "") -> None:
        self._incoming = incoming
        self._reply = reply
        self.arguments = arguments
        """What follows the command's name, without the spaces around it; empty for other messages."""

    @property
    def id(self) -> str:
        """The id that the sender gave it; unique within chat and sender."""
        return self._incoming.id

    @property
    def text(self) -> str:
        """The text, or the caption of a medium; empty for other types."""
        return self._incoming.text

    @property
    def kind(self) -> str:
        """The type, as the protobuf names it: `conversation`, `imageMessage` and so on."""
        return self._incoming.kind

    @property
    def chat(self) -> str:
        """The JID of the conversation."""
        return self._incoming.chat

    @property
    def sender(self) -> str:
        """The JID of the sender; often a LID."""
        return self._incoming.sender

    @property
    def sender_number(self) -> str:
        """The sender's phone number without `+`; empty when WhatsApp did not tell it."""
        for jid in (self._incoming.sender, self._incoming.sender_alt):
            user, _, server = jid.partition("@")
            if server == "s.whatsapp.net":
                return user
        return ""

    @property
    def sender_name(self) -> str:
        """The name that the sender chose, else the number; a stranger's text."""
        return self._incoming.sender_name or self.sender_number or self.sender

    @property
    def sent_at(self) -> datetime:
        """When the sender sent it, by WhatsApp's clock, in UTC, to the second."""
        return self._incoming.sent_at

    @property
    def is_group(self) -> bool:
        """Whether it was said in a group."""
        return self._incoming.is_group

    @property
    def raw(self) -> bytes:
        """The client library's own event, a serialized `neonize.proto.Neonize_pb2.Message`."""
        return self._incoming.raw

    async def reply(self, text: str) -> str:
        """Answer in the same chat and return the answer's id.

        Waits while the link is down. Raises linda_bot.SendError when the answer was not sent, or when nobody knows.
        """
        return await self._reply(self.chat, text)
