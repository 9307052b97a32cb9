"""Measure linda-bot against a bare neonize script, side by side, on the sandbox: `make bench`.

Each figure is a ratio of two measurements taken one after the other in the same run; absolute times of a machine
mean little. Results go to benchmarks/results/latest.json. `--only`, `--pairs` and `--rounds` make it shorter.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.programs import BOT, FRIEND, RESULTS, Bare, Linda, Program, link, machine, quartiles, shown
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox

MESSAGES = 60
BURST = 50
SETTLE_S = 1.0
FILE = RESULTS / "latest.json"


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
            # The log stays as it is: turning it on and off again would cost only us.
            linda, bare = Linda(sandbox), Bare(sandbox, wal=True)
            await link(sandbox)
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
                programs: dict[str, Program] = {"linda-bot": linda, "bare": Bare(sandbox)}
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
    RESULTS.mkdir(exist_ok=True)
    content = {
        "machine": machine(),
        "results": [result.record() for result in results],
        "bursts": {name: burst._asdict() for name, burst in bursts.items()},
    }
    FILE.write_text(json.dumps(content, indent=2) + "\n")
    print(f"\n\nlinda-bot against a bare neonize script: median of the ratios (quartiles); {os.cpu_count()} CPUs")
    for result in results:
        print(result.row())
    for name, burst in bursts.items():
        print(
            f"bursts of {BURST}, {name}: {burst.answered} of {burst.sent} answers arrived,"
            f" {burst.dropped} dropped by the contact's library for a reused counter"
        )
    print(f"written to {shown(FILE)}")


if __name__ == "__main__":
    main()
