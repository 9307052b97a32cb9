"""The control API, version 1: routes over the front of a running bot."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Literal, TypeVar

import msgspec
from aiohttp import web

from linda_bot.app.answers import BackupMade
from linda_bot.app.front import Front
from linda_bot.kernel.errors import UsageError
from linda_bot.messaging import contents
from linda_bot.web.live import Live
from linda_bot.web.problems import Handler, RefusedError, problem, problems

LONGEST_BODY = 64 * 1024
LONGEST_TEXT_BODY = 512 * 1024
"""A text of 65,536 characters, each of which may take several bytes."""

_BODY_WITHIN_S = 10.0
_LOOK_WITHIN_S = 10.0
_SLACK_S = 10.0
_BACKUP_WITHIN_S = 310.0
_LOGOUT_WITHIN_S = 45.0
_ASKED = "asked by linda-bot reconnect"

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86400)]
Q = TypeVar("Q", bound=msgspec.Struct)


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said where nothing has to be."""


class Reconnect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Have the link renewed, or a wait ended."""

    within_s: Seconds = 30.0
    """How long to wait for the result."""


class Send(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send a text."""

    to: str
    """A phone number with its country code, or a JID."""
    text: str
    within_s: Seconds = 30.0
    """How long to wait for WhatsApp's word; it is sent all the same."""


class LogLevel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is logged."""

    level: Literal["debug", "info", "warning", "error"]


def application(front: Front, *, admits: Callable[[web.Request], bool]) -> web.Application:
    """Return the API of a bot; whoever `admits` does not let in gets nothing."""

    @web.middleware
    async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not admits(request):
            return problem(HTTPStatus.FORBIDDEN, "this bot belongs to another user; ask as that user")
        return await handler(request)

    api, live = _Api(front), Live(front)
    built = web.Application(middlewares=[problems, door])
    built.on_shutdown.append(live.close)
    built.router.add_get("/v1/status", api.status)
    built.router.add_get("/v1/health", api.health)
    built.router.add_get("/v1/metrics", api.metrics)
    built.router.add_get("/v1/events", live.stream, allow_head=False)
    built.router.add_post("/v1/reconnect", api.reconnect)
    built.router.add_post("/v1/backup", api.back_up)
    built.router.add_post("/v1/send", api.send)
    built.router.add_post("/v1/pause", api.pause)
    built.router.add_post("/v1/resume", api.resume)
    built.router.add_post("/v1/logout", api.logout)
    built.router.add_post("/v1/log-level", api.set_log_level)
    return built


class _Api:
    """What is done for each route; every request has a deadline."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def status(self, request: web.Request) -> web.Response:
        """How the bot is; numbers in full with `?show_numbers=true`."""
        show = request.query.get("show_numbers", "false")
        if show not in ("true", "false"):
            raise UsageError("show_numbers is true or false")
        return _answer(await _within(_LOOK_WITHIN_S, self._front.status(show_numbers=show == "true")))

    async def health(self, _request: web.Request) -> web.Response:
        """The last look at the bot's health; status 503 when it is unhealthy."""
        found = self._front.health()
        is_bad = found.grade == "unhealthy"
        return _answer(found, status=HTTPStatus.SERVICE_UNAVAILABLE if is_bad else HTTPStatus.OK)

    async def metrics(self, _request: web.Request) -> web.Response:
        """The metrics, as Prometheus reads them."""
        text = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=await _within(_LOOK_WITHIN_S, asyncio.to_thread(self._front.metrics)), headers=text)

    async def reconnect(self, request: web.Request) -> web.Response:
        """Ask for a new connection, and tell what came of it."""
        asked = await _read(request, Reconnect)
        work = self._front.reconnect(_ASKED, within_s=asked.within_s)
        return _answer(await _within(asked.within_s + _SLACK_S, work))

    async def back_up(self, request: web.Request) -> web.Response:
        """Make a backup."""
        await _read(request, Nothing)
        return _answer(BackupMade(backup=await _within(_BACKUP_WITHIN_S, self._front.back_up())))

    async def send(self, request: web.Request) -> web.Response:
        """Send a text through the outbox."""
        asked = await _read(request, Send, most=LONGEST_TEXT_BODY)
        work = self._front.send(asked.to, contents.text(asked.text), within_s=asked.within_s)
        return _answer(await _within(asked.within_s + _SLACK_S, work))

    async def pause(self, request: web.Request) -> web.Response:
        """Have nothing handled and nothing sent."""
        await _read(request, Nothing)
        return _answer(await _within(_LOOK_WITHIN_S, self._front.pause()))

    async def resume(self, request: web.Request) -> web.Response:
        """End a pause."""
        await _read(request, Nothing)
        return _answer(await _within(_LOOK_WITHIN_S, self._front.resume()))

    async def logout(self, request: web.Request) -> web.Response:
        """Take the device off the account; the bot ends then."""
        await _read(request, Nothing)
        return _answer(await _within(_LOGOUT_WITHIN_S, self._front.logout()))

    async def set_log_level(self, request: web.Request) -> web.Response:
        """Change how much is logged."""
        asked = await _read(request, LogLevel)
        self._front.set_log_level(asked.level)
        return _answer(asked)


T = TypeVar("T")


async def _within(seconds: float, work: Awaitable[T]) -> T:
    """Await something; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        return await work


def _answer(said: msgspec.Struct, *, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(said),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


async def _read(request: web.Request, kind: type[Q], *, most: int = LONGEST_BODY) -> Q:
    """Return what is asked, from a JSON body or none; raises UsageError and aiohttp's errors."""
    try:
        body = await _within(_BODY_WITHIN_S, _body(request, most))
    except TimeoutError:
        detail = f"the body did not come within {_BODY_WITHIN_S:g} s"
        raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, detail) from None
    if body and request.content_type != "application/json":
        detail = "the body must be JSON; say so: Content-Type: application/json"
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the body is not what is asked for here: {error}") from None


async def _body(request: web.Request, most: int) -> bytes:
    too_large = RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is too large: at most {most} bytes")
    if "Content-Encoding" in request.headers:
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed")
    if (request.content_length or 0) > most:
        raise too_large
    found = bytearray()
    while chunk := await request.content.readany():
        found += chunk
        if len(found) > most:
            raise too_large
    return bytes(found)
