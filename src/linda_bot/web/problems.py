"""What goes wrong, as RFC 9457 has it: `application/problem+json`."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web

from linda_bot.kernel.errors import LindaError, UsageError
from linda_bot.kernel.masking import printable

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
    """Return a problem as a response."""
    said = Problem(
        type=f"{_KINDS}{kind}" if kind else "about:blank",
        title=title or status.phrase,
        status=status.value,
        detail=printable(detail, _LONGEST),
    )
    return web.Response(body=msgspec.json.encode(said), status=status, content_type=PROBLEM_TYPE, headers=headers)


class RefusedError(Exception):
    """A request that is not taken, for a reason that HTTP has a status for."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:  # noqa: PLR0911 (one case an error)
    """Answer errors; what is sent already stays as it is."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        status = HTTPStatus(error.status)
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return problem(status, _advice(status, request), headers=allowed)
    except RefusedError as error:
        return problem(error.status, str(error))
    except UsageError as error:
        return problem(HTTPStatus.BAD_REQUEST, str(error), kind="wrong-request", title="This cannot be asked")
    except TimeoutError:
        return problem(
            HTTPStatus.GATEWAY_TIMEOUT,
            "the bot did not come to an end with this in time",
            kind="too-slow",
            title="Too slow",
        )
    except LindaError as error:
        return problem(HTTPStatus.CONFLICT, str(error), kind="not-now", title="Not now")
    except (asyncio.CancelledError, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 (a bug of ours, which must not end the server)
        _log.exception("a request failed: %s", request.path)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"a bug of linda-bot's: {error!r}", kind="bug", title="A bug")


def _advice(status: HTTPStatus, request: web.Request) -> str:
    if status is HTTPStatus.NOT_FOUND:
        return f"there is no {request.path}; docs/control.md lists what there is"
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.path} does not take {request.method}"
    return status.description or status.phrase
