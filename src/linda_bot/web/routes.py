"""The doors' routes: one table for the API, the pages and the probes, whichever door somebody comes by."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from aiohttp import web

from linda_bot.web.visitors import Right

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    """One thing that can be asked."""

    method: str
    """`GET` answers HEAD as well."""
    path: str
    handler: Handler
    needs: Right = Right.READ
    """What a visitor must be allowed; NONE is for everybody."""
    is_page: bool = False
    """Whether a person looks at it in a browser: what goes wrong is a page, too, and who must log in is sent there."""
    is_stream: bool = False
    """Whether the answer lasts for as long as the visitor stays."""


ROUTE = web.RequestKey("route", Route)
"""The route of a request, where it has one."""


def add_routes(application: web.Application, routes: Sequence[Route], *, prefix: str = "") -> dict[object, Route]:
    """Add routes to an application, each with and without a prefix; return them by aiohttp's own."""
    known: dict[object, Route] = {}
    for route in routes:
        for path in dict.fromkeys((route.path, prefix + route.path)):
            if route.method == "GET":
                added = application.router.add_get(path, route.handler, allow_head=not route.is_stream)
            else:
                added = application.router.add_route(route.method, path, route.handler)
            known[added.resource, route.method] = route
    return known
