"""All that is served, behind both doors; imported when somebody comes, because it brings aiohttp along."""

import asyncio
import socket

from linda_bot.app.front import Front
from linda_bot.kernel.tasks import spawn_task
from linda_bot.web.accessing import access_of
from linda_bot.web.api import Invite
from linda_bot.web.application import application
from linda_bot.web.events import PageOpened
from linda_bot.web.front_routes import front_routes
from linda_bot.web.gates import SocketGate, TcpGate
from linda_bot.web.invitations import Invitations
from linda_bot.web.pages.access_pages import access_routes
from linda_bot.web.serving import serve_on


class Site:
    """What one bot serves; the live views are shared by both doors."""

    def __init__(self, front: Front, listener: socket.socket | None, invite: Invite | None = None) -> None:
        """Take the bot, and the socket of its web page where there is one.

        `invite` makes links to the web page where that is another door's.
        """
        self._front = front
        self._page = None if listener is None else _Page(front, listener)
        has_login = self._page is not None and self._page.access.has_token
        made = front_routes(
            front, invite=self._page.invitations.asked if self._page is not None else invite, has_login=has_login
        )
        self._routes, self._closing = made.routes, made.closing

    async def serve_socket(self, listener: socket.socket) -> None:
        """Answer on the control socket until cancelled."""
        public = self._page.access.public if self._page is not None else None
        await serve_on(listener, application(self._routes, SocketGate(public), closing=self._closing))

    async def serve_page(self, listener: socket.socket) -> None:
        """Answer on the web page's socket until cancelled, and offer links by which a phone can be linked."""
        assert self._page is not None
        access = self._page.access
        gate = TcpGate(access)
        routes = [*self._routes, *access_routes(access, gate, end_streams=self._end_streams)]
        prefix = access.public.prefix if access.public is not None else ""
        built = application(routes, gate, prefix=prefix, closing=self._closing)
        self._front.bus.publish(PageOpened(address=access.address))
        offering = spawn_task(self._page.invitations.run(), name="invitations")
        try:
            await serve_on(listener, built)
        finally:
            offering.cancel()
            await asyncio.wait({offering})

    async def _end_streams(self) -> None:
        for close in self._closing:
            await close()


class _Page:
    """Who may come in by the web page, and who is asked to."""

    def __init__(self, front: Front, listener: socket.socket) -> None:
        job = front.job
        self.access = access_of(job.settings, job.paths.data_dir, listener, front.bus)
        self.invitations = Invitations(front.pairing, front.bus, self.access)
