"""Measure linda-bot against a bare neonize script, side by side, on the sandbox: `make bench`.

Each figure is a ratio of two measurements taken one after the other in the same run; absolute times of a machine
mean little. Results go to benchmarks/results/latest.json. `--only`, `--pairs` and `--rounds` make it shorter.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import psutil

from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox

BOT, FRIEND = "971505760056", "4915112345678"
MESSAGES = 60
BURST = 50
SETTLE_S = 1.0
RESULTS = Path(__file__).parent / "results" / "latest.json"
BARE = Path(__file__).parent / "bare.py"


class Program(Protocol):
    """One of the two that are compared."""

    async def start(self) -> float:
        """Start and return after how many seconds it was ready."""

    async def stop(self) -> None:
        """End it."""

    def pids(self) -> list[int]:
        """Return its processes."""


class Linda:
    """`linda-bot run`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.bot: BotProcess | None = None

    async def start(self) -> float:
        """Start it and wait until it says that it listens."""
        # Restarted more often in a row than a bot that spaces out its logins would like.
        at_will = {"LINDA_RECONNECT__LOGIN_SPACING": "0"}
        self.bot = await BotProcess.start("run", "--sandbox", self._sandbox.directory, environment=at_will)
        return await self.bot.ready()

    async def stop(self) -> None:
        """Ask it to end."""
        assert self.bot is not None
        await self.bot.stop()

    def pids(self) -> list[int]:
        """Daemon and engine."""
        assert self.bot is not None
        return [self.bot.pid, *(child.pid for child in psutil.Process(self.bot.pid).children())]


class Bare:
    """The bare script on the same store."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._environment = {**os.environ, **sandbox.environment}
        self._store = sandbox.directory / "bot" / "sessions" / "session-default" / "session.db"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> float:
        """Start it and wait until it is connected; what trusting the sandbox took is taken off."""
        began = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(BARE),
            str(self._store),
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            while line := await self._process.stdout.readline():
                if line.startswith(b"ready"):
                    return time.monotonic() - began - float(line.split()[1])
        message = "the bare script ended before it was ready"
        raise RuntimeError(message)

    async def stop(self) -> None:
        """End it as nothing else does for sure."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    def pids(self) -> list[int]:
        """The one process."""
        assert self._process is not None
        return [self._process.pid]


class Burst(NamedTuple):
    """What became of messages that were sent all at once."""

    sent: int = 0
    answered: int = 0
    dropped: int = 0
    """Answers that the contact's library dropped because their counter was used before."""

    def __add__(self, other: object) -> "Burst":
        """Return both together."""
        if not isinstance(other, Burst):
            return NotImplemented
        return Burst(self.sent + other.sent, self.answered + other.answered, self.dropped + other.dropped)


