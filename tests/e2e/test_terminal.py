"""`linda-bot run` and SIGHUP: a terminal that is closed, a reload that comes early, nohup."""

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator

import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess, console_script
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot
from tests.support.terminals import Terminal


@pytest.fixture(autouse=True)
def _not_under_nohup() -> Iterator[None]:
    """Let no child be told by whoever started the tests to ignore SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def run_command(sandbox: Sandbox) -> tuple[str, ...]:
    """Return what a person types."""
    return (*console_script(), "run", "--sandbox", str(sandbox.directory))


async def shows(terminal: Terminal, sign: str) -> None:
    """Wait until something stands on the screen."""
    async with asyncio.timeout(15):
        while sign.encode() not in terminal.shown:
            assert terminal.process.poll() is None, terminal.shown.decode()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("sign", ["", "Waiting for the scan"])
async def test_a_closed_terminal_ends_the_bot(sandbox: Sandbox, sign: str) -> None:
    """In order, with code 0, also while it is still loading; the sandbox's fixture looks for engines."""
    with Terminal(run_command(sandbox), dict(os.environ)) as terminal:
        await (shows(terminal, sign) if sign else asyncio.sleep(0.25))
        terminal.close_window()

        assert await asyncio.to_thread(terminal.ended) == ExitCode.OK


@pytest.mark.skipif(not shutil.which("nohup"), reason="nohup(1) is not installed")
async def test_nohup_keeps_the_bot(sandbox: Sandbox) -> None:
    """Its terminal is gone, it can still be linked, and ended."""
    with Terminal(("nohup", *run_command(sandbox)), dict(os.environ)) as terminal:
        await asyncio.sleep(0.3)
        terminal.close_window()
        await asyncio.sleep(1)
        assert terminal.process.poll() is None
        terminal.process.terminate()

        assert await asyncio.to_thread(terminal.ended) == ExitCode.OK


async def test_an_early_reload_does_not_end_the_bot(sandbox: Sandbox) -> None:
    """SIGHUP at every moment of a start, from nobody's terminal; only the interpreter's first moments are not ours."""
    bot = await BotProcess.start("run", "--sandbox", sandbox.directory)
    try:
        await asyncio.sleep(0.12)
        for _ in range(20):
            bot.send_signal(signal.SIGHUP)
            await asyncio.sleep(0.02)
        await sandbox.phone(BOT).scan(await bot.qr_text())
        await bot.ready()

        assert await bot.stop() == ExitCode.OK
    finally:
        await bot.close()


async def test_a_reload_does_not_end_the_bot(start_bot: StartBot, linked_bot: BotProcess) -> None:
    """However often it is asked for."""
    for _ in range(3):
        linked_bot.send_signal(signal.SIGHUP)
        await asyncio.sleep(0.05)

    assert await linked_bot.stop() == ExitCode.OK
