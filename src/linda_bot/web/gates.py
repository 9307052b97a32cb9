"""Who comes in by which door: the control socket, or the web page."""

import os
import socket
import struct
from http import HTTPStatus

from aiohttp import web

from linda_bot.web.access import Access
from linda_bot.web.hosts import (
    ForeignHostError,
    ForeignSiteError,
    Public,
    address_of,
    check_way,
    is_proxied,
)
from linda_bot.web.problems import RefusedError
from linda_bot.web.rooms import HALL, ROOM
from linda_bot.web.routes import ROUTE
from linda_bot.web.visitors import Proof, Right, Visitor

_CREDENTIALS = struct.Struct("iII")
"""A peer's process, user and group; Linux, unix(7)."""

_BEARER = "bearer "
_OWNER, _PROGRAM = Visitor(Right.ALL, Proof.SOCKET), Visitor(Right.ALL, Proof.BEARER)


class SocketGate:
    """The control socket: everything is allowed to the bot's own user, nothing to anybody else."""

    def __init__(self, public: Public | None = None) -> None:
        self._public = public

    def visitor(self, request: web.Request) -> Visitor:
        """Return the bot's own user; raises RefusedError for any other, and for a browser that a site has misled.

        A browser comes by a port that somebody has forwarded to the socket.
        """
        check_way(request, self._public)
        if is_proxied(request):
            # Whoever comes by a proxy of ours would be taken for ourselves.
            detail = "the control socket is not for a proxy: let it ask the web page (LINDA_HTTP, LINDA_HTTP_TOKEN)"
            raise RefusedError(HTTPStatus.FORBIDDEN, detail)
        if not is_ours(request):
            raise RefusedError(HTTPStatus.FORBIDDEN, "this bot belongs to another user; ask as that user")
        return _OWNER


class TcpGate:
    """The web page."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._names = frozenset({access.bound.host})

    def visitor(self, request: web.Request) -> Visitor:
        """Return who asks by what they show; raises RefusedError where the way they come by is wrong, or the token."""
        address = self.address_of(request)
        try:
            check_way(request, self._access.public, names=self._names)
        except ForeignHostError:
            self._access.refused(address, "a host name that is not the bot's")
            raise
        except ForeignSiteError:
            self._access.refused(address, "another site's request")
            raise
        if not self._access.has_token and is_proxied(request):
            # A proxy on this machine opens to everybody what only this machine could reach.
            self._access.refused(address, "a proxy, and no token is set")
            detail = "this came through a proxy: set LINDA_HTTP_TOKEN and LINDA_HTTP_URL"
            raise RefusedError(HTTPStatus.FORBIDDEN, detail)
        return self._program(request, address) or self._browser(request) or self._access.stranger()

    def address_of(self, request: web.Request) -> str:
        """Return where a request comes from, for counting."""
        return address_of(request, behind_proxy=self._access.public is not None)

    def _program(self, request: web.Request, address: str) -> Visitor | None:
        said = request.headers.get("Authorization", "")
        if not self._access.has_token or said[: len(_BEARER)].lower() != _BEARER:
            return None
        route = request.get(ROUTE)
        try:
            if self._access.check_token(said[len(_BEARER) :].strip(), address):
                return _PROGRAM
        except RefusedError:
            if route is None or route.needs:
                raise
        if route is None or route.needs:
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "this is not the token (LINDA_HTTP_TOKEN)", headers=headers)
        return None  # a probe with a token of yesterday's must not have the bot taken for dead

    def _browser(self, request: web.Request) -> Visitor | None:
        access = self._access
        text = request.cookies.get(access.cookie_name)
        found = None if text is None else access.visitor_with(text)
        room = request.get(ROOM, HALL)
        if found is not None or not room.account:
            return found
        text = request.cookies.get(access.link_cookie_name)
        return None if text is None else access.visitor_with(text, room)


def is_ours(request: web.Request) -> bool:
    """Return whether a request comes from our own user, or from root; where the system does not tell, from anybody.

    The socket's mode and that of its directory say the same; this is for when somebody has changed them.
    """
    user = user_of(request.get_extra_info("socket"))
    return user is None or user in {os.geteuid(), 0}


def user_of(peer: socket.socket | None) -> int | None:
    """Return the user on the other end of a unix socket; None where the system does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if peer is None or option is None or peer.family != socket.AF_UNIX:
        return None
    _, user, _ = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size))
    return int(user)
