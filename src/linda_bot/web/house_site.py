"""All that is served of a house, behind both doors; imported when somebody comes, because it brings aiohttp along."""

import socket

from linda_bot.app.front import Front, NotNowError
from linda_bot.app.house import House
from linda_bot.app.job import Job
from linda_bot.app.pairing import Stage
from linda_bot.eventlog.pseudonyms import make_key
from linda_bot.web.accessing import access_of
from linda_bot.web.application import application
from linda_bot.web.events import PageOpened
from linda_bot.web.gates import SocketGate, TcpGate
from linda_bot.web.house_accounts import AccountNames
from linda_bot.web.house_api import house_routes
from linda_bot.web.house_rooms import Rooms
from linda_bot.web.pages.access_pages import hall_access_routes, room_access_routes
from linda_bot.web.pages.house_page import overview_routes
from linda_bot.web.pages.static_files import static_routes
from linda_bot.web.routes import Route
from linda_bot.web.serving import serve_on


class HouseSite:
    """What a house serves: the overview, and the pages and the API of each account."""

    def __init__(self, house: House, job: Job, listener: socket.socket | None) -> None:
        """Take the house with the job of the process, and the socket of its web page where there is one."""
        settings, paths = job.settings, job.paths
        self._house = house
        self._names = AccountNames(make_key(paths.logs))
        self._access = None if listener is None else access_of(settings, paths.data_dir, listener, house.bus)
        self._gate = None if self._access is None else TcpGate(self._access)
        has_login = self._access is not None and self._access.has_token
        self._overview = overview_routes(house, self._names, in_sandbox=job.in_sandbox)
        self._rooms = Rooms(house, self._names, self._invite, self._doors_of_rooms(), has_login=has_login)
        self._routes = [*house_routes(house, self._names, settings), *self._overview.routes, *static_routes()]
        self._closing = [self._overview.closing, self._rooms.close]

    async def serve_socket(self, listener: socket.socket) -> None:
        """Answer on the control socket until cancelled."""
        public = self._access.public if self._access is not None else None
        built = application(self._routes, SocketGate(public), rooms=self._rooms.find, closing=self._closing)
        await serve_on(listener, built)

    async def serve_page(self, listener: socket.socket) -> None:
        """Answer on the web page's socket until cancelled."""
        assert self._access is not None
        assert self._gate is not None
        public = self._access.public
        routes = [*self._routes, *hall_access_routes(self._access, self._gate, end_streams=self._end_streams)]
        prefix = public.prefix if public is not None else ""
        built = application(routes, self._gate, prefix=prefix, rooms=self._rooms.find, closing=self._closing)
        self._house.bus.publish(PageOpened(address=self._access.address))
        await serve_on(listener, built)

    def invite(self, front: Front) -> tuple[str, float]:
        """Return a one-shot link to an account's pairing page, and for how many seconds it is valid.

        Raises NotNowError.
        """
        return self._invite(front)

    async def leave(self, front: Front) -> None:
        """End what lasts of the pages of an account that ends."""
        await self._rooms.leave(front)

    def _invite(self, front: Front) -> tuple[str, float]:
        if self._access is None:
            raise NotNowError("there is no web page: start the bot with --http")
        if front.pairing.view().stage is Stage.LINKED:
            raise NotNowError("the account is linked already: there is nothing to scan")
        return self._access.invite(self._names.room_of(front.job.settings.account))

    def _doors_of_rooms(self) -> list[Route]:
        return [] if self._access is None or self._gate is None else room_access_routes(self._access, self._gate)

    async def _end_streams(self) -> None:
        for close in self._closing:
            await close()
