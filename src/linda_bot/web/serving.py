"""Serving an application on a listening socket, unix or TCP."""

import asyncio
import socket

from aiohttp import web

from linda_bot.web.connections import USUAL, Connections, Limits

_END_WITHIN_S = 1.0
"""How long answers may still take at the end."""


async def serve_on(listener: socket.socket, built: web.Application, limits: Limits = USUAL) -> None:
    """Answer until cancelled; what is being answered then may still be brought to its end."""
    runner = web.AppRunner(built, access_log=None, handle_signals=False, shutdown_timeout=_END_WITHIN_S)
    await runner.setup()
    assert runner.server is not None
    connections = Connections(runner.server, limits)
    loop = asyncio.get_running_loop()
    create = loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
    try:
        server = await create(connections, sock=listener)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
    finally:
        await runner.cleanup()
        await connections.end(within_s=_END_WITHIN_S)
