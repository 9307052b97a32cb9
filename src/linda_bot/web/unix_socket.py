"""The control socket: bound at once, served when somebody comes. A bot that nobody asks does not load the server."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from linda_bot.kernel.errors import reason_of
from linda_bot.kernel.tasks import spawn_task
from linda_bot.web.place import Reachable, listen, remove

Serve = Callable[[socket.socket], Awaitable[None]]
"""Answers on a listening socket until cancelled."""

_log = logging.getLogger("linda_bot.web")


@asynccontextmanager
async def control_socket(paths: Reachable, serve: Serve) -> AsyncIterator[None]:
    """Have a control socket served until the end of the block, from the first one who comes.

    Where none can be made that is said once, and the bot lives on without.
    """
    try:
        listener = listen(paths)
    except OSError as error:
        reason = reason_of(error)
        _log.warning("there is no control socket, so no command reaches this bot (%s: %s)", paths.control, reason)
        yield
        return
    serving = spawn_task(_serve(listener, serve), name="control socket")
    try:
        yield
    finally:
        # The name first, so that nobody new comes; who waits for an answer still gets it.
        with suppress(OSError):
            remove(paths)
        serving.cancel()
        await asyncio.wait({serving})
        listener.close()


async def _serve(listener: socket.socket, serve: Serve) -> None:
    try:
        await _until_somebody_comes(listener)
        await serve(listener)
    except Exception:  # noqa: BLE001 (the bot lives on without)
        _log.exception("the control socket is closed: its server failed")
        listener.close()  # else whoever comes would wait for ever


async def _until_somebody_comes(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_reader(listener.fileno(), came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(listener.fileno())
