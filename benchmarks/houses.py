"""What a shared database costs against files, and what many accounts cost against one: `python -m benchmarks.houses`.

One account with its session and messages in PostgreSQL against one in files, in turn, on one sandbox and with the same
handlers; then houses of several accounts in files against a house of one. The database server is one of this run's own,
with fsync on, as people have it. Results go to benchmarks/results/houses.json, and as tables into docs/benchmarks.md.
"""

import argparse
import asyncio
import json
import logging
import signal
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.figures import quartiles
from benchmarks.machine import measured_on
from benchmarks.programs import RESULTS
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.support.hosts_world import HostsWorld, numbers_of
from tests.support.postgres import find_binaries, running_server

FILE = RESULTS / "houses.json"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- houses: begin -->", "<!-- houses: end -->"
CONNECTED = "connected, listening"
HEAD = "| what | in PostgreSQL | in files | ratio, quartiles |\n| --- | --- | --- | --- |"
HEAD_OF_HOUSES = "| accounts | all connected after, s | memory, MB | for each account, MB |\n| --- | --- | --- | --- |"
_BURST = 100
_ONE_BY_ONE = 100
_SETTLE_S = 2.0
_WITHIN_S = 120.0


class Round(NamedTuple):
    """One run of one kind."""

    restart_s: float
    """From the start of the process until it is connected."""
    one_by_one_per_s: float
    """Answers, each awaited before the next message."""
    burst_per_s: float
    """Answers to messages that come all at once."""


class Size(NamedTuple):
    """A house of so many accounts."""

    accounts: int
    connected_s: float
    memory_mb: float
    """Proportional set size of all its processes."""


NAMES = {
    "restart_s": "restart until connected, s",
    "one_by_one_per_s": "answers a second, one at a time",
    "burst_per_s": f"answers a second, burst of {_BURST}",
}


class Results(NamedTuple):
    """What was found."""

    database: list[Round]
    files: list[Round]
    sizes: list[Size]

    def record(self) -> dict[str, Any]:
        """Return it for the JSON file."""
        return {
            **measured_on(),
            "database": [each._asdict() for each in self.database],
            "files": [each._asdict() for each in self.files],
            "houses": [each._asdict() for each in self.sizes],
        }


def tables(record: dict[str, Any]) -> str:
    """Return what was found as tables."""
    lines = [HEAD]
    for name, title in NAMES.items():
        ours, theirs = ([each[name] for each in record[kind]] for kind in ("database", "files"))
        low, middle, high = quartiles([one / other for one, other in zip(ours, theirs, strict=True)])
        figures = f"{statistics.median(ours):.2f} | {statistics.median(theirs):.2f}"
        lines.append(f"| {title} | {figures} | {middle:.2f} ({low:.2f}..{high:.2f}) |")
    lines += ["", HEAD_OF_HOUSES]
    for house in record["houses"]:
        each_mb = house["memory_mb"] / house["accounts"]
        lines.append(f"| {house['accounts']} | {house['connected_s']:.1f} | {house['memory_mb']:.0f} | {each_mb:.0f} |")
    return "\n".join(lines)


async def one_round(world: HostsWorld, friend: Contact, number: str) -> Round:
    """Restart the host, then have it answer."""
    bot = await world.start("host", **_environment([number]))
    restart_s = await bot.wait_for(CONNECTED, within_s=30)
    began = time.perf_counter()
    for each in range(_ONE_BY_ONE):
        await friend.ask(number, f"one {each}")
    one_by_one = _ONE_BY_ONE / (time.perf_counter() - began)
    async with world.sandbox.holding(number):
        for each in range(_BURST):
            await friend.send(number, f"burst {each}")
    began = time.perf_counter()
    for _ in range(_BURST):
        await friend.next_message(within_s=_WITHIN_S)
    burst = _BURST / (time.perf_counter() - began)
    await bot.stop(signal.SIGTERM, within_s=30)
    return Round(restart_s, one_by_one, burst)


async def house_of(sandbox: Sandbox, count: int, directory: Path) -> Size:
    """Measure a house of so many accounts, in files, after a restart."""
    directory.mkdir()
    world = HostsWorld(sandbox, "", directory)
    numbers = numbers_of(100 + count)[100:]
    bot = await world.start("host", **_environment(numbers))
    await world.link("host", numbers)
    await bot.stop(within_s=60)
    bot = await world.start("host", **_environment(numbers))
    connected_s = await bot.wait_for(CONNECTED, within_s=_WITHIN_S, times=count)
    await asyncio.sleep(_SETTLE_S)
    daemon = psutil.Process(bot.pid)
    memory = sum(each.memory_full_info().pss for each in (daemon, *daemon.children(recursive=True)))
    await bot.stop(within_s=60)
    await world.close()
    return Size(count, connected_s, memory / 1e6)


async def bench(rounds: int, counts: Sequence[int]) -> Results:
    """Measure everything; needs PostgreSQL."""
    binaries = find_binaries()
    assert binaries is not None, "there is no PostgreSQL; see scripts/postgres"
    found = Results([], [], [])
    with tempfile.TemporaryDirectory(prefix="linda-houses-") as name, running_server(binaries, fsync=True) as server:
        directory = Path(name)
        async with Sandbox(directory / "sandbox") as sandbox:
            places = {"": directory / "in-files", server.new_database(): directory / "in-database"}
            worlds = []
            for each, (address, place) in enumerate(places.items()):
                place.mkdir()
                world, number = HostsWorld(sandbox, address, place), numbers_of(2)[each]
                bot = await world.start("host", **_environment([number]))
                await world.link("host", [number])
                await bot.stop(within_s=30)
                worlds.append((world, number, found.database if address else found.files))
            async with worlds[0][0].friend() as friend:
                for turn in range(rounds + 1):
                    for world, number, taken in worlds if turn % 2 else worlds[::-1]:
                        one = await one_round(world, friend, number)
                        if turn:  # the first one only fills the caches
                            taken.append(one)
                        print(".", end="", flush=True)
            for world, *_ in worlds:
                await world.close()
            for count in counts:
                found.sizes.append(await house_of(sandbox, count, directory / f"house-{count}"))
                print("h", end="", flush=True)
    return found


def _environment(numbers: Sequence[str]) -> dict[str, str]:
    return {"LINDA_ACCOUNTS": ",".join(numbers), "LINDA_LOG__MASK": "true", "LINDA_RECONNECT__LOGIN_SPACING": "0"}


def main() -> None:
    """Measure, print, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="pairs of files and database")
    parser.add_argument("--houses", type=int, nargs="*", default=[1, 5, 20], help="how many accounts")
    parser.add_argument("--to", type=Path, default=FILE)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    record = asyncio.run(bench(options.rounds, options.houses)).record()
    options.to.write_text(json.dumps(record, indent=1) + "\n")
    if options.to == FILE:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{tables(record)}\n\n{END}{rest.partition(END)[2]}")
    print(f"\n{tables(record)}")


if __name__ == "__main__":
    main()
