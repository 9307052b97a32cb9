"""The parts of a run: what is measured of which programs, and which figures it gives."""

import asyncio
import shutil
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from benchmarks import backup, measurements
from benchmarks.figures import Better, Figure, Kind, Loss
from benchmarks.measurements import Taken
from benchmarks.programs import Bare, Linda, Program
from benchmarks.world import BARE, BARE_WAL, LINDA, Load, World
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths

Measure = Callable[[], Awaitable[Taken]]
MESSAGES = 150
"""In a round of single messages."""
BURST = 100
SCRIPT, SCRIPT_WAL = "the bare script", "the bare script with a write-ahead log"
IN_WORDS = {LINDA: LINDA, BARE: SCRIPT, BARE_WAL: SCRIPT_WAL}
BY_INTERRUPT, BY_TERM = "bare, SIGINT", "bare, SIGTERM"
PYTHON, IMPORTING = "python", "python, neonize"
COMMANDS = "sqlite3"


class Wanted(NamedTuple):
    """A figure that a part gives: which value of ours, against the same of which other."""

    kind: Kind
    value: str
    other: str


class Part:
    """Something that is done to several programs in turn."""

    def __init__(self, measures: Mapping[str, Measure], wanted: Sequence[Wanted], *, warm: bool = False) -> None:
        """Describe a part; with `warm` each is measured once without counting, so that files are in the cache."""
        self._measures = measures
        self._wanted = wanted
        self._warm = warm
        self._taken: dict[str, list[Taken]] = defaultdict(list)

    async def run(self, rounds: int) -> None:
        """Measure each once a round; which one comes first changes from round to round."""
        names = list(self._measures)
        for name in names if self._warm else []:
            await self._measures[name]()
        for number in range(rounds):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                self._taken[name].append(await self._measures[name]())
                print(".", end="", flush=True)

    def figures(self) -> list[Figure]:
        """Return what was found."""
        return [
            Figure(wanted.kind, self._values(LINDA, wanted.value), self._values(wanted.other, wanted.value))
            for wanted in self._wanted
        ]

    def singles(self) -> dict[str, list[list[float]]]:
        """Return what the values were made from, by program; empty where each was one time."""
        return {
            name: [[round(single, 5) for single in taken.singles] for taken in found]
            for name, found in self._taken.items()
            if any(taken.singles for taken in found)
        }

    def _values(self, name: str, value: str) -> list[float]:
        return [round(taken.values[value], 6) for taken in self._taken[name]]


