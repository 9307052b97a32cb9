"""Coming in and going out: the login form, one-shot links, signing out everywhere."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from aiohttp import web

from linda_bot.web.access import Access
from linda_bot.web.cookies import Scope
from linda_bot.web.forms import read_form
from linda_bot.web.gates import TcpGate
from linda_bot.web.pages.layout import page
from linda_bot.web.problems import RefusedError
from linda_bot.web.rights import is_place, place_after_login
from linda_bot.web.rooms import HALL, ROOM, Room
from linda_bot.web.routes import Route
from linda_bot.web.visitors import Right, visitor_of

_ANOTHER = "this link is used up, or too old; `linda-bot link` on the bot's machine prints another one"


async def _nothing_is_open() -> None:
    """End nothing."""


def access_routes(
    access: Access, gate: TcpGate, *, end_streams: Callable[[], Awaitable[None]] = _nothing_is_open
) -> list[Route]:
    """Return the routes by which a browser gets rights, and gives them back; `end_streams` ends what they see live."""
    pages = _AccessPages(access, gate, end_streams)
    return [
        Route("GET", "/login", pages.ask, Right.NONE, is_page=True),
        Route("POST", "/login", pages.log_in, Right.NONE, is_page=True),
        Route("POST", "/link", pages.use_link, Right.NONE, is_page=True),
        Route("POST", "/sign-out", pages.sign_out, Right.OWN, is_page=True),
    ]


def hall_access_routes(
    access: Access, gate: TcpGate, *, end_streams: Callable[[], Awaitable[None]] = _nothing_is_open
) -> list[Route]:
    """Return the same where there are several accounts: one-shot links lead to the pages of one of them."""
    routes = access_routes(access, gate, end_streams=end_streams)
    return [route for route in routes if route.path != "/link"]


def room_access_routes(access: Access, gate: TcpGate) -> list[Route]:
    """Return the same for the pages of one of several accounts: a login is for all of them, a one-shot link for one."""
    pages = _AccessPages(access, gate, _nothing_is_open)
    return [
        Route("GET", "/login", _to_the_one_login, Right.NONE, is_page=True),
        Route("POST", "/link", pages.use_link, Right.NONE, is_page=True),
    ]


async def _to_the_one_login(request: web.Request) -> web.Response:
    wanted = "link" if request.query.get("next") == "link" else "status"
    return _see(f"../../login?next={request[ROOM].id}-{wanted}")


class _AccessPages:
    def __init__(self, access: Access, gate: TcpGate, end_streams: Callable[[], Awaitable[None]]) -> None:
        self._access = access
        self._gate = gate
        self._end_streams = end_streams

    async def ask(self, request: web.Request) -> web.Response:
        """Ask for the token."""
        if visitor_of(request).may(Right.OWN):
            return _see(place_after_login(request.query.get("next")))
        return self._form(request, _wanted(request.query.get("next")))

    async def log_in(self, request: web.Request) -> web.Response:
        """Take the token, and give a cookie for it."""
        form = await read_form(request)
        wanted = _wanted(form.get("next"))
        if not self._access.has_token:
            return self._form(request, wanted)
        try:
            is_right = self._access.check_token(form.get("token", "").strip(), self._gate.address_of(request))
        except RefusedError as error:
            return self._form(request, wanted, error=str(error), status=error.status, headers=error.headers)
        if not is_right:
            wrong = "This is not the token. It stands in LINDA_HTTP_TOKEN on the bot's machine."
            return self._form(request, wanted, error=wrong, status=HTTPStatus.UNAUTHORIZED)
        return self._let_in(_see(place_after_login(wanted)), Scope.LOGIN)

    async def use_link(self, request: web.Request) -> web.Response:
        """Use a one-shot link up, and give a cookie for it; who may see the codes anyway keeps what they have."""
        ticket, room = (await read_form(request)).get("once", ""), request.get(ROOM, HALL)
        if not self._access.redeem(ticket, self._gate.address_of(request), room):
            raise RefusedError(HTTPStatus.FORBIDDEN, _ANOTHER)
        answer = _see("link")
        return answer if visitor_of(request).may(Right.LINK) else self._let_in(answer, Scope.LINK, room)

    async def sign_out(self, _request: web.Request) -> web.Response:
        """Make the cookies of all browsers void."""
        not_kept = self._access.forget_browsers()
        await self._end_streams()  # whoever still may comes again by themselves
        if not_kept:
            detail = (
                f"all browsers are signed out until the bot's next start only: the key cannot be replaced ({not_kept})"
            )
            raise RefusedError(HTTPStatus.INSUFFICIENT_STORAGE, detail)
        answer = _see("login")
        self._set_cookie(answer, "", 0)
        return answer

    def _form(
        self,
        request: web.Request,
        wanted: str,
        *,
        error: str = "",
        status: HTTPStatus = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        facts = {"error": error, "next": wanted, "has_token": self._access.has_token}
        return page(request, "login.html", status=status, headers=headers, **facts)

    def _let_in(self, answer: web.Response, scope: Scope, room: Room = HALL) -> web.Response:
        self._set_cookie(answer, *self._access.cookie(scope, room), room)
        return answer

    def _set_cookie(self, answer: web.Response, text: str, valid_s: int, room: Room = HALL) -> None:
        # Strict: no other site's page or link has it sent. The one-shot link itself may come from anywhere, for it is
        # used by a form of our own page. Without a path the browser takes that of the page, which only it knows
        # where a proxy hides a part of it.
        answer.set_cookie(
            self._access.link_cookie_name if room.account else self._access.cookie_name,
            text,
            max_age=valid_s,
            path="",
            httponly=True,
            secure=self._access.is_secure,
            samesite="Strict",
        )


def _wanted(name: str | None) -> str:
    return name if name is not None and is_place(name) else "status"


def _see(place: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": place})
