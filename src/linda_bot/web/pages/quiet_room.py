"""The page of an account that does not run."""

import asyncio

from aiohttp import web

from linda_bot.app.house import House
from linda_bot.kernel.masking import mask_line, printable
from linda_bot.kernel.sentences import sentence
from linda_bot.sessions.device_status import moment
from linda_bot.web.pages.layout import page
from linda_bot.web.pages.parts import BOOT, HEAD, RETRY_MS, message
from linda_bot.web.rooms import Room
from linda_bot.web.routes import Handler
from linda_bot.web.visitors import Right, visitor_of

_LOOK_EVERY_S = 0.5
_SIGN_AFTER_S = 15.0
_SOON = frozenset({"running", "waiting"})
_RESUMABLE = frozenset({"paused", "failed", "ended"})


def quiet_page(house: House, room: Room, *, is_link: bool) -> Handler:
    """Return what shows the page, in place of the status page or of the pairing page."""

    async def show(request: web.Request) -> web.StreamResponse:
        found, visitor = house.view(room.account), visitor_of(request)
        phase = _phase(house, room)
        may_read = visitor.may(Right.READ)
        live = "live" if may_read else "link-live" if visitor.may(Right.LINK) else ""
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
            live=live,
            boot=_boot(house, room),
        )

    return show


def quiet_live(house: House, room: Room) -> Handler:
    """Return what tells the page that the account is quiet, for as long as it is: then the page is loaded anew."""

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=HEAD)
        await response.prepare(request)
        boot, silent_s = _boot(house, room), 0.0
        await response.write(f"retry: {RETRY_MS}\n".encode() + message("hello", {"boot": boot}))
        while house.front(room.account) is None and _boot(house, room) == boot:
            await asyncio.sleep(_LOOK_EVERY_S)
            silent_s += _LOOK_EVERY_S
            if silent_s >= _SIGN_AFTER_S:
                silent_s = 0.0
                await response.write(message("alive", {}))
        return response

    return stream


def _phase(house: House, room: Room) -> str:
    found = house.view(room.account)
    return "removed" if found is None else found.phase


def _boot(house: House, room: Room) -> str:
    """Return what a page says of the phase that it shows."""
    return f"{BOOT}-{_phase(house, room)}"
