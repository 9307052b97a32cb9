"""What a visitor is told who lacks a right."""

import re
from http import HTTPStatus

from aiohttp import web

from linda_bot.web.problems import RefusedError
from linda_bot.web.routes import ROUTE
from linda_bot.web.visitors import Proof, Right, Visitor, visitor_of

NEXT = {"status": "./", "link": "link"}
"""Where one may want to go after a login: by names, so that no address of somebody else's can stand there."""

_IN_A_ROOM = re.compile(r"(?P<room>[0-9a-z]{1,20})-(?P<name>status|link)")
"""The same, among several accounts."""


def is_place(name: str) -> bool:
    """Return whether this is the name of a place where one may want to go."""
    return name in NEXT or _IN_A_ROOM.fullmatch(name) is not None


def place_after_login(wanted: str | None) -> str:
    """Return where somebody goes who has logged in; the first page for what is no name of ours."""
    found = _IN_A_ROOM.fullmatch(wanted or "")
    if found is not None:
        return f"accounts/{found['room']}/{NEXT[found['name']].removeprefix('./')}"
    return NEXT.get(wanted or "", NEXT["status"])


def demand(request: web.Request, right: Right) -> None:
    """Do nothing if a visitor has a right; else raise RefusedError, or send a person to where they can log in."""
    visitor = visitor_of(request)
    if visitor.may(right):
        return
    # Without a token everybody has some right: so this one has not shown a token that there is.
    if visitor.proof is Proof.NONE and visitor.rights is Right.NONE:
        route = request.get(ROUTE)
        if route is not None and route.is_page:
            wanted = "link" if route.path.startswith("/link") else "status"
            raise web.HTTPSeeOther(f"login?next={wanted}")
        raise RefusedError(
            HTTPStatus.UNAUTHORIZED,
            "this needs the token (LINDA_HTTP_TOKEN): send it as Authorization: Bearer TOKEN",
            headers={"WWW-Authenticate": "Bearer"},
        )
    raise RefusedError(HTTPStatus.FORBIDDEN, _advice(visitor, right))


def _advice(visitor: Visitor, right: Right) -> str:
    if right is Right.LINK:
        return "only a one-shot link shows this: `linda-bot link` on the bot's machine prints one"
    if visitor.may(Right.READ):  # so there is no token
        return (
            "no token is set, so nobody can show here that the bot is theirs; use the command `linda-bot` on the bot's "
            "machine, or set LINDA_HTTP_TOKEN and log in"
        )
    return (
        "your one-shot link is for linking a phone only; log in with the token (LINDA_HTTP_TOKEN) for everything else"
    )
