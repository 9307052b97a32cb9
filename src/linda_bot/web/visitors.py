"""Who asks, and what they may."""

import enum
from typing import NamedTuple, Protocol

from aiohttp import web


class Right(enum.Flag):
    """What a visitor may."""

    NONE = 0
    READ = enum.auto()
    """See how the bot is, with numbers masked."""
    LINK = enum.auto()
    """See the codes with which a phone links the bot, and ask for one."""
    OWN = enum.auto()
    """See numbers in full, and change anything."""

    ALL = READ | LINK | OWN


class Proof(enum.Enum):
    """How it is known who asks."""

    NONE = enum.auto()
    SOCKET = enum.auto()
    """The control socket, which only the bot's own user can reach."""
    BEARER = enum.auto()
    """The token in the request's head: a program."""
    COOKIE = enum.auto()
    """A browser that has logged in, or came by a one-shot link."""


class Visitor(NamedTuple):
    """Somebody at the door."""

    rights: Right = Right.NONE
    proof: Proof = Proof.NONE
    csrf: str = ""
    """What a form of this visitor must send back; empty where no cookie proves anything."""

    def may(self, right: Right) -> bool:
        """Return whether the visitor has a right."""
        return right in self.rights


class Gate(Protocol):
    """Decides who may come in by one of the doors."""

    def visitor(self, request: web.Request) -> Visitor:
        """Return who asks; raises RefusedError where nobody is to be answered, whatever they want."""


VISITOR = web.RequestKey("visitor", Visitor)


def visitor_of(request: web.Request) -> Visitor:
    """Return who asks; they have the right that the route needs."""
    return request[VISITOR]
