"""The page of an account that does not run."""

from aiohttp import web

from linda_bot.app.house import House
from linda_bot.kernel.masking import mask_line, printable
from linda_bot.kernel.sentences import sentence
from linda_bot.sessions.device_status import moment
from linda_bot.web.pages.layout import page
from linda_bot.web.rooms import Room
from linda_bot.web.routes import Handler
from linda_bot.web.visitors import Right, visitor_of

_SOON = frozenset({"running", "waiting"})
_RESUMABLE = frozenset({"paused", "failed", "ended"})


def quiet_page(house: House, room: Room, *, is_link: bool) -> Handler:
    """Return what shows the page, in place of the status page or of the pairing page."""

    async def show(request: web.Request) -> web.StreamResponse:
        found, visitor = house.view(room.account), visitor_of(request)
        phase = "removed" if found is None else found.phase
        may_read = visitor.may(Right.READ)
        return page(
            request,
            "account_quiet.html",
            here="link" if is_link else "status",
            phase=phase,
            is_soon=phase in _SOON,
            may_resume=phase in _RESUMABLE,
            why=sentence(mask_line(printable(found.why))) if found is not None and may_read else "",
            since=moment(found.since) if found is not None and may_read else None,
            may_own=visitor.may(Right.OWN),
        )

    return show
