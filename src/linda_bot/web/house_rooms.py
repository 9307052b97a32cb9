"""The pages and the API of each account of a house, found by the account's name while accounts come and go."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from aiohttp import web

from linda_bot.app.front import Front, NotNowError
from linda_bot.app.house import House
from linda_bot.kernel.errors import UsageError
from linda_bot.web.front_routes import front_routes
from linda_bot.web.house_accounts import AccountNames
from linda_bot.web.pages.quiet_room import quiet_live, quiet_page
from linda_bot.web.pages.static_files import static_routes
from linda_bot.web.rooms import ROOM, Room
from linda_bot.web.routes import Route
from linda_bot.web.visitors import Right

_Table = Mapping[tuple[str, str], Route]


class _Furnished(NamedTuple):
    """What is served of an account that runs."""

    front: Front
    table: _Table
    closing: Sequence[Callable[[], Awaitable[None]]]


class Rooms:
    """Finds what is asked for below `/accounts/{account}/`."""

    def __init__(
        self,
        house: House,
        names: AccountNames,
        invite: Callable[[Front], tuple[str, float]],
        doors: Sequence[Route],
        *,
        has_login: bool,
    ) -> None:
        """Take what makes one-shot links, and the routes by which a browser gets rights in a room."""
        self._house = house
        self._names = names
        self._invite = invite
        self._doors = doors
        self._has_login = has_login
        self._static = static_routes()
        self._furnished: dict[str, _Furnished] = {}

    def find(self, request: web.Request) -> Route | None:
        """Return the route of a request, and note whose room it is in; None where there is no such thing."""
        try:
            account = self._names.account_of(request.match_info["account"], self._house)
        except UsageError:
            return None
        room = request[ROOM] = self._names.room_of(account)
        method = "GET" if request.method == "HEAD" else request.method
        path = f"/{request.match_info['rest']}"
        front = self._house.front(account)
        if front is None:
            return self._quiet(room, method, path)
        found = self._table_of(account, front).get((method, path))
        return None if found is not None and found.is_stream and request.method == "HEAD" else found

    async def leave(self, front: Front) -> None:
        """End what lasts of the pages of an account that ends."""
        account = front.job.settings.account
        found = self._furnished.get(account)
        if found is not None and found.front is front:
            del self._furnished[account]
            for close in found.closing:
                await close()

    async def close(self) -> None:
        """End what lasts of all of them."""
        for found in tuple(self._furnished.values()):
            for close in found.closing:
                await close()

    def _table_of(self, account: str, front: Front) -> _Table:
        found = self._furnished.get(account)
        if found is None or found.front is not front:
            made = front_routes(front, invite=lambda: self._invite(front), has_login=self._has_login)
            found = self._furnished[account] = _Furnished(front, _table([*made.routes, *self._doors]), made.closing)
        return found.table

    def _quiet(self, room: Room, method: str, path: str) -> Route | None:
        """Return what is served of an account that does not run."""
        said = _table([*self._doors, *self._static]).get((method, path))
        if said is not None and path != "/link":
            return said
        if method == "GET" and path in {"/", "/link"}:
            is_link = path == "/link"  # also for somebody with a one-shot link, who has shown nothing yet
            needs = Right.NONE if is_link else Right.READ
            return Route("GET", path, quiet_page(self._house, room, is_link=is_link), needs, is_page=True)
        if method == "GET" and path in {"/live", "/link-live"}:
            needs = Right.READ if path == "/live" else Right.LINK
            return Route("GET", path, quiet_live(self._house, room), needs, is_stream=True)
        if not path.startswith("/api/"):
            return None
        return Route(method, path, self._refusing(room), Right.READ)

    def _refusing(self, room: Room) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def refuse(_request: web.Request) -> web.StreamResponse:
            found = self._house.view(room.account)
            how = f"{found.phase}: {found.why}" if found and found.why else found.phase if found else "removed"
            raise NotNowError(f"{room.name} does not run here ({how})")

        return refuse


def _table(routes: Sequence[Route]) -> _Table:
    return {(route.method, route.path): route for route in routes}
