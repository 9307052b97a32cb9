"""The control socket: bound at once, served when somebody comes. A bot that nobody asks does not load the server."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from linda_bot.kernel.errors import reason_of
from linda_bot.kernel.tasks import spawn_task
from linda_bot.web.place import listen, remove

if TYPE_CHECKING:
    from linda_bot.app.front import Front

_log = logging.getLogger("linda_bot.web")


@asynccontextmanager
async def control_socket(front: "Front") -> AsyncIterator[None]:
    """Answer on the session's control socket until the end of the block.

    Where none can be made that is said once, and the bot lives on without.
    """
    paths = front.job.paths
    try:
        listener = listen(paths)
    except OSError as error:
        reason = reason_of(error)
        _log.warning("there is no control socket, so no command reaches this bot (%s: %s)", paths.control, reason)
        yield
        return
    serving = spawn_task(_serve(front, listener), name="control socket")
    try:
        yield
    finally:
        # The name first, so that nobody new comes; who waits for an answer still gets it.
        with suppress(OSError):
            remove(paths)
        serving.cancel()
        await asyncio.wait({serving})
        listener.close()


async def _serve(front: "Front", listener: socket.socket) -> None:
    """Wait for the first one who comes, then load the server, and have it answer until cancelled."""
    try:
        await _until_somebody_comes(listener)
        # On a thread: it takes some 200 ms, and the bot has other things to do.
        serve = await asyncio.to_thread(_load)
        await serve(front, listener)
    except Exception:  # noqa: BLE001 (the bot lives on without)
        _log.exception("the control socket is closed: its server failed")
        listener.close()  # else whoever comes would wait for ever


def _load() -> "Callable[[Front, socket.socket], Awaitable[None]]":
    from linda_bot.web.site import serve

    return serve


async def _until_somebody_comes(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_reader(listener.fileno(), came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(listener.fileno())
