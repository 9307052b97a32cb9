"""Being asked by signals: to stop, to stop at once, to look around."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from linda_bot.kernel import signals
from linda_bot.kernel.signals import process_signals
from linda_bot.kernel.tasks import spawn_task
from tests.support.terminals import Terminal

PROGRAM = """
import asyncio
from linda_bot.kernel.signals import process_signals

def say(what):
    print(what, flush=True)

async def main():
    async with process_signals(on_force=lambda: say("forced"), on_hint=say) as stop:
        say("ready")
        await stop.wait()
    say("stopped")

asyncio.run(main())
"""
COMMAND = (sys.executable, "-c", PROGRAM)
ASKED = "asked by SIGHUP"


@pytest.fixture(autouse=True)
def _not_under_nohup() -> Iterator[None]:
    """Let neither the tests nor their children be told by whoever started them to ignore SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


class Asked:
    """What the signals have led to."""

    def __init__(self) -> None:
        self.forced = 0
        self.hints: list[str] = []

    def force(self) -> None:
        self.forced += 1


@pytest.fixture
def asked() -> Asked:
    """Nobody has asked for anything yet."""
    return Asked()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_signal_asks_the_second_forces(asked: Asked, number: signal.Signals) -> None:
    """Afterwards the signal does again what it did before."""
    before = signal.getsignal(number)
    async with process_signals(on_force=asked.force, on_hint=asked.hints.append) as stop:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(1):
            await stop.wait()
        assert asked.forced == 0
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.05)
        assert asked.forced == 1

    assert signal.getsignal(number) == before
    assert asked.hints == []


async def test_sighup_is_a_hint(asked: Asked) -> None:
    """As often as it comes; when the end has begun, nobody has to look around any more, and nothing is forced."""
    before = signal.getsignal(signal.SIGHUP)
    async with process_signals(on_force=asked.force, on_hint=asked.hints.append) as stop:
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.02)
        assert stop.is_set()

    assert asked.hints == [ASKED, ASKED]
    assert asked.forced == 0
    assert signal.getsignal(signal.SIGHUP) == before


async def test_a_lost_terminal_and_one_signal_do_not_force(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a login session sends both; a person who asks twice still gets what they want."""
    monkeypatch.setattr(signals, "has_terminal", iter([True, False]).__next__)
    async with process_signals(on_force=asked.force, on_hint=asked.hints.append) as stop:
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.02)
            assert stop.is_set()
        assert asked.forced == 0
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.02)

    assert asked.forced == 1
    assert asked.hints == []


async def test_an_ignored_sighup_stays_ignored(asked: Asked) -> None:
    """That is how nohup asks for it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        async with process_signals(on_force=asked.force, on_hint=asked.hints.append) as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0.02)
            assert not stop.is_set()
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)

    assert asked.hints == []


def test_a_closed_terminal_ends_it_in_order() -> None:
    """The window is closed: code 0, and nothing was forced."""
    with Terminal(COMMAND) as terminal:
        assert terminal.line() == "ready"
        terminal.close_window()

        assert terminal.line() == "stopped"
        assert terminal.ended() == 0


def test_sighup_on_a_terminal_that_lives_is_a_hint() -> None:
    """Two of them force nothing; the window can still be closed after that."""
    with Terminal(COMMAND) as terminal:
        assert terminal.line() == "ready"
        for _ in range(2):
            terminal.process.send_signal(signal.SIGHUP)
            assert terminal.line() == ASKED
        terminal.close_window()

        assert terminal.line() == "stopped"
        assert terminal.ended() == 0


@pytest.mark.slow
def test_a_shell_that_says_it_too_early() -> None:
    """Some shells send SIGHUP to what runs in the background and end a moment later, the terminal with them."""
    shell = 'set -m; "$@" & read line; kill -HUP $!; sleep 0.1; exit 0'
    with Terminal(("sh", "-c", shell, "sh", *COMMAND)) as terminal:
        assert terminal.line() == "ready"
        terminal.type_line()
        assert terminal.line() == ASKED

        assert terminal.line() == "stopped"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nohup"), reason="nohup(1) is not installed")
def test_nohup_outlives_its_terminal() -> None:
    """It neither stops nor looks around, and still ends in order when it is told to."""
    with Terminal(("nohup", *COMMAND)) as terminal:
        assert terminal.line() == "ready"
        terminal.close_window()
        with pytest.raises(subprocess.TimeoutExpired):
            terminal.ended(within_s=0.3)
        terminal.process.send_signal(signal.SIGHUP)
        terminal.process.send_signal(signal.SIGTERM)

        assert terminal.line() == "stopped"
        assert terminal.ended() == 0


def test_sighup_without_a_terminal_is_a_hint() -> None:
    """A service that is asked to reload."""
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, start_new_session=True, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == f"{ASKED}\n"
        process.terminate()
        assert process.stdout.readline() == "stopped\n"

    assert process.returncode == 0


async def test_a_task_has_its_name() -> None:
    """For whoever looks at what is running."""
    task = spawn_task(asyncio.sleep(0), name="nap")
    assert task.get_name() == "nap"
    await task
