"""The composer's own rules; how a whole bot behaves is in tests/e2e."""

import asyncio

import pytest

from linda_bot.app.account import _until_the_end
from linda_bot.app.companions import beside
from linda_bot.kernel.errors import ExitCode


async def for_ever() -> ExitCode:
    """Be a link that stays up."""
    await asyncio.Event().wait()
    return ExitCode.OK


async def fail() -> None:
    """Be something that has a bug."""
    await asyncio.sleep(0.01)
    raise ValueError("a bug")


async def live() -> None:
    """Live as a bot does, with something beside the link that fails."""
    running = asyncio.create_task(for_ever())
    async with beside("something", fail()) as task:
        async with asyncio.timeout(5):
            await _until_the_end(running, [task], asyncio.Event())
        running.cancel()


async def test_what_fails_beside_the_link_ends_the_bot_in_order() -> None:
    """Nothing dies unseen: the wait is over, and the end of the block tells why."""
    with pytest.raises(ValueError, match="a bug"):
        await live()
