"""Measure a backup of a large store under load against SQLite's own command: part of `make bench`.

Ours is the whole of what the daemon has done: a process is started, copies, checks, brings everything to the disk and
deletes an older backup. Theirs is `sqlite3 STORE ".backup FILE"` and, timed by itself, the same verification. Both in
turn, while the bot answers a message now and then. Beside that, while it answers one after the other: how long ours
takes, whether the command comes to an end (it copies in steps, and begins anew whenever the store was written to in
between), and how late the timers of an event loop are. Results go to benchmarks/results/backup.json.
"""

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import quartiles
from benchmarks.machine import measured_on
from benchmarks.programs import BOT, FRIEND, RESULTS, link, shown
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.backup_process import BackupProcess
from linda_bot.sessions.catalogue import all_backups, fault_of
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths
from linda_bot.sessions.snapshot_job import Job

STORE_BYTES = 50 * 1024 * 1024
FILE = RESULTS / "backup.json"
COMMAND = "sqlite3"
TICK_S = 0.001
WATCHED_S = 0.5
"""How long an event loop is watched without a backup: about as long as one takes."""
PAUSE_S = 0.5
"""Between an answer and the next question, for the comparison."""
PATIENCE_S = 10.0
"""How long the command may take while the bot is never idle."""
GOAL, GOAL_MS = 1.2, 20.0


class Round(NamedTuple):
    """One measurement of each, in seconds."""

    ours: float
    command: float
    verification: float

    @property
    def ratio(self) -> float:
        """Ours against command and verification together."""
        return self.ours / (self.command + self.verification)


class Busy(NamedTuple):
    """What a bot that is never idle leaves of a backup, in seconds."""

    ours: list[float]
    command: list[float]
    """Those that came to an end within the patience."""


class Lateness(NamedTuple):
    """The latest timer of each watch, in milliseconds."""

    idle: list[float]
    during: list[float]


