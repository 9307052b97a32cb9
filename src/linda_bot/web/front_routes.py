"""What is served of one account, by whichever door somebody comes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from linda_bot.app.front import Front
from linda_bot.web.api import Invite, api_routes
from linda_bot.web.live import Live
from linda_bot.web.pages.pairing_page import pairing_routes
from linda_bot.web.pages.static_files import static_routes
from linda_bot.web.pages.status_page import status_routes
from linda_bot.web.probes import probe_routes
from linda_bot.web.routes import Route


class FrontRoutes(NamedTuple):
    """The API, the pages and the probes of one account."""

    routes: Sequence[Route]
    closing: Sequence[Callable[[], Awaitable[None]]]
    """Ends what lasts."""


def front_routes(front: Front, *, invite: Invite | None, has_login: bool) -> FrontRoutes:
    """Return all that is served of an account, its live views shared by all doors.

    `invite` makes one-shot links, where there is a web page; `has_login` says that there is a token to log in with.
    """
    live = Live(front)
    status = status_routes(front)
    pairing = pairing_routes(front, has_login=has_login, in_sandbox=front.job.in_sandbox)
    routes = [
        *api_routes(front, live, invite),
        *probe_routes(front),
        *status.routes,
        *pairing.routes,
        *static_routes(),
    ]
    return FrontRoutes(routes, [live.close, status.closing, pairing.closing])
