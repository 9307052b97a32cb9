"""The end of an engine whose right to be there has run out: in a real process, whatever else goes on in it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from linda_bot.kernel.uptime import uptime_s

_CHILD = """
import sys
from linda_bot.kernel.uptime import uptime_s
from linda_bot.whatsapp.engine.deadline import Deadline
deadline = Deadline()
print("ready", flush=True)
for line in sys.stdin:
    deadline.extend(float(line))
    print("taken", flush=True)
sys.exit(9)
"""
_A_MOMENT_S = 0.6
"""A step of the deadline's, and what a busy machine adds."""


class Child:
    """A process with a deadline."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert self._heard() == "ready"

    def extend(self, until: float) -> None:
        self.write(until)
        assert self._heard() == "taken"

    def write(self, until: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{until}\n")
        self.process.stdin.flush()

    def ended_at(self, *, within_s: float = 10) -> float:
        assert self.process.wait(within_s) == 0
        return uptime_s()

    def _heard(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def child(code: str = _CHILD) -> Iterator[Child]:
    """Run a process with a deadline until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    with process:
        try:
            yield Child(process)
        finally:
            process.kill()


@pytest.fixture
def engine() -> Iterator[Child]:
    """A process with a deadline."""
    with child() as running:
        yield running


def test_it_ends_when_its_time_is_over(engine: Child) -> None:
    """Not before, and at once."""
    until = uptime_s() + 0.7
    engine.extend(until)

    assert 0 <= engine.ended_at() - until < _A_MOMENT_S


def test_more_time_moves_the_end(engine: Child) -> None:
    """As often as it is given."""
    for _ in range(4):
        engine.extend(uptime_s() + 0.5)
        time.sleep(0.3)
    until = uptime_s() + 0.3
    engine.extend(until)

    assert 0 <= engine.ended_at() - until < _A_MOMENT_S


def test_without_an_end_it_lives_on(engine: Child) -> None:
    """As the engine of an account that lives in files."""
    with pytest.raises(subprocess.TimeoutExpired):
        engine.process.wait(0.8)


def test_who_was_stopped_ends_when_it_goes_on(engine: Child) -> None:
    """Even though more time waits in its pipe, which was given while it was stopped and is over, too."""
    engine.extend(uptime_s() + 0.4)
    os.kill(engine.process.pid, signal.SIGSTOP)
    engine.write(uptime_s() + 0.5)
    time.sleep(0.9)
    woken_at = uptime_s()
    os.kill(engine.process.pid, signal.SIGCONT)

    assert engine.ended_at() - woken_at < _A_MOMENT_S


def test_time_that_came_too_late_brings_nobody_back(engine: Child) -> None:
    """It was given in time, but read when the right had run out: somebody else may have begun."""
    engine.extend(uptime_s() + 0.4)
    os.kill(engine.process.pid, signal.SIGSTOP)
    engine.write(uptime_s() + 60)
    time.sleep(0.8)
    os.kill(engine.process.pid, signal.SIGCONT)

    engine.ended_at(within_s=2)


def test_a_right_that_is_over_is_none(engine: Child) -> None:
    """It may have been long on its way."""
    engine.write(uptime_s() - 0.1)

    engine.ended_at(within_s=2)


def test_a_busy_interpreter_does_not_keep_it_alive() -> None:
    """The thread of the deadline has its turn, whatever the others do."""
    spinning = "deadline.extend(uptime_s() + 0.5)\nwhile True: pass\nfor line in []:"
    busy = _CHILD.replace("for line in sys.stdin:", spinning)
    with child(busy) as engine:
        began_at = uptime_s()
        assert engine.ended_at() - began_at < 0.5 + 2 * _A_MOMENT_S