def fill(store: Path) -> None:
    """Make a store large; only while nobody has it open."""
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("CREATE TABLE ballast (number INTEGER PRIMARY KEY, content BLOB)")
        rows = ((os.urandom(900),) for _ in range(STORE_BYTES // 1000))
        database.executemany("INSERT INTO ballast (content) VALUES (?)", rows)


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds it took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def back_up(paths: SessionPaths) -> None:
    """Make a backup as the daemon does."""
    outcome = BackupProcess(Job(str(paths.data_dir), paths.account, "benchmark", keep=3)).outcome()
    if outcome.manifest is None:
        raise RuntimeError(outcome.error)


def verify(copy: Path) -> None:
    """Check a copy as ours is checked."""
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    with copy.open("rb") as file:
        hashlib.file_digest(file, "sha256")


def command(paths: SessionPaths, copy: Path, within_s: float | None = None) -> float:
    """Copy with the command and return how many seconds it took; raises TimeoutExpired."""
    copy.unlink(missing_ok=True)
    statement = [COMMAND, "-cmd", ".timeout 15000", str(paths.store), f".backup '{copy}'"]
    return timed(lambda: subprocess.run(statement, check=True, timeout=within_s))


def measure(paths: SessionPaths, copy: Path, *, ours_first: bool) -> Round:
    """Make one backup of each kind."""
    ours = timed(lambda: back_up(paths)) if ours_first else 0.0
    copied = command(paths, copy)
    verified = timed(lambda: verify(copy))
    return Round(ours or timed(lambda: back_up(paths)), copied, verified)


def measure_busy(paths: SessionPaths, copy: Path, rounds: int) -> Busy:
    """Make backups of both kinds, and count those that come to an end."""
    found = Busy([], [])
    for _ in range(rounds):
        found.ours.append(timed(lambda: back_up(paths)))
        with suppress(subprocess.TimeoutExpired):
            found.command.append(command(paths, copy, PATIENCE_S))
    return found


@asynccontextmanager
async def asked(friend: Contact, pause_s: float) -> AsyncIterator[None]:
    """Have the bot asked meanwhile, each time when the last was answered."""

    async def ask() -> None:
        while True:
            await friend.ask(BOT, "!ping")
            await asyncio.sleep(pause_s)

    asking = spawn_task(ask(), name="load")
    try:
        yield
        assert not asking.done(), "the load has ended"
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


async def latest_timer(work: asyncio.Future[None]) -> float:
    """Return by how many milliseconds a timer was late at most while something was done."""
    worst = 0.0
    while not work.done():
        began = time.perf_counter()
        await asyncio.sleep(TICK_S)
        worst = max(worst, time.perf_counter() - began - TICK_S)
    await work
    return worst * 1000


async def probe(paths: SessionPaths, rounds: int) -> Lateness:
    """Watch this process's event loop, with and without a backup, in turn."""
    found = Lateness([], [])
    back_up(paths)  # once without counting, so that files are in the cache
    for _ in range(rounds):
        found.idle.append(await latest_timer(asyncio.ensure_future(asyncio.sleep(WATCHED_S))))
        found.during.append(await latest_timer(asyncio.ensure_future(asyncio.to_thread(back_up, paths))))
    return found


async def bench(rounds: int) -> tuple[list[Round], Busy, Lateness]:
    """Link a bot, make its store large, keep it busy, and measure."""
    results: list[Round] = []
    busy = Busy([], [])
    with tempfile.TemporaryDirectory(prefix="linda-bot-bench-") as directory:
        async with Sandbox(Path(directory)) as sandbox, sandbox.contact(FRIEND) as friend:
            paths, copy = SessionPaths(sandbox.directory / "bot", DEFAULT_ACCOUNT), Path(directory) / "copy.db"
            bot = await large_bot(sandbox, paths)
            try:
                if shutil.which(COMMAND) is not None:
                    async with asked(friend, PAUSE_S):
                        for number in range(-1, rounds):
                            found = await asyncio.to_thread(measure, paths, copy, ours_first=bool(number % 2))
                            if number >= 0:  # the first without counting: files are in the cache after it
                                results.append(found)
                            print(".", end="", flush=True)
                async with asked(friend, 0.0):
                    if results:
                        busy = await asyncio.to_thread(measure_busy, paths, copy, 3)
                    lateness = await watched(paths, rounds)
            finally:
                await bot.stop()
            assert not any(fault_of(backup) for backup in all_backups(paths))
    return results, busy, lateness


async def large_bot(sandbox: Sandbox, paths: SessionPaths) -> BotProcess:
    """Return a bot that listens and whose store is large; it makes no backups of its own."""
    await link(sandbox)
    fill(paths.store)
    bot = await BotProcess.start(
        "run", "--sandbox", sandbox.directory, environment={"LINDA_BACKUP__AFTER_STABLE": "86400"}
    )
    await bot.ready()
    return bot


async def watched(paths: SessionPaths, rounds: int) -> Lateness:
    """Watch the event loop of a process of its own, like the daemon's: here the server and the contact live, too."""
    watching = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.backup", "--probe", paths.data_dir, "--rounds", str(rounds)),
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await watching.communicate()
    return Lateness(**json.loads(answer))


def report(results: list[Round], busy: Busy, lateness: Lateness) -> None:
    """Print the figures."""
    size = f"{STORE_BYTES / 2**20:.0f} MB"
    print(f"\n\nA backup of a store of {size} under load: medians (quartiles); {os.cpu_count()} CPUs")
    if results:
        low, middle, high = quartiles([found.ratio for found in results])
        ours, copied, verified = (statistics.median(column) for column in zip(*results, strict=True))
        print(
            f"ours against command and verification {middle:5.2f}  ({low:.2f} .. {high:.2f})   goal < {GOAL}"
            f"   {ours:.3f} s against {copied:.3f} + {verified:.3f} s, {len(results)} rounds"
        )
        print(
            f"while the bot is never idle: ours {statistics.median(busy.ours):.3f} s; the command came to an end within"
            f" {PATIENCE_S:g} s in {len(busy.command)} of {len(busy.ours)} cases"
        )
    else:
        print(f"no comparison: the command {COMMAND} is not installed")
    for name, values in (("with no backup running", lateness.idle), ("while a backup is made", lateness.during)):
        low, middle, high = quartiles(values)
        print(
            f"latest timer of an event loop {name:<22} {middle:5.1f} ms"
            f"  ({low:.1f} .. {high:.1f}, worst {max(values):.1f})   goal < {GOAL_MS:g} ms"
        )


def main() -> None:
    """Measure, print, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--probe", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    # An installed package is compiled; a checkout must be allowed to keep its compiled modules too.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if options.probe is not None:
        print(json.dumps(asyncio.run(probe(SessionPaths(options.probe, DEFAULT_ACCOUNT), options.rounds))._asdict()))
        return
    results, busy, lateness = asyncio.run(bench(options.rounds))
    RESULTS.mkdir(exist_ok=True)
    content = {
        **measured_on(),
        "storeBytes": STORE_BYTES,
        "rounds": [{**found._asdict(), "ratio": found.ratio} for found in results],
        "neverIdle": busy._asdict(),
        "latenessMs": lateness._asdict(),
    }
    FILE.write_text(json.dumps(content, indent=2) + "\n")
    report(results, busy, lateness)
    print(f"written to {shown(FILE)}")


if __name__ == "__main__":
    main()
