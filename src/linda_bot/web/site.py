"""All that is served, behind both doors; imported when somebody comes, because it brings aiohttp along."""

import asyncio
import socket

from linda_bot.app.front import Front
from linda_bot.kernel.tasks import spawn_task
from linda_bot.settings import Settings
from linda_bot.web.access import KEY_FILE, Access
from linda_bot.web.api import api_routes
from linda_bot.web.application import application
from linda_bot.web.events import PageOpened
from linda_bot.web.gates import SocketGate, TcpGate
from linda_bot.web.hosts import public_of
from linda_bot.web.invitations import Invitations
from linda_bot.web.live import Live
from linda_bot.web.pages.access_pages import access_routes
from linda_bot.web.pages.pairing_page import pairing_routes
from linda_bot.web.pages.static_files import static_routes
from linda_bot.web.pages.status_page import status_routes
from linda_bot.web.probes import probe_routes
from linda_bot.web.serving import serve_on
from linda_bot.web.tcp import reachable


class Site:
    """What one bot serves; the live views are shared by both doors."""

    def __init__(self, front: Front, listener: socket.socket | None) -> None:
        """Take the bot, and the socket of its web page where there is one."""
        self._front = front
        self._page = None if listener is None else _Page(front, listener)
        live = Live(front)
        has_login = self._page is not None and self._page.access.has_token
        status = status_routes(front)
        pairing = pairing_routes(front, has_login=has_login, in_sandbox=front.job.in_sandbox)
        self._routes = [
            *api_routes(front, live, self._page.invitations.asked if self._page is not None else None),
            *probe_routes(front),
            *status.routes,
            *pairing.routes,
            *static_routes(),
        ]
        self._closing = [live.close, status.closing, pairing.closing]

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
        settings: Settings = front.job.settings
        self.access = Access(
            token=settings.http_token.get_secret_value() if settings.http_token else None,
            key_file=front.job.paths.logs.parent / "sessions" / KEY_FILE,
            bound=reachable(listener),
            public=public_of(settings.http_url) if settings.http_url else None,
            tell=front.bus.publish,
        )
        self.invitations = Invitations(front.pairing, front.bus, self.access)