class Ratio(NamedTuple):
    """A figure of ours against the same of the bare script, pair by pair."""

    name: str
    unit: str
    goal: str
    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """Ours divided by theirs, each pair for itself."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    def row(self) -> str:
        """Return a line of the table."""
        low, middle, high = quartiles(self.ratios)
        return (
            f"{self.name:<34} {middle:5.2f}  ({low:.2f} .. {high:.2f})   goal {self.goal:<8}"
            f" {statistics.median(self.ours):8.3f} against {statistics.median(self.theirs):8.3f} {self.unit},"
            f" {len(self.ours)} pairs"
        )

    def record(self) -> dict[str, object]:
        """Return it for the JSON file."""
        low, middle, high = quartiles(self.ratios)
        return {
            "name": self.name,
            "unit": self.unit,
            "goal": self.goal,
            "ratio": {"q1": low, "median": middle, "q3": high, "min": min(self.ratios), "max": max(self.ratios)},
            "ours": list(self.ours),
            "bare": list(self.theirs),
        }


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the first, second and third quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


async def alternate(
    ours: Program, theirs: Program, pairs: int, measure: Callable[[Program], Awaitable[float]]
) -> tuple[list[float], list[float]]:
    """Measure both in turn; which one comes first changes from pair to pair."""
    found: dict[int, list[float]] = {0: [], 1: []}
    for pair in range(pairs):
        for which in (0, 1) if pair % 2 else (1, 0):
            found[which].append(await measure((ours, theirs)[which]))
            print(".", end="", flush=True)
    return found[0], found[1]


async def measure_restart(program: Program) -> float:
    """Seconds from the start of the process until it is ready."""
    ready = await program.start()
    await program.stop()
    return ready


def measure_memory(friend: Contact) -> Callable[[Program], Awaitable[float]]:
    """Proportional set size of all its processes after some messages, in MB."""

    async def measure(program: Program) -> float:
        await program.start()
        for _ in range(20):
            await friend.ask(BOT, "!ping")
        await asyncio.sleep(SETTLE_S)
        used = sum(psutil.Process(pid).memory_full_info().pss for pid in program.pids()) / 1e6
        await program.stop()
        return used

    return measure


def measure_answers(friend: Contact) -> Callable[[Program], Awaitable[float]]:
    """Answered messages a second, each sent when the last was answered."""

    async def measure(program: Program) -> float:
        await program.start()
        for _ in range(5):
            await friend.ask(BOT, "!ping")
        began = time.monotonic()
        for _ in range(MESSAGES):
            await friend.ask(BOT, "!ping")
        rate = MESSAGES / (time.monotonic() - began)
        await program.stop()
        return rate

    return measure


async def measure_burst(program: Program, sandbox: Sandbox, friend: Contact) -> Burst:
    """Send messages all at once, and count what comes back and what the contact's library drops.

    The answers are held back until all is written, so that only the bot sends and receives at the same time.
    """
    await program.start()
    await friend.ask(BOT, "!ping")
    dropped = friend.dropped_old_counter
    async with sandbox.holding(FRIEND):
        for _ in range(BURST):
            await friend.send(BOT, "!ping")
        async with asyncio.timeout(20):
            while sandbox.queued(FRIEND) < BURST:
                await asyncio.sleep(0.02)
    answered = 0
    try:
        while answered < BURST:
            await friend.next_message(within_s=1)
            answered += 1
    except TimeoutError:
        pass
    await program.stop()
    return Burst(BURST, answered, friend.dropped_old_counter - dropped)


async def bench(options: argparse.Namespace) -> tuple[list[Ratio], dict[str, Burst]]:
    """Link a bot, then measure."""
    results = []
    bursts: dict[str, Burst] = {}
    with tempfile.TemporaryDirectory(prefix="linda-bot-bench-") as directory:
        async with Sandbox(Path(directory)) as sandbox, sandbox.contact(FRIEND) as friend:
            linda, bare = Linda(sandbox), Bare(sandbox)
            first = await BotProcess.start("run", "--sandbox", sandbox.directory)
            await sandbox.phone(BOT).scan(await first.qr_text())
            await first.ready()
            await first.stop()
            await measure_restart(linda)  # both once without counting, so that files are in the cache
            await measure_restart(bare)
            if "restart" in options.only:
                times = await alternate(linda, bare, options.pairs, measure_restart)
                results.append(Ratio("restart until ready, time", "s", "<= 1.00", *times))
            if "memory" in options.only:
                sizes = await alternate(linda, bare, options.rounds, measure_memory(friend))
                results.append(Ratio("memory, daemon and engine (PSS)", "MB", "<= 1.40", *sizes))
            if "answers" in options.only:
                rates = await alternate(linda, bare, options.rounds, measure_answers(friend))
                results.append(Ratio("answers a second, one at a time", "/s", ">= 0.80", *rates))
            if "burst" in options.only:
                programs: dict[str, Program] = {"linda-bot": linda, "bare": bare}
                for name in [*programs] * options.rounds:
                    burst = await measure_burst(programs[name], sandbox, friend)
                    bursts[name] = bursts.get(name, Burst()) + burst
                    print(".", end="", flush=True)
    return results, bursts


def main() -> None:
    """Measure, print, and write the file."""
    figures = ["restart", "memory", "answers", "burst"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15, help="pairs of restarts")
    parser.add_argument("--rounds", type=int, default=7, help="pairs of the other figures")
    parser.add_argument("--only", nargs="*", choices=figures, default=figures)
    options = parser.parse_args()
    # An installed package is compiled; a checkout must be allowed to keep its compiled modules too.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    results, bursts = asyncio.run(bench(options))
    machine = {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    content = {
        "machine": machine,
        "results": [result.record() for result in results],
        "bursts": {name: burst._asdict() for name, burst in bursts.items()},
    }
    RESULTS.write_text(json.dumps(content, indent=2) + "\n")
    print(f"\n\nlinda-bot against a bare neonize script: median of the ratios (quartiles); {machine['cpus']} CPUs")
    for result in results:
        print(result.row())
    for name, burst in bursts.items():
        print(
            f"bursts of {BURST}, {name}: {burst.answered} of {burst.sent} answers arrived,"
            f" {burst.dropped} dropped by the contact's library for a reused counter"
        )
    print(f"written to {RESULTS.relative_to(Path.cwd()) if RESULTS.is_relative_to(Path.cwd()) else RESULTS}")


if __name__ == "__main__":
    main()
