"""Death at random moments while three contacts write fifty messages a second: what is lost, and what comes twice.

`--kills N` is how often each test kills; the default keeps them short.
"""

import asyncio
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from linda_bot.sandbox.bot_process import LISTENING, BotProcess
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot, engines_of
from tests.support.streams import IN_A_HURRY, Tally, echo_handlers, mailbox_of, streaming

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MOST_LOST_A_KILL = 3
"""What one death of the engine may cost on average: the library confirms a message before we have it."""


@pytest.fixture
def kills(pytestconfig: pytest.Config) -> int:
    """How often to kill."""
    return int(pytestconfig.getoption("--kills"))


class Restarts:
    """Starts the bot as often as needed."""

    def __init__(self, sandbox: Sandbox, start_bot: StartBot, handlers: Path) -> None:
        self._sandbox = sandbox
        self._start_bot = start_bot
        self._handlers = handlers

    async def start(self) -> BotProcess:
        """Start it; it is not ready yet."""
        return await self._start_bot("--handlers", self._handlers, **IN_A_HURRY)

    async def link(self) -> BotProcess:
        """Start it, have it linked, and wait until it is ready."""
        bot = await self.start()
        await self._sandbox.phone(BOT).scan(await bot.qr_text())
        await bot.ready()
        return bot


@pytest.fixture
def restarts(sandbox: Sandbox, start_bot: StartBot, tmp_path: Path) -> Restarts:
    """The echo bot."""
    return Restarts(sandbox, start_bot, echo_handlers(tmp_path))


def nothing_lost(sandbox: Sandbox, tally: Tally) -> None:
    """Every message that the server delivered was answered exactly once, and it has delivered all."""
    assert sandbox.queued(BOT) == 0, "the server still has messages that nobody has confirmed"
    assert (tally.lost, tally.unknown, tally.unexplained, tally.doubled) == ((), (), (), ()), str(tally)
    assert tally.answered == tally.sent, str(tally)
    assert tally.dropped == 0, str(tally)


async def test_the_daemon_is_killed(
    sandbox: Sandbox, restarts: Restarts, kills: int, record_property: Callable[[str, object], None]
) -> None:
    """Whenever that is, also in the middle of a start: each message is handled, and answered exactly once."""
    moments, bot = random.Random(kills), await restarts.link()
    async with streaming(sandbox) as stream:
        for _ in range(kills):
            await asyncio.sleep(moments.uniform(0, 1.2))
            await bot.stop(signal.SIGKILL)
            bot = await restarts.start()
            if moments.random() < 0.7:
                await bot.ready(within_s=30)
        await bot.ready(within_s=30)
        stream.stop()
        await stream.settled()
        tally = stream.tally(mailbox_of(sandbox))

    record_property("tally", str(tally))
    nothing_lost(sandbox, tally)


async def test_the_engine_is_killed(
    sandbox: Sandbox, restarts: Restarts, kills: int, record_property: Callable[[str, object], None]
) -> None:
    """Nothing comes twice; what is missing is known as unknown, or the library confirmed it before we had it."""
    moments, bot = random.Random(kills), await restarts.link()
    root = sandbox.environment["LINDA_SANDBOX_ROOT"]
    async with streaming(sandbox) as stream:
        for _ in range(kills):
            listening = sum(LISTENING in line for line in bot.lines)
            for engine in engines_of(root):
                if engine.ppid() == bot.pid:
                    os.kill(engine.pid, signal.SIGKILL)
            if moments.random() < 0.7:
                await bot.wait_for(LISTENING, times=listening + 1, within_s=30)
            await asyncio.sleep(moments.uniform(0, 1.2))
        stream.stop()
        await stream.settled()
        tally = stream.tally(mailbox_of(sandbox))

    record_property("tally", str(tally))
    assert sandbox.queued(BOT) == 0
    assert (tally.doubled, tally.unexplained, tally.dropped) == ((), (), 0), str(tally)
    assert len(tally.unknown) <= kills, "it sends one at a time"
    assert len(tally.lost) <= kills * MOST_LOST_A_KILL, str(tally)


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
async def test_it_is_asked_to_end(
    sandbox: Sandbox,
    restarts: Restarts,
    kills: int,
    record_property: Callable[[str, object], None],
    asked: signal.Signals,
) -> None:
    """In the flood, again and again: nothing is lost and nothing comes twice."""
    moments, bot = random.Random(kills), await restarts.link()
    async with streaming(sandbox) as stream:
        for _ in range(max(kills // 2, 2)):
            await asyncio.sleep(moments.uniform(0, 1.2))
            assert await bot.stop(asked) == 0
            bot = await restarts.start()
            await bot.ready(within_s=30)
        stream.stop()
        await stream.settled()
        tally = stream.tally(mailbox_of(sandbox))

    record_property("tally", str(tally))
    nothing_lost(sandbox, tally)


async def test_the_engine_is_renewed(
    sandbox: Sandbox, restarts: Restarts, kills: int, record_property: Callable[[str, object], None]
) -> None:
    """An engine that is exchanged in good order, as every day, in the flood: nothing is lost, nothing comes twice."""
    moments, bot = random.Random(kills), await restarts.link()
    async with streaming(sandbox) as stream:
        for _ in range(max(kills // 2, 2)):
            await asyncio.sleep(moments.uniform(0, 1.2))
            listening = sum(LISTENING in line for line in bot.lines)
            bot.send_signal(signal.SIGHUP)
            await bot.wait_for(LISTENING, times=listening + 1, within_s=30)
        stream.stop()
        await stream.settled()
        tally = stream.tally(mailbox_of(sandbox))

    record_property("tally", str(tally))
    nothing_lost(sandbox, tally)
