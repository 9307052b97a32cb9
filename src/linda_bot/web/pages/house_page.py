"""The overview of a house: how each account is, and what its owner can have done with them."""

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

from aiohttp import web

from linda_bot.app.answers import AccountView
from linda_bot.app.events import AccountChanged
from linda_bot.app.house import House
from linda_bot.kernel.bus import Subscription
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.events import utc_now
from linda_bot.kernel.masking import printable
from linda_bot.web.forms import read_form
from linda_bot.web.house_accounts import AccountNames, accounts_of
from linda_bot.web.pages.house_view import facts_of, summary_of
from linda_bot.web.pages.layout import page, render
from linda_bot.web.pages.parts import BOOT, LiveParts
from linda_bot.web.routes import Route
from linda_bot.web.visitors import Right, visitor_of

LOOKERS_AT_MOST = 256
_LOOK_EVERY_S = 2.0
"""What a link does is not told to all, so the overview looks itself."""

DONE = MappingProxyType({
    "add": "The account was added; it needs a phone now.",
    "pause": "The account is paused: nothing of it runs until you resume it, also after a restart.",
    "resume": "The account begins.",
    "remove": "The account was removed; its files stay where they were.",
})  # fmt: skip
"""What came of it, by the word that the address of the next page has."""


class Overview(NamedTuple):
    """What is served to those who look."""

    routes: list[Route]
    closing: Callable[[], Awaitable[None]]


def overview_routes(house: House, names: AccountNames, *, in_sandbox: bool = False) -> Overview:
    """Return the overview of a house."""
    shown = _Overview(house, names, in_sandbox=in_sandbox)
    routes = [
        Route("GET", "/", shown.look, is_page=True),
        Route("GET", "/live", shown.live, is_stream=True),
        Route("POST", "/act", shown.act, Right.OWN, is_page=True),
        Route("GET", "/accounts/{account}", _one_slash_more, Right.NONE, is_page=True),
    ]
    return Overview(routes, shown.close)


class _Overview:
    def __init__(self, house: House, names: AccountNames, *, in_sandbox: bool) -> None:
        self._house = house
        self._names = names
        self._in_sandbox = in_sandbox
        self._events: Subscription[AccountChanged] | None = None
        self._boot = ""
        self._live: LiveParts | None = None

    async def look(self, request: web.Request) -> web.Response:
        """Show all accounts."""
        visitor, views = visitor_of(request), accounts_of(self._house, self._names)
        return page(
            request,
            "house.html",
            at=utc_now(),
            views=views,
            parts=_parts(views),
            boot=_boot_of(views),
            done=DONE.get(request.query.get("done", ""), ""),
            may_own=visitor.may(Right.OWN),
            in_sandbox=self._in_sandbox,
        )

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Tell how the accounts change; with other accounts the page is loaded anew."""
        boot = _boot_of(accounts_of(self._house, self._names))
        if self._live is None or boot != self._boot:
            await self.close()
            self._boot = boot
            self._live = LiveParts(
                self._rendered,
                self._news,
                readers_at_most=LOOKERS_AT_MOST,
                at_least_every_s=_LOOK_EVERY_S,
                while_watched=self._watching,
                boot=boot,
            )
        return await self._live.stream(request)

    async def act(self, request: web.Request) -> web.Response:
        """Do what a button says, and show the overview again, with what came of it."""
        form = await read_form(request)
        what, said = form.get("what", ""), form.get("account", "")
        house = self._house
        if what == "add":
            await house.add(said)
            return _see("./?done=add")
        account = self._names.account_of(said, house)
        match what:
            case "link":
                await house.link(account)
                return _see(f"{self._names.room_of(account).path}link")
            case "pause":
                await house.pause(account)
            case "resume":
                await house.resume(account)
            case "remove":
                await house.remove(account)
            case _:
                raise UsageError(f"there is no such thing to do: {printable(what, 40)}")
        return _see(f"./?done={what}")

    async def close(self) -> None:
        """End all streams."""
        if self._live is not None:
            await self._live.close()

    async def _rendered(self) -> dict[str, str]:
        views = accounts_of(self._house, self._names)
        if _boot_of(views) != self._boot:
            await self.close()  # browsers come again, and learn that there are others
        return _parts(views)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        with self._house.bus.subscribe(AccountChanged, name="overview", depth=20) as events:
            self._events = events
            yield

    async def _news(self) -> None:
        assert self._events is not None
        await self._events.next()
        list(self._events.pending())


def _parts(views: tuple[AccountView, ...]) -> dict[str, str]:
    """Return the part of each account, and the one of all of them."""
    parts = {view.id: render("house_account.html", **facts_of(view)).strip() for view in views}
    return parts | {"summary": render("house_summary.html", **summary_of(views)).strip()}


def _boot_of(views: tuple[AccountView, ...]) -> str:
    """Return what a page says of the accounts that it shows."""
    return hashlib.sha256(" ".join((BOOT, *(view.id for view in views))).encode()).hexdigest()[:16]


async def _one_slash_more(request: web.Request) -> web.Response:
    place = f"{request.path.rpartition('/')[2]}/"
    return web.Response(status=HTTPStatus.PERMANENT_REDIRECT, headers={"Location": place})


def _see(place: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": place})
