"""The programs' part of the door over a bot that is not there, for visitors with such rights as a test wants."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from linda_bot.web.api import api_routes
from linda_bot.web.application import application
from linda_bot.web.live import Live
from linda_bot.web.probes import probe_routes
from linda_bot.web.visitors import Gate, Proof, Right, Visitor
from tests.support.fake_front import FakeFront


class FakeGate:
    """Lets everybody in, with the same rights."""

    def __init__(self, rights: Right) -> None:
        self.rights = rights

    def visitor(self, request: web.Request) -> Visitor:
        return Visitor(self.rights, Proof.SOCKET if self.rights is Right.ALL else Proof.NONE)


@asynccontextmanager
async def served(
    front: FakeFront,
    rights: Right = Right.ALL,
    *,
    gate: Gate | None = None,
    invite: Callable[[], tuple[str, float]] | None = None,
) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve it on a free port, behind a gate that gives everybody such rights, or another; yields who asks there."""
    live = Live(front.as_front)
    routes = [*api_routes(front.as_front, live, invite), *probe_routes(front.as_front)]
    built = application(routes, gate or FakeGate(rights), closing=[live.close])
    runner = web.AppRunner(built, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
            yield session
    finally:
        await runner.cleanup()
