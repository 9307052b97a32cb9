"""What goes wrong: for programs as RFC 9457 has it (`application/problem+json`), for a person as a page."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web

from linda_bot.kernel.errors import LindaError, UsageError
from linda_bot.kernel.masking import printable
from linda_bot.web.pages.layout import page
from linda_bot.web.routes import ROUTE

_log = logging.getLogger("linda_bot.web")
_LONGEST = 1000
_KINDS = "urn:linda-bot:"
PROBLEM_TYPE = "application/problem+json"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing came of a request."""

    type: str = "about:blank"
    """For programs: `urn:linda-bot:` and a word; `about:blank` where the status says it all."""
    title: str
    status: int
    detail: str
    """One line for a person, which says what would be right."""


def problem(
    status: HTTPStatus, detail: str, *, kind: str = "", title: str = "", headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a problem as a response to a program."""
    return _as_json(_problem(status, detail, kind, title), headers)


class RefusedError(Exception):
    """A request that is not taken, for a reason that HTTP has a status for."""

    def __init__(self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors, in the way that fits who asked; what is sent already stays as it is."""
    try:
        return await handler(request)
    except (web.HTTPRedirection, asyncio.CancelledError, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 (a bug of ours must not end the server)
        found, headers = _what_is_wrong(error, request)
        if found.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.exception("a request failed: %s", printable(request.path))
        if _is_for_a_person(request):
            return page(request, "problem.html", status=found.status, headers=headers, problem=found)
        return _as_json(found, headers)


def _what_is_wrong(error: Exception, request: web.Request) -> tuple[Problem, Mapping[str, str] | None]:
    match error:
        case web.HTTPException():
            status = HTTPStatus(error.status)
            allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
            return _problem(status, _advice(status, request)), allowed
        case RefusedError():
            return _problem(error.status, str(error)), error.headers
        case UsageError():
            return _problem(HTTPStatus.BAD_REQUEST, str(error), "wrong-request", "This cannot be asked"), None
        case TimeoutError():
            detail = "the bot did not come to an end with this in time"
            return _problem(HTTPStatus.GATEWAY_TIMEOUT, detail, "too-slow", "Too slow"), None
        case LindaError():
            return _problem(HTTPStatus.CONFLICT, str(error), "not-now", "Not now"), None
        case _:
            return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"a bug of linda-bot's: {error!r}", "bug", "A bug"), None


def _problem(status: HTTPStatus, detail: str, kind: str = "", title: str = "") -> Problem:
    return Problem(
        type=f"{_KINDS}{kind}" if kind else "about:blank",
        title=title or status.phrase,
        status=status.value,
        detail=printable(detail, _LONGEST),
    )


def _as_json(said: Problem, headers: Mapping[str, str] | None) -> web.Response:
    return web.Response(body=msgspec.json.encode(said), status=said.status, content_type=PROBLEM_TYPE, headers=headers)


def _is_for_a_person(request: web.Request) -> bool:
    route = request.get(ROUTE)
    return route.is_page if route is not None else "text/html" in request.headers.get("Accept", "")


def _advice(status: HTTPStatus, request: web.Request) -> str:
    if status is HTTPStatus.NOT_FOUND:
        return f"there is no {request.path}; docs/control.md lists what there is"
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.path} does not take {request.method}"
    return status.description or status.phrase
