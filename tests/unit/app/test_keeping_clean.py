"""When a bot forgets the messages that it has done with."""

import asyncio
from typing import cast

import pytest

from linda_bot.app.messages import keep_clean
from linda_bot.messaging.reception import Desk
from linda_bot.messaging.store import Store

pytestmark = pytest.mark.looptime

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


class Mailbox:
    """Notes when it was asked to forget, and what may stay."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, float, float]] = []
        self.swept = 0

    async def clean_up(self, *, keep_s: float, keep_aside_s: float) -> None:
        """Forget."""
        self.asked.append((asyncio.get_running_loop().time(), keep_s, keep_aside_s))

    async def sweep(self) -> None:
        """Forget files."""
        self.swept += 1


async def test_a_bot_that_never_lives_for_an_hour_forgets_too() -> None:
    """Some minutes after the start, then every hour; what is set aside stays for a month at least."""
    mailbox = Mailbox()
    cleaning = asyncio.create_task(keep_clean(cast("Store", mailbox), cast("Desk", mailbox), DAY))
    await asyncio.sleep(30 * MINUTE)
    assert len(mailbox.asked) == 1
    await asyncio.sleep(3 * HOUR)
    cleaning.cancel()

    first, *others = [at for at, _, _ in mailbox.asked]
    assert 0 < first < 10 * MINUTE
    assert [at - first for at in others] == [HOUR, 2 * HOUR, 3 * HOUR]
    assert {(keep, aside) for _, keep, aside in mailbox.asked} == {(DAY, 30 * DAY)}
    assert mailbox.swept == 4
