"""The page that shows how the bot is, and what its owner can have it do there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

from aiohttp import web

from linda_bot.app.front import Front
from linda_bot.app.looking import Look, Looking
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.masking import printable
from linda_bot.kernel.tasks import spawn_task
from linda_bot.web.forms import read_form
from linda_bot.web.pages.layout import page, render
from linda_bot.web.pages.parts import BOOT, LiveParts
from linda_bot.web.pages.status_view import Facts, view_of
from linda_bot.web.rights import demand
from linda_bot.web.routes import Route
from linda_bot.web.visitors import Right, visitor_of

LOOKERS_AT_MOST = 256

_RECONNECT_WITHIN_S = 5.0
_BACKUP_WITHIN_S = 20.0
_PAUSE_WITHIN_S = 10.0
_ASKED = "asked on the status page"

ACTS = (("reconnect", "Reconnect now"), ("backup", "Back up now"), ("pause", "Pause"), ("resume", "Resume"))
"""What can be asked for, and what its button says."""

DONE = MappingProxyType({
    "reconnected": "The link was renewed, and is up.",
    "reconnecting": "A new connection was asked for; it may take a moment.",
    "not-reconnected": "There is no use in a new connection now; the state says why.",
    "backup": "A backup was made and verified.",
    "backing-up": "The backup takes a while; it is listed here when it is done, and an event tells of it.",
    "paused": "The bot is paused: nothing is handled and nothing sent until you resume it.",
    "paused-for-now": "The bot is paused, but only until its next start: that could not be written down.",
    "resumed": "The bot goes on.",
    "resumed-for-now": "The bot goes on, but its next start may find it paused: that could not be written down.",
})  # fmt: skip
"""What came of it, by the word that the address of the next page has."""

_log = logging.getLogger("linda_bot.web")


class StatusPage(NamedTuple):
    """What is served to those who look."""

    routes: list[Route]
    closing: Callable[[], Awaitable[None]]


def status_routes(front: Front) -> StatusPage:
    """Return the status page of a bot."""
    shown = _Status(front)
    routes = [
        Route("GET", "/", shown.look, is_page=True),
        Route("GET", "/live", shown.live, is_stream=True),
        Route("POST", "/act", shown.act, Right.OWN, is_page=True),
    ]
    return StatusPage(routes, shown.close)


class _Status:
    def __init__(self, front: Front) -> None:
        self._front = front
        self._looking = Looking(front)
        self._masked = self._parts_for(show_numbers=False)
        self._full = self._parts_for(show_numbers=True)
        self._backups: set[asyncio.Task[str]] = set()

    async def look(self, request: web.Request) -> web.Response:
        """Show how the bot is."""
        show_numbers = _wants_numbers(request)
        visitor = visitor_of(request)
        look = await self._looking.look()
        view = view_of(look, show_numbers=show_numbers)
        return page(
            request,
            "status.html",
            title=_title(look),
            at=look.at,
            parts=_rendered(view),
            live="live?show_numbers=true" if show_numbers else "live",
            boot=BOOT,
            acts=ACTS,
            done=DONE.get(request.query.get("done", ""), ""),
            show_numbers=show_numbers,
            may_own=visitor.may(Right.OWN),
            may_link=visitor.may(Right.LINK),
        )

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Tell how the parts of the page change."""
        return await (self._full if _wants_numbers(request) else self._masked).stream(request)

    async def act(self, request: web.Request) -> web.Response:
        """Do what a button says, and show the page again, with what came of it."""
        what = (await read_form(request)).get("what", "")
        match what:
            case "reconnect":
                done = await self._reconnect()
            case "backup":
                done = await self._back_up()
            case "pause" | "resume":
                done = await self._pause(on=what == "pause")
            case _:
                raise UsageError(f"there is no such thing to do: {printable(what, 40)}")
        self._looking.forget()
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"./?done={done}"})

    async def close(self) -> None:
        """End all streams and all looking; a backup that is being made is the keeper's, and not waited for."""
        await self._masked.close()
        await self._full.close()
        await self._looking.close()
        for task in self._backups:
            task.cancel()

    def _parts_for(self, *, show_numbers: bool) -> LiveParts:
        events, seen = self._looking.events, 0

        async def parts() -> dict[str, str]:
            return _rendered(view_of(await self._looking.look(), show_numbers=show_numbers))

        async def news() -> None:
            nonlocal seen
            seen = await events.changed_since(seen)

        return LiveParts(parts, news, readers_at_most=LOOKERS_AT_MOST, while_watched=self._looking.watching)

    async def _reconnect(self) -> str:
        found = await self._front.reconnect(_ASKED, within_s=_RECONNECT_WITHIN_S)
        if found.connected:
            return "reconnected"
        return "not-reconnected" if found.why_not else "reconnecting"

    async def _back_up(self) -> str:
        """Have a backup made; what goes wrong after its visitor was answered is only logged."""
        making = spawn_task(self._front.back_up(), name="backup asked on a page")
        self._backups.add(making)
        making.add_done_callback(self._backups.discard)
        try:
            async with asyncio.timeout(_BACKUP_WITHIN_S):
                await asyncio.shield(making)
        except TimeoutError:
            making.add_done_callback(_tell_failure)
            return "backing-up"
        return "backup"

    async def _pause(self, *, on: bool) -> str:
        async with asyncio.timeout(_PAUSE_WITHIN_S):
            found = await (self._front.pause() if on else self._front.resume())
        return ("paused" if on else "resumed") + ("-for-now" if found.not_kept else "")


def _wants_numbers(request: web.Request) -> bool:
    """Return whether numbers are asked for; raises UsageError, and RefusedError where the visitor may not see them."""
    said = request.query.get("show_numbers", "false")
    if said not in {"true", "false"}:
        raise UsageError("show_numbers is true or false")
    if said == "true":
        demand(request, Right.OWN)
    return said == "true"


def _rendered(view: Mapping[str, Facts]) -> dict[str, str]:
    return {name: render(f"status_{name}.html", **facts).strip() for name, facts in view.items()}


def _title(look: Look) -> str:
    status = look.status.value
    return "Status" if status is None else status.state.replace("_", " ")


def _tell_failure(making: asyncio.Task[str]) -> None:
    if not making.cancelled() and (error := making.exception()):
        _log.warning("the backup that was asked for on the status page was not made: %s", error)
