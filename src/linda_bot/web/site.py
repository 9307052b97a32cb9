"""Serving the API on a listening socket; imported when somebody comes, because it brings aiohttp along."""

import asyncio
import os
import socket
import struct

from aiohttp import web

from linda_bot.app.front import Front
from linda_bot.web.api import application

_END_WITHIN_S = 1.0
"""How long answers may still take at the end."""

_CREDENTIALS = struct.Struct("iII")
"""A peer's process, user and group; Linux, unix(7)."""


async def serve(front: Front, listener: socket.socket) -> None:
    """Answer until cancelled; what is being answered then may still be brought to its end."""
    runner = web.AppRunner(
        application(front, admits=is_ours),
        access_log=None,
        handle_signals=False,
        shutdown_timeout=_END_WITHIN_S,
        auto_decompress=False,  # a small body must stay a small one
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def is_ours(request: web.Request) -> bool:
    """Return whether a request comes from our own user, or from root; where the system does not tell, from anybody.

    The socket's mode and that of its directory say the same; this is for when somebody has changed them.
    """
    user = user_of(request.get_extra_info("socket"))
    return user is None or user in {os.geteuid(), 0}


def user_of(peer: socket.socket | None) -> int | None:
    """Return the user on the other end of a unix socket; None where the system does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if peer is None or option is None or peer.family != socket.AF_UNIX:
        return None
    _, user, _ = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size))
    return int(user)
