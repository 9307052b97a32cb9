"""The doors' one application: before any handler it looks at who asks, what they may, and whose page made them ask."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from aiohttp import web

from linda_bot.web.forms import LONGEST_FORM, is_form, read_form
from linda_bot.web.headers import add_headers
from linda_bot.web.problems import Handler, RefusedError, problems
from linda_bot.web.rights import demand
from linda_bot.web.rooms import HALL, ROOM
from linda_bot.web.routes import ROUTE, Route, add_routes
from linda_bot.web.visitors import VISITOR, Gate, Proof, Right, Visitor

CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
_REST = "rest"
_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})


def application(
    routes: Sequence[Route],
    gate: Gate,
    *,
    prefix: str = "",
    rooms: Callable[[web.Request], Route | None] | None = None,
    closing: Sequence[Callable[[], Awaitable[None]]] = (),
) -> web.Application:
    """Return the application behind one door; `closing` is awaited when it ends, before its connections are cut.

    A prefix is where a reverse proxy shows it: with and without it everything is found. `rooms` finds what is asked for
    below `/accounts/{account}/`, where there are several.
    """
    known: dict[object, Route] = {}

    @web.middleware
    async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
        if rooms is not None:
            request[ROOM] = HALL
        is_in_room = rooms is not None and _REST in request.match_info
        route = rooms(request) if rooms is not None and is_in_room else _route_of(request, known)
        if route is not None:
            request[ROUTE] = route
        visitor = request[VISITOR] = gate.visitor(request)
        if route is None:
            return await _nothing_there(request, visitor, handler)
        demand(request, route.needs)
        if request.method not in _CHANGES_NOTHING and visitor.proof is Proof.COOKIE:
            await _check_csrf(request, visitor)
        return await handler(request)

    if prefix:
        routes = [*routes, Route("GET", "", _one_slash_more(prefix), Right.NONE)]
    built = web.Application(middlewares=[problems, door], client_max_size=LONGEST_FORM)
    built.on_response_prepare.append(add_headers)

    async def end(_built: web.Application) -> None:
        for close in closing:
            await close()

    built.on_shutdown.append(end)
    if rooms is not None:
        for each in dict.fromkeys(("", prefix)):
            built.router.add_route("*", f"{each}/accounts/{{account}}/{{{_REST}:.*}}", _in_room)
    known.update(add_routes(built, routes, prefix=prefix))
    return built


async def _in_room(request: web.Request) -> web.StreamResponse:
    """Have a request answered in the room that was found for it."""
    if ROUTE not in request:
        raise web.HTTPNotFound
    return await request[ROUTE].handler(request)


def _one_slash_more(prefix: str) -> Handler:
    """Return what leads somebody to the pages who has typed their address without its last slash."""
    place = f"{prefix.rpartition('/')[2]}/"

    async def lead(_request: web.Request) -> web.Response:
        return web.Response(status=HTTPStatus.PERMANENT_REDIRECT, headers={"Location": place})

    return lead


def _route_of(request: web.Request, known: dict[object, Route]) -> Route | None:
    resource = request.match_info.route.resource
    method = "GET" if request.method == "HEAD" else request.method
    return known.get((resource, method))


async def _nothing_there(request: web.Request, visitor: Visitor, handler: Handler) -> web.StreamResponse:
    """Say that there is no such thing; a stranger does not learn which other method there would be."""
    if visitor.rights is Right.NONE:
        raise web.HTTPNotFound
    return await handler(request)  # which raises what aiohttp found


async def _check_csrf(request: web.Request, visitor: Visitor) -> None:
    """See to it that a browser that proves itself by a cookie shows a page of ours; raises RefusedError."""
    said = request.headers.get(CSRF_HEADER, "")
    if not said and is_form(request):
        said = (await read_form(request)).get(CSRF_FIELD, "")
    # An empty expectation would be met by an empty word.
    if not visitor.csrf or not hmac.compare_digest(said.encode(errors="replace"), visitor.csrf.encode()):
        raise RefusedError(
            HTTPStatus.FORBIDDEN, "this did not come from a page of this bot's; load the page again and repeat it there"
        )
