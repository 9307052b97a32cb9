"""The page on which a phone is linked: the codes that are valid now, what to do with them, and how it goes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from math import ceil
from types import MappingProxyType
from typing import NamedTuple

from aiohttp import web
from markupsafe import Markup

from linda_bot.app.front import Front, NotNowError
from linda_bot.app.pairing import PairingView, Stage
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.events import utc_now
from linda_bot.kernel.masking import mask_line, mask_number, printable
from linda_bot.kernel.sentences import sentence
from linda_bot.web.forms import read_form
from linda_bot.web.pages.layout import page, render
from linda_bot.web.pages.parts import BOOT, LiveParts
from linda_bot.web.pages.qr_svg import modules_of, svg_of
from linda_bot.web.routes import Route
from linda_bot.web.visitors import Right, visitor_of

LOOKERS_AT_MOST = 64
LONGEST_NUMBER = 40
"""What is longer than that is no phone number, however it is written."""

_LONGEST_TICKET = 200
_LABEL = "QR code that a phone scans to link the bot"
_REFRESH_AT_LEAST_S, _REFRESH_AT_MOST_S = 5, 25
_REFRESH_AFTER_ERROR_S = 90
"""Without script a page that is loaded anew loses what is typed."""

TITLES = MappingProxyType({
    Stage.STARTING: "Link a phone",
    Stage.ASKING: "Link a phone",
    Stage.CODE: "Scan the code",
    Stage.ACCEPTED: "Accepted",
    Stage.WAITING: "Waiting",
    Stage.LINKED: "Linked",
    Stage.ENDED: "Not linking",
})  # fmt: skip
"""What the browser's tab says."""


class PairingPage(NamedTuple):
    """What is served for linking."""

    routes: list[Route]
    closing: Callable[[], Awaitable[None]]


class _Drawn(NamedTuple):
    """The picture of a code."""

    text: str
    svg: Markup


def pairing_routes(front: Front, *, has_login: bool, in_sandbox: bool = False) -> PairingPage:
    """Return the pairing page of a bot; `has_login` says that there is a token to log in with."""
    shown = _Linking(front, has_login=has_login, in_sandbox=in_sandbox)
    routes = [
        Route("GET", "/link", shown.look, Right.NONE, is_page=True),
        Route("POST", "/link-code", shown.ask_for_code, Right.LINK, is_page=True),
        Route("GET", "/link-live", shown.live.stream, Right.LINK, is_stream=True),
    ]
    return PairingPage(routes, shown.live.close)


class _Linking:
    def __init__(self, front: Front, *, has_login: bool, in_sandbox: bool) -> None:
        self._front = front
        self._has_login = has_login
        self._in_sandbox = in_sandbox
        self._seen = front.pairing.revision
        self._drawn: _Drawn | None = None
        self.live = LiveParts(self._parts, self._news, readers_at_most=LOOKERS_AT_MOST)

    async def look(self, request: web.Request) -> web.Response:
        """Show the codes to who may see them, and to everybody else how to come to that."""
        visitor, ticket = visitor_of(request), request.query.get("once", "")
        if visitor.may(Right.LINK):
            # The ticket is not used up then, and goes out of the address at once.
            return _elsewhere("link") if ticket else await self._show(request)
        if ticket:
            return page(request, "link_ticket.html", ticket=ticket[:_LONGEST_TICKET])
        is_linked = self._front.pairing.view().stage is Stage.LINKED
        return page(
            request,
            "link_shut.html",
            is_linked=is_linked,
            may_read=visitor.may(Right.READ),
            has_login=self._has_login,
        )

    async def ask_for_code(self, request: web.Request) -> web.Response:
        """Have a pairing code made for the phone that the form names; what is wrong is said beside the form."""
        number = (await read_form(request)).get("number", "")[:LONGEST_NUMBER]
        try:
            await self._front.pair_phone(number)
        except UsageError as error:
            return await self._show(request, status=HTTPStatus.BAD_REQUEST, number=number, error=str(error))
        except NotNowError as error:
            return await self._show(request, status=HTTPStatus.CONFLICT, number=number, error=str(error))
        return _elsewhere("link#part-typed")

    async def _show(
        self, request: web.Request, *, status: HTTPStatus = HTTPStatus.OK, number: str = "", error: str = ""
    ) -> web.Response:
        return page(
            request,
            "link.html",
            status=status,
            parts=await self._parts(),
            boot=BOOT,
            title=TITLES[self._front.pairing.view().stage],
            refresh_s=_REFRESH_AFTER_ERROR_S if error else refresh_s(self._front.pairing.view()),
            may_read=visitor_of(request).may(Right.READ),
            number=number,
            error=sentence(error),
            in_sandbox=self._in_sandbox,
        )

    async def _parts(self) -> dict[str, str]:
        await self._draw()
        view, drawn = self._front.pairing.view(), self._drawn  # after it: a phone may have scanned the code meanwhile
        is_shown = view.qr is not None and drawn is not None and drawn.text == view.qr.text
        return parts_of(view, drawn.svg if drawn is not None and is_shown else Markup(), utc_now())

    async def _draw(self) -> None:
        """Have the picture of the code that can be scanned now, and of no other one."""
        code = self._front.pairing.view().qr
        if code is None:
            self._drawn = None
        elif self._drawn is None or self._drawn.text != code.text:
            # On a thread: the first one loads what draws it, and the bot has other things to do.
            modules = await asyncio.to_thread(modules_of, code.text)
            self._drawn = _Drawn(code.text, svg_of(modules, label=_LABEL))

    async def _news(self) -> None:
        self._seen = await self._front.pairing.changed_since(self._seen)


def parts_of(view: PairingView, picture: Markup, now: datetime) -> dict[str, str]:
    """Return the parts of the page that change, for everybody who may see codes; `picture` is that of the QR code."""
    retry_at = None if view.retry_in_s is None else now.astimezone(UTC) + timedelta(seconds=view.retry_in_s)
    typed = view.pairing_code
    return {
        "state": render(
            "link_state.html",
            stage=view.stage.value,
            title=TITLES[view.stage],
            why=_readable(view.why),
            failure=_readable(view.failure),
            advice=_readable(view.advice),
        ),
        "code": render(
            "link_code.html",
            stage=view.stage.value,
            picture=picture,
            left_s=ceil(view.qr.left_s) if view.qr else 0,
            round=view.round,
            rounds=view.rounds,
            retry_at=retry_at,
            retry_in_s=ceil(view.retry_in_s or 0),
        ),
        "typed": render(
            "link_typed.html",
            code=typed.code if typed else "",
            number=mask_number(typed.number) if typed else "",
            left_s=ceil(typed.left_s) if typed else 0,
        ),
    }


def refresh_s(view: PairingView) -> int:
    """Return after how many seconds a browser without script is to look again: when the code has been replaced."""
    left_s = ceil(view.qr.left_s) + 1 if view.qr else _REFRESH_AT_LEAST_S
    return max(_REFRESH_AT_LEAST_S, min(left_s, _REFRESH_AT_MOST_S))


def _readable(text: str) -> str:
    return sentence(mask_line(printable(text)))


def _elsewhere(place: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": place})