class Parts:
    """All of them, on one server with one linked bot."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._friend = world.contacts[0]
        self._lost: dict[str, Loss] = {}
        # The write-ahead log stays as it is: turning it on and off again would cost only us.
        self._plain: dict[str, Program] = {LINDA: Linda(world.sandbox), BARE_WAL: Bare(world.sandbox, wal=True)}
        self._echoing: dict[str, Program] = {**self._plain, LINDA: Linda(world.sandbox, longest_wait_s=0.0)}

    @property
    def losses(self) -> list[Loss]:
        """How many answers never arrived in bursts, by program."""
        return list(self._lost.values())

    @asynccontextmanager
    async def opened(self, name: str) -> AsyncIterator[Part | None]:
        """Yield a part, ready to be run; None where what it needs is not there."""
        if name == "backup":
            async with self._backup() as part:
                yield part
        else:
            yield PARTS[name](self)

    def restart(self) -> Part:
        """From nothing to a bot that listens."""
        measures = {name: partial(measurements.restart, program) for name, program in self._plain.items()}
        kind = Kind("restart", "restart until ready", "s", "lower", SCRIPT_WAL)
        return Part(measures, [Wanted(kind, "ready", BARE_WAL)], warm=True)

    def drop(self) -> Part:
        """A line that is cut."""
        sandbox = self._world.sandbox
        measures = {
            name: partial(measurements.drop, program, self._friend, sandbox) for name, program in self._echoing.items()
        }
        kind = Kind("drop", "line cut until the next answer", "s", "lower", SCRIPT_WAL)
        return Part(measures, [Wanted(kind, "answered", BARE_WAL)])

    def crash(self) -> Part:
        """A client library that dies."""
        measures = {name: partial(measurements.crash, program, self._friend) for name, program in self._echoing.items()}
        against = f"{SCRIPT_WAL}, started again at once"
        kind = Kind("crash", "client killed until the next answer", "s", "lower", against)
        return Part(measures, [Wanted(kind, "answered", BARE_WAL)])

    def answers(self) -> Part:
        """Messages one at a time."""

        def measure(name: str) -> Measure:
            async def one_at_a_time() -> Taken:
                return measurements.of_answers(await self._world.one_at_a_time(name, MESSAGES))

            return one_at_a_time

        titles: list[tuple[str, str, str, Better]] = [
            ("rate", "answers a second, one at a time", "/s", "higher"),
            ("p50", "delay of half of the answers, at most", "ms", "lower"),
            ("p95", "delay of 95 % of the answers, at most", "ms", "lower"),
            ("p99", "delay of 99 % of the answers, at most", "ms", "lower"),
        ]
        wanted = [
            Wanted(Kind(f"{value}{suffix}", title, unit, better, against), value, other)
            for value, title, unit, better in titles
            for suffix, against, other in (("", SCRIPT, BARE), ("-wal", SCRIPT_WAL, BARE_WAL))
        ]
        return Part({name: measure(name) for name in (LINDA, BARE, BARE_WAL)}, wanted)

    def burst(self) -> Part:
        """Messages all at once."""

        def measure(name: str) -> Measure:
            async def burst() -> Taken:
                found = await self._world.run(name, Load(f"burst of {BURST}", BURST))
                before = self._lost.get(name, Loss(IN_WORDS[name], 0, 0))
                lost = before.lost + found.sent - found.answered
                self._lost[name] = before._replace(sent=before.sent + found.sent, lost=lost)
                return Taken({"rate": found.arrive_per_s}, found.delays)

            return burst

        title = f"answers a second that arrive, burst of {BURST}"
        wanted = [
            Wanted(Kind("burst", title, "/s", "higher", SCRIPT), "rate", BARE),
            Wanted(Kind("burst-wal", title, "/s", "higher", SCRIPT_WAL), "rate", BARE_WAL),
        ]
        return Part({name: measure(name) for name in (LINDA, BARE, BARE_WAL)}, wanted)

    def memory(self) -> Part:
        """Daemon and engine together."""
        measures = {
            name: partial(measurements.memory, program, self._friend) for name, program in self._echoing.items()
        }
        kind = Kind("memory", "memory (PSS), daemon and engine", "MB", "lower", SCRIPT_WAL)
        return Part(measures, [Wanted(kind, "used", BARE_WAL)])

    def shutdown(self) -> Part:
        """A signal, and its end; the bare script dies of SIGTERM without doing anything, so it is asked both ways."""
        ours, theirs = self._echoing[LINDA], self._echoing[BARE_WAL]
        measures = {
            LINDA: partial(measurements.shutdown, ours, self._friend, signal.SIGTERM),
            BY_INTERRUPT: partial(measurements.shutdown, theirs, self._friend, signal.SIGINT),
            BY_TERM: partial(measurements.shutdown, theirs, self._friend, signal.SIGTERM),
        }
        title = "shutdown in order (SIGTERM)"
        at_once = f"{SCRIPT}, which SIGTERM kills: nothing is put in order"
        return Part(
            measures,
            [
                Wanted(Kind("shutdown", title, "s", "lower", f"{SCRIPT}, Ctrl+C"), "gone", BY_INTERRUPT),
                Wanted(Kind("shutdown-killed", title, "s", "lower", at_once), "gone", BY_TERM),
            ],
        )

    def help(self) -> Part:
        """What only says how it is used."""
        measures = {
            LINDA: partial(measurements.command, *measurements.HELP),
            PYTHON: partial(measurements.command, *measurements.BARE_PYTHON),
            IMPORTING: partial(measurements.command, *measurements.BARE_SCRIPT),
        }
        title = "`linda-bot --help`"
        script = "`--help` of a script that imports neonize"
        return Part(
            measures,
            [
                Wanted(Kind("help", title, "ms", "lower", script), "ended", IMPORTING),
                Wanted(Kind("help-python", title, "ms", "lower", "Python with argparse alone"), "ended", PYTHON),
            ],
            warm=True,
        )

    def status(self) -> Part:
        """A command that looks at the files of a bot that is not running."""
        where = ("--data-dir", str(self._world.sandbox.directory / "bot"))
        measures = {
            LINDA: partial(measurements.command, *measurements.STATUS, *where),
            IMPORTING: partial(measurements.command, *measurements.BARE_SCRIPT),
        }
        script = "`--help` of a script that imports neonize"
        kind = Kind("status", "`linda-bot status`, the bot not running", "ms", "lower", script)
        return Part(measures, [Wanted(kind, "ended", IMPORTING)], warm=True)

    @asynccontextmanager
    async def _backup(self) -> AsyncIterator[Part | None]:
        """Make the store large for good, and have the bot answer now and then: this part is the last."""
        if shutil.which(backup.COMMAND) is None:
            yield None
            return
        paths = SessionPaths(self._world.sandbox.directory / "bot", DEFAULT_ACCOUNT)
        copy = self._world.sandbox.directory / "copy.db"
        backup.fill(paths.store)

        async def ours() -> Taken:
            return Taken({"made": await asyncio.to_thread(backup.timed, lambda: backup.back_up(paths))})

        async def theirs() -> Taken:
            copied = await asyncio.to_thread(backup.command, paths, copy, backup.PATIENCE_S)
            verified = await asyncio.to_thread(backup.timed, lambda: backup.verify(copy))
            return Taken({"made": copied + verified})

        kind = Kind(
            "backup",
            f"verified backup of {backup.STORE_BYTES >> 20} MB under load",
            "s",
            "lower",
            "`sqlite3 .backup` and the same checks",
        )
        bot: Program = Linda(
            self._world.sandbox, longest_wait_s=0.0, environment={"LINDA_BACKUP__AFTER_STABLE": "86400"}
        )
        await bot.start()
        try:
            async with backup.asked(self._friend, backup.PAUSE_S):
                yield Part({LINDA: ours, COMMANDS: theirs}, [Wanted(kind, "made", COMMANDS)], warm=True)
        finally:
            await bot.stop()


PARTS: dict[str, Callable[[Parts], Part]] = {
    "restart": Parts.restart,
    "drop": Parts.drop,
    "crash": Parts.crash,
    "answers": Parts.answers,
    "burst": Parts.burst,
    "memory": Parts.memory,
    "shutdown": Parts.shutdown,
    "help": Parts.help,
    "status": Parts.status,
}
NAMES = (*PARTS, "backup")
"""In the order of a run."""
