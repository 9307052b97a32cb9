"""A pytest plugin that ends bots in order where a test would kill them, once all is asserted.

A process that is killed takes with it what was counted in it.
"""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from linda_bot.sandbox.bot_process import BotError, BotProcess

_END_WITHIN_S = 20.0


@pytest.fixture(autouse=True)
def _bots_end_in_order(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    close = BotProcess.close

    async def end(bot: BotProcess) -> None:
        with suppress(BotError):
            await bot.stop(within_s=_END_WITHIN_S)
        await close(bot)

    with monkeypatch.context() as patched:
        patched.setattr(BotProcess, "close", end)
        yield
