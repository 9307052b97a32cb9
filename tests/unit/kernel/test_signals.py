"""Being asked to stop."""

import asyncio
import os
import signal

import pytest

from linda_bot.kernel.signals import stop_signals
from linda_bot.kernel.tasks import spawn_task


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_the_first_signal_asks_the_second_forces(number: signal.Signals) -> None:
    """Afterwards the signal does again what it did before."""
    before = signal.getsignal(number)
    forced: list[int] = []
    async with stop_signals(lambda: forced.append(1)) as stop:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(1):
            await stop.wait()
        assert forced == []
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.05)
        assert forced == [1]

    assert signal.getsignal(number) == before


async def test_a_task_has_its_name() -> None:
    """For whoever looks at what is running."""
    task = spawn_task(asyncio.sleep(0), name="nap")
    assert task.get_name() == "nap"
    await task
