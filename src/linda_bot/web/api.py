"""The control API, version 1: what is done for each operation, over the front of a running bot."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TypeVar

import msgspec
from aiohttp import web

from linda_bot.app.answers import BackupMade
from linda_bot.app.front import Front, NotNowError
from linda_bot.messaging import contents
from linda_bot.web.asked import read_body, read_query
from linda_bot.web.history import read_history
from linda_bot.web.live import Live
from linda_bot.web.openapi import document
from linda_bot.web.operations import (
    API,
    JSON,
    LONGEST_BODY,
    LONGEST_TEXT_BODY,
    OPERATIONS,
    PROBES,
    Invitation,
    LogLevel,
    Looking,
    LookingBack,
    Nothing,
    Operation,
    Reconnect,
    Send,
)
from linda_bot.web.rights import demand
from linda_bot.web.routes import Handler, Route
from linda_bot.web.visitors import Right

Invite = Callable[[], tuple[str, float]]
"""Makes a one-shot link to the pairing page; returns it, and for how many seconds it is valid."""

METRICS_HEAD = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
LOOK_WITHIN_S = 10.0
_SLACK_S = 10.0
_BACKUP_WITHIN_S = 310.0
_LOGOUT_WITHIN_S = 45.0
_ASKED = "asked by linda-bot reconnect"
T = TypeVar("T")


def api_routes(front: Front, live: Live, invite: Invite | None = None) -> list[Route]:
    """Return the routes of the API; `live` tells the events, and is closed by whoever closes the door.

    `invite` is None where there is no web page.
    """
    api = _Api(front, invite)
    handlers: dict[str, Handler] = {
        "status": api.status,
        "health": api.health,
        "history": api.history,
        "events": live.stream,
        "metrics": api.metrics,
        "reconnect": api.reconnect,
        "backup": api.back_up,
        "send": api.send,
        "pause": api.pause,
        "resume": api.resume,
        "logout": api.logout,
        "log-level": api.set_log_level,
        "link": api.invite,
    }
    routes = [route_of(operation, handlers[operation.name]) for operation in OPERATIONS]
    return [*routes, Route("GET", f"{API}/openapi.json", described_by(OPERATIONS, PROBES))]


def route_of(operation: Operation, handler: Handler) -> Route:
    """Return the route of an operation; unknown parameters are refused before its handler runs."""

    async def answer(request: web.Request) -> web.StreamResponse:
        read_query(request, operation.query)
        return await handler(request)

    return Route(operation.method, operation.path, answer, operation.needs, is_stream=operation.is_stream)


async def within(seconds: float, work: Awaitable[T]) -> T:
    """Await something; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        return await work


def answered(said: msgspec.Struct, *, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Return a value as a response."""
    return web.Response(body=msgspec.json.encode(said), status=status, content_type=JSON)


async def metrics(front: Front) -> web.Response:
    """Return the metrics as a response."""
    return web.Response(body=await within(LOOK_WITHIN_S, asyncio.to_thread(front.metrics)), headers=METRICS_HEAD)


class _Api:
    """What is done for each operation; every request has a deadline."""

    def __init__(self, front: Front, invite: Invite | None) -> None:
        self._front = front
        self._invite = invite

    async def status(self, request: web.Request) -> web.Response:
        """How the bot is."""
        asked = read_query(request, Looking)
        may_see_numbers(request, wanted=asked.show_numbers)
        return answered(await within(LOOK_WITHIN_S, self._front.status(show_numbers=asked.show_numbers)))

    async def health(self, _request: web.Request) -> web.Response:
        """The last look at the bot's health; status 503 when it is unhealthy."""
        found = self._front.health()
        is_bad = found.grade == "unhealthy"
        return answered(found, status=HTTPStatus.SERVICE_UNAVAILABLE if is_bad else HTTPStatus.OK)

    async def history(self, request: web.Request) -> web.Response:
        """What has happened to the session."""
        asked = read_query(request, LookingBack)
        may_see_numbers(request, wanted=asked.show_numbers)
        since = None if asked.since is msgspec.UNSET else asked.since
        file, last, show = self._front.job.paths.history, asked.last, asked.show_numbers
        work = asyncio.to_thread(read_history, file, since=since, last=last, show_numbers=show)
        return answered(await within(LOOK_WITHIN_S, work))

    async def metrics(self, _request: web.Request) -> web.Response:
        """The metrics, as Prometheus reads them."""
        return await metrics(self._front)

    async def reconnect(self, request: web.Request) -> web.Response:
        """Ask for a new connection, and tell what came of it."""
        asked = await read_body(request, Reconnect, most=LONGEST_BODY)
        work = self._front.reconnect(_ASKED, within_s=asked.within_s)
        return answered(await within(asked.within_s + _SLACK_S, work))

    async def back_up(self, request: web.Request) -> web.Response:
        """Make a backup."""
        await read_body(request, Nothing, most=LONGEST_BODY)
        return answered(BackupMade(backup=await within(_BACKUP_WITHIN_S, self._front.back_up())))

    async def send(self, request: web.Request) -> web.Response:
        """Send a text through the outbox."""
        asked = await read_body(request, Send, most=LONGEST_TEXT_BODY)
        work = self._front.send(asked.to, contents.text(asked.text), within_s=asked.within_s)
        return answered(await within(asked.within_s + _SLACK_S, work))

    async def pause(self, request: web.Request) -> web.Response:
        """Have nothing handled and nothing sent."""
        await read_body(request, Nothing, most=LONGEST_BODY)
        return answered(await within(LOOK_WITHIN_S, self._front.pause()))

    async def resume(self, request: web.Request) -> web.Response:
        """End a pause."""
        await read_body(request, Nothing, most=LONGEST_BODY)
        return answered(await within(LOOK_WITHIN_S, self._front.resume()))

    async def logout(self, request: web.Request) -> web.Response:
        """Take the device off the account; the bot ends then."""
        await read_body(request, Nothing, most=LONGEST_BODY)
        return answered(await within(_LOGOUT_WITHIN_S, self._front.logout()))

    async def set_log_level(self, request: web.Request) -> web.Response:
        """Change how much is logged."""
        asked = await read_body(request, LogLevel, most=LONGEST_BODY)
        self._front.set_log_level(asked.level)
        return answered(asked)

    async def invite(self, request: web.Request) -> web.Response:
        """Make a one-shot link to the pairing page."""
        await read_body(request, Nothing, most=LONGEST_BODY)
        if self._invite is None:
            raise NotNowError("there is no web page: start the bot with --http")
        url, valid_s = self._invite()
        return answered(Invitation(url=url, valid_s=valid_s))


def may_see_numbers(request: web.Request, *, wanted: bool) -> None:
    """See to it that only who may do anything sees numbers in full; raises RefusedError."""
    if wanted:
        demand(request, Right.OWN)


def described_by(operations: Sequence[Operation], probes: Sequence[Operation]) -> Handler:
    """Return what answers with the OpenAPI document; it is made when somebody asks."""
    made: list[bytes] = []

    async def answer(_request: web.Request) -> web.Response:
        if not made:
            made.append(msgspec.json.encode(document(operations, probes)))
        return web.Response(body=made[0], content_type=JSON)

    return answer
