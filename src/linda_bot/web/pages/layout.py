"""What all pages have in common."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from linda_bot.web.rooms import ROOM
from linda_bot.web.routes import ROUTE
from linda_bot.web.visitors import VISITOR, Proof, Right, Visitor

_TEMPLATES = Path(__file__).with_name("templates")
_NOBODY = Visitor()


def render(template: str, **facts: object) -> str:
    """Return what a template makes of facts; whatever they say, it stays text."""
    return _template(template).render(**facts)


def page(
    request: web.Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **facts: object
) -> web.Response:
    """Return a page.

    Beside its facts a template has `root` (what its relative addresses begin with), `csrf` (what its forms send back),
    `signed_in` and `may_log_in`; where there are several accounts also `room` (that of the page), and `up` (the way
    from there to the overview).
    """
    visitor = request.get(VISITOR, _NOBODY)
    signed_in = visitor.proof is Proof.COOKIE and visitor.may(Right.OWN)
    room = request.get(ROOM)
    up = "../../" if room is not None and room.account and ROUTE in request else ""
    common = {"root": _root_of(request), "csrf": visitor.csrf, "signed_in": signed_in, "room": room, "up": up}
    text = render(template, may_log_in=not visitor.may(Right.OWN), **common, **facts)
    return web.Response(text=text, status=status, headers=headers, content_type="text/html")


def _root_of(request: web.Request) -> str:
    """Return the way up from an address to that of the pages: nothing, but for an address that there is not."""
    # A path prefix does not matter here: all pages that there are lie at one depth, and so does the way to them.
    return "" if ROUTE in request else "../" * (request.path.count("/") - 1)


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
