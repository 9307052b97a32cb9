"""What surrounds a message in tests: a chat that hears what is said, and files that can be downloaded."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.message import Message
from linda_bot.messaging.router import Router
from linda_bot.messaging.routing import Plan, resolve
from linda_bot.messaging.scene import State
from linda_bot.whatsapp.content import AnyContent, Text
from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.port import ClientError

FRIEND = "4915112345678@s.whatsapp.net"
FRIENDS_LID = "99887766554433@lid"


class Said:
    """Something that was said; WhatsApp has it at once."""

    def __init__(self, key: int, chat: str, content: AnyContent, file: Path | bytes | None, *, joinable: bool) -> None:
        self.key = key
        self.chat = chat
        self.content = content
        self.file = file
        self.joinable = joinable

    async def confirmed(self) -> str:
        return f"id {self.key}"


class FakeScene:
    """A scene that remembers what was said in it."""

    def __init__(self, *, owners: Sequence[str] = (), is_backlog: bool = False) -> None:
        self.owners = frozenset(owners)
        self.is_backlog = is_backlog
        self.said: list[Said] = []
        self.read: list[str] = []
        self.files: dict[str, bytes] = {}
        self._state = State()
        self._keys = itertools.count(1)

    @property
    def texts(self) -> list[str]:
        """The texts that were said."""
        return [each.content.text for each in self.said if isinstance(each.content, Text)]

    async def say(
        self, chat: str, content: AnyContent, *, file: Path | bytes | None = None, joinable: bool = False
    ) -> Said:
        if isinstance(file, Path) and not file.is_file():
            message = f"there is no file {file}"
            raise UsageError(message)
        said = Said(next(self._keys), chat, content, file, joinable=joinable)
        self.said.append(said)
        return said

    async def mark_read(self, message: IncomingMessage) -> None:
        self.read.append(message.id)

    async def download(self, message: IncomingMessage, to: Path) -> None:
        if message.id not in self.files:
            reason = "the file is no longer there"
            raise ClientError(reason)
        with to.open("xb") as file:
            file.write(self.files[message.id])

    async def state(self) -> State:
        return self._state


def incoming(text: str = "", **facts: Any) -> IncomingMessage:
    """Return a received message: a friend's text, unless told otherwise."""
    known = {"id": "A1", "chat": FRIEND, "sender": FRIEND, "kind": "text", "sent_at": datetime.now(UTC)}
    return IncomingMessage(**{**known, "text": text, **facts})


def message(text: str = "", *, scene: FakeScene | None = None, **facts: Any) -> Message:
    """Return a received message as a handler gets it."""
    return Message(incoming(text, **facts), scene or FakeScene())


async def plan_for(received: Message, *routers: Router) -> Plan | None:
    """Return what to do with a message, where commands begin with `!`."""
    return await resolve(received, routers, "!")


async def answers(router: Router, text: str = "", *, scene: FakeScene | None = None, **facts: Any) -> list[str]:
    """Have a router handle a message, and return the texts that were said."""
    place = scene or FakeScene()
    plan = await plan_for(message(text, scene=place, **facts), router)
    if plan is not None:
        await plan.run()
    return place.texts
