"""What readers of the live events cost: how fast the bot answers, and its memory, with 200 of them and one who is slow.

One bot on the sandbox; blocks of messages, each sent when the last was answered, in turn with and without readers. They
live in a process of their own and read what comes; the slow one never reads. Results go to benchmarks/results/web.json.
"""

import argparse
import asyncio
import json
import os
import selectors
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.figures import quartiles
from benchmarks.machine import measured_on
from benchmarks.programs import BOT, FRIEND, RESULTS, Linda, link, shown
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.paths import SessionPaths
from linda_bot.web.place import socket_of

FILE = RESULTS / "web.json"
REQUEST = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
GOAL = 1.10
SETTLE_S = 1.0
HEAD = "| readers | messages | answer, median / quartiles, ms | memory of the daemon (PSS), MB | its CPU, ms/s |"


class Block(NamedTuple):
    """One stretch of messages."""

    delays: list[float]
    memory: float
    """Of the daemon, at its end, in bytes."""
    busy: float
    """How much processor time the daemon took in a second."""


class Case:
    """What was found without readers, or with."""

    def __init__(self, readers: int) -> None:
        self.readers = readers
        self.blocks: list[Block] = []

    @property
    def delays(self) -> list[float]:
        """How long each answer took, in seconds."""
        return [delay for block in self.blocks for delay in block.delays]

    def row(self) -> str:
        """Return a line of the table."""
        low, middle, high = (each * 1000 for each in quartiles(self.delays))
        memory = statistics.median(block.memory for block in self.blocks) / 1e6
        busy = statistics.median(block.busy for block in self.blocks) * 1000
        readers = f"{self.readers} and a slow one" if self.readers else "none"
        return (
            f"| {readers} | {len(self.delays)} | {middle:.2f} / {low:.2f} .. {high:.2f} | {memory:.1f} | {busy:.0f} |"
        )


class Results:
    """What was found in all."""

    def __init__(self, readers: int, door: str) -> None:
        self.door = door
        self.alone, self.read = Case(0), Case(readers)
        self.memory_after = 0.0
        """Of the daemon once all readers are gone, in bytes."""

    @property
    def ratios(self) -> list[float]:
        """The median answer with readers against that without, pair of blocks by pair."""
        pairs = zip(self.read.blocks, self.alone.blocks, strict=True)
        return [statistics.median(read.delays) / statistics.median(alone.delays) for read, alone in pairs]

    def table(self) -> list[str]:
        """Return the lines of the table."""
        low, middle, high = quartiles(self.ratios)
        after = f"memory once they are gone: {self.memory_after / 1e6:.1f} MB"
        return [
            HEAD,
            "| --- | --- | --- | --- | --- |",
            self.alone.row(),
            self.read.row(),
            "",
            f"by the {self.door} door, answers with readers against without: {middle:.3f} ({low:.3f} .. {high:.3f}),",
            f"goal <= {GOAL:.2f}, {len(self.ratios)} pairs; {after}",
        ]

    def record(self) -> dict[str, object]:
        """Return it for the JSON file."""
        return {
            **measured_on(),
            "door": self.door,
            "readers": self.read.readers,
            "alone": [block._asdict() for block in self.alone.blocks],
            "read": [block._asdict() for block in self.read.blocks],
            "memory_after": self.memory_after,
            "text": self.table(),
        }


class Door:
    """Where the readers come in."""

    def __init__(self, kind: str, sandbox: Sandbox) -> None:
        self.kind = kind
        self._paths = SessionPaths(sandbox.directory / "bot", "default")
        self._port = _free_port() if kind == "tcp" else 0

    @property
    def environment(self) -> dict[str, str]:
        """What the bot must be told."""
        return {"LINDA_HTTP": f"127.0.0.1:{self._port}"} if self._port else {}

    async def address(self) -> str:
        """Return a port, or the path of a socket, which a bot that has just started may not have opened yet."""
        async with asyncio.timeout(5):
            while (place := socket_of(self._paths)) is None:
                await asyncio.sleep(0.05)
        return str(self._port or place)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@asynccontextmanager
async def readers(count: int, address: str) -> AsyncIterator[None]:
    """Have so many read, and one who does not, in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.web", "--read", str(count), "--at", address]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            if await process.stdout.readline() != b"ready\n":
                message = "the readers were not let in"
                raise RuntimeError(message)
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


def read_events(count: int, address: str) -> None:
    """Be the readers, for ever, at as little cost as can be: elsewhere they would be other machines."""
    os.nice(19)
    slow = _connected(address)  # with little room at this end, and nobody takes anything out
    reading = selectors.DefaultSelector()
    for _ in range(count):
        reader = _connected(address)
        head = reader.recv(4096)
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(head.decode())
        reading.register(reader, selectors.EVENT_READ, reader)
    print("ready", flush=True)
    while slow.fileno() >= 0:
        for key, _ in reading.select():
            if not key.data.recv(65536):
                raise ConnectionResetError


def _connected(address: str) -> socket.socket:
    found = socket.socket(socket.AF_INET if address.isdecimal() else socket.AF_UNIX)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    found.connect(("127.0.0.1", int(address)) if address.isdecimal() else address)
    found.sendall(REQUEST)
    return found


async def measure(friend: Contact, daemon: psutil.Process, messages: int) -> Block:
    """Send messages, each when the last was answered."""
    await asyncio.sleep(SETTLE_S)
    for _ in range(3):
        await friend.ask(BOT, "!ping")
    delays, began, busy_before = [], time.perf_counter(), _busy_s(daemon)
    for _ in range(messages):
        asked = time.perf_counter()
        await friend.ask(BOT, "!ping")
        delays.append(time.perf_counter() - asked)
    busy = (_busy_s(daemon) - busy_before) / (time.perf_counter() - began)
    return Block(delays, daemon.memory_full_info().pss, busy)


def _busy_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def bench(options: argparse.Namespace) -> Results:
    """Link a bot, then measure in turn; what comes first changes from pair to pair."""
    results = Results(options.readers, options.door)
    with tempfile.TemporaryDirectory(prefix="linda-bot-bench-") as directory:
        async with Sandbox(Path(directory)) as sandbox, sandbox.contact(FRIEND) as friend:
            await link(sandbox)
            door = Door(options.door, sandbox)
            program = Linda(sandbox, environment=door.environment)
            await program.start()
            try:
                daemon = psutil.Process(program.pids()[0])
                address = await door.address()
                async with readers(1, address):  # the server is loaded for the first who comes
                    await measure(friend, daemon, options.messages)
                for pair in range(options.pairs):
                    for is_read in (False, True) if pair % 2 else (True, False):
                        if is_read:
                            async with readers(options.readers, address):
                                results.read.blocks.append(await measure(friend, daemon, options.messages))
                        else:
                            results.alone.blocks.append(await measure(friend, daemon, options.messages))
                        print(".", end="", flush=True)
                await measure(friend, daemon, options.messages)
                results.memory_after = daemon.memory_full_info().pss
            finally:
                await program.stop()
    return results


def main() -> None:
    """Measure, print, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10, help="pairs of blocks")
    parser.add_argument("--messages", type=int, default=100, help="messages in a block")
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--door", choices=["unix", "tcp"], default="tcp", help="where the readers come in")
    parser.add_argument("--read", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--at", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read_events(options.read, options.at)
        return
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as in an installed package
    results = asyncio.run(bench(options))
    RESULTS.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(results.record(), indent=2) + "\n")
    print("\n", *results.table(), f"written to {shown(FILE)}", sep="\n")


if __name__ == "__main__":
    main()
