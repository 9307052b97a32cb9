"""How many answers arrive, and how fast: linda-bot against a bare neonize script, on the sandbox.

Both say what they hear. They run in turn, on one server and one session; the contacts' libraries count what they drop
because its counter was used before. The contacts' own stores are guarded, so that what they send is never at fault.
Results go to benchmarks/results/answers.json. `--only`, `--runs`, `--programs` and `--share` make it shorter.
"""

import argparse
import asyncio
import json
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.programs import BOT, FRIEND, RESULTS, Bare, Linda, Program, link, machine, shown, store_of
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.guard import set_guard

FILE = RESULTS / "answers.json"
CONTACTS = [str(int(FRIEND) + number) for number in range(6)]
PROGRAMS = ("linda-bot", "bare", "bare-wal")
ONE_AT_A_TIME = "one"
QUIET_S = 2.0
"""How long nothing may come before it counts as over."""
CRASH_AFTER_S = 0.4
HEAD = (
    "| load | program | runs x messages | answers that arrived | dropped as old counter | answers/s |"
    " delay, median / max, s | caught |"
)


class Load(NamedTuple):
    """How the contacts write."""

    title: str
    messages: int
    """From each contact."""
    contacts: int = 1
    rate: float = 0.0
    """Messages a second from each contact, at random moments; 0 for as fast as they can."""
    longest_wait_s: float = 0.0
    """Up to how long the handler takes for an answer."""
    slow_disk: bool = False
    after_crash: bool = False
    """Whether what speaks to WhatsApp was killed in an earlier burst."""
    held: bool = True
    """Whether the contacts get the answers only once all are there: what loses most, for no answer turns a ratchet."""

    @property
    def sent(self) -> int:
        """How many messages there are in all."""
        return self.messages * self.contacts


LOADS = {
    "burst-300": Load("burst of 300", 300),
    "burst-900": Load("burst of 900", 900),
    "random": Load("random, 20 a second", 300, rate=20),
    "delayed": Load("the same, answered after 0 to 500 ms", 120, rate=20, longest_wait_s=0.5),
    "six": Load("6 contacts, burst of 50 each", 50, contacts=6, held=False),
    "six-random": Load("6 contacts, 3 a second each, answered after 0 to 300 ms", 60, 6, 3, 0.3, held=False),
    "slow-disk": Load("burst of 300, every fsync takes 5 ms more", 300, slow_disk=True),
    "after-crash": Load("burst of 300 after a SIGKILL in a burst", 300, after_crash=True),
}


class Outcome(NamedTuple):
    """What became of the messages of one run."""

    sent: int
    answered: int
    """How many different answers the contacts got."""
    dropped: int
    """How many they dropped because their counter was used before."""
    doubled: int
    seconds: float
    """From the first message that the server took until the last answer that it took."""
    delays: Sequence[float]
    caught: int
    """How often the guard kept a counter from going back."""

    @property
    def arrive_per_s(self) -> float:
        """How many answers arrive in a second."""
        return self.answered / self.seconds if self.seconds else 0.0

    def record(self) -> dict[str, object]:
        """Return it for the JSON file."""
        return {**self._asdict(), "delays": [round(each, 4) for each in self.delays], "arrive_per_s": self.arrive_per_s}


class World:
    """A server, its contacts, and what they write to."""

    def __init__(self, sandbox: Sandbox, contacts: Sequence[Contact], slow_disk: Mapping[str, str]) -> None:
        self.sandbox = sandbox
        self.contacts = contacts
        self.slow_disk = slow_disk
        """What must be in the environment for a slow disk; nothing where that cannot be had."""

    def program(self, name: str, load: Load) -> Program:
        """Return one of those that are compared."""
        environment = self.slow_disk if load.slow_disk else {}
        if name == "linda-bot":
            return Linda(self.sandbox, longest_wait_s=load.longest_wait_s, environment=environment)
        wal = name == "bare-wal"
        return Bare(self.sandbox, longest_wait_s=load.longest_wait_s, wal=wal, environment=environment)

    async def run(self, name: str, load: Load) -> Outcome:
        """Have a program answer the messages of a load."""
        program = self.program(name, load)
        await program.start()
        try:
            for contact in self.contacts[: load.contacts]:
                await contact.ask(BOT, "hello")
            if load.after_crash:
                await self._crash_in_a_burst(program)
            return await self._measure(load)
        finally:
            await program.stop()

    async def one_at_a_time(self, name: str, messages: int) -> list[float]:
        """Return how long each answer takes, when each message is sent after the last was answered."""
        program = self.program(name, LOADS["burst-300"])
        await program.start()
        contact = self.contacts[0]
        try:
            for _ in range(5):
                await contact.ask(BOT, "hello")
            took = []
            for number in range(messages):
                began = time.perf_counter()
                await contact.ask(BOT, f"{number}")
                took.append(time.perf_counter() - began)
            return took
        finally:
            await program.stop()

    async def _crash_in_a_burst(self, program: Program) -> None:
        async with self.sandbox.holding(FRIEND):
            writing = asyncio.create_task(self._write(self.contacts[0], Load("", 150), "before"))
            await asyncio.sleep(CRASH_AFTER_S)
            await program.crash()
            await writing
            await self._until_quiet()
        await asyncio.sleep(QUIET_S)
        self.contacts[0].received()

    async def _measure(self, load: Load) -> Outcome:
        contacts = self.contacts[: load.contacts]
        dropped, caught = sum(each.dropped_old_counter for each in contacts), self._caught()
        self.sandbox.notes.clear()
        async with AsyncExitStack() as held:
            for contact in contacts if load.held else []:
                await held.enter_async_context(self.sandbox.holding(contact.number))
            await asyncio.gather(*(self._write(contact, load, contact.number[-1]) for contact in contacts))
            await self._until_quiet(patience_s=QUIET_S + load.longest_wait_s)
            seconds, delays = self._times(contacts)
        answers = [text for contact in contacts for text in await _heard(contact)]
        return Outcome(
            load.sent,
            len(set(answers)),
            sum(each.dropped_old_counter for each in contacts) - dropped,
            len(answers) - len(set(answers)),
            seconds,
            delays,
            self._caught() - caught,
        )

    @staticmethod
    async def _write(contact: Contact, load: Load, name: str) -> None:
        began, due = time.monotonic(), 0.0
        for number in range(load.messages):
            if load.rate:
                due += random.expovariate(load.rate)
                await asyncio.sleep(max(due - (time.monotonic() - began), 0))
            await contact.send(BOT, f"{name}-{number}")

    async def _until_quiet(self, *, patience_s: float = QUIET_S) -> None:
        """Wait until no more messages come to the server."""
        before, quiet_since = -1, time.monotonic()
        while time.monotonic() - quiet_since < patience_s:
            if self.sandbox.counts["message"] != before:
                before, quiet_since = self.sandbox.counts["message"], time.monotonic()
            await asyncio.sleep(0.05)

    def _times(self, contacts: Sequence[Contact]) -> tuple[float, list[float]]:
        """Return how long it took in all, and each answer's delay: the first answer belongs to the first message."""
        times: dict[tuple[object, object], list[float]] = defaultdict(list)
        for note in self.sandbox.notes:
            if note.what == "message":
                times[note.facts["sender"], note.facts["to"]].append(note.at)
        asked = [times[contact.number, BOT] for contact in contacts]
        answered = [times[BOT, contact.number] for contact in contacts]
        pairs = [pair for one, other in zip(asked, answered, strict=True) for pair in zip(one, other, strict=False)]
        last = max((each[-1] for each in answered if each), default=0.0)
        return last - min(each[0] for each in asked), [answer - question for question, answer in pairs]

    def _caught(self) -> int:
        with closing(sqlite3.connect(store_of(self.sandbox))) as database:
            found = database.execute("SELECT value FROM linda_bot WHERE name = 'guard_caught'").fetchone()
            return int(found[0]) if found else 0


async def _heard(contact: Contact) -> list[str]:
    """Return what a contact has got, once nothing more comes."""
    found = []
    with suppress(TimeoutError):
        while True:
            found.append((await contact.next_message(within_s=QUIET_S / 2)).text)
    return found


@asynccontextmanager
async def opened_world(contacts: int) -> AsyncIterator[World]:
    """Start a server, link the bot, and have the contacts come online."""
    with tempfile.TemporaryDirectory(prefix="linda-bot-bench-") as directory:
        async with Sandbox(Path(directory) / "sandbox") as sandbox, AsyncExitStack() as closing_:
            await link(sandbox)
            people = []
            for number in CONTACTS[:contacts]:
                people.append(await closing_.enter_async_context(sandbox.contact(number)))
                await asyncio.to_thread(set_guard, sandbox.directory / "contacts" / number / "contact.db")
            yield World(sandbox, people, slow_disk(Path(directory)))


def slow_disk(directory: Path) -> dict[str, str]:
    """Build what makes a process's disk slow; return what must be in its environment, nothing where it cannot be."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        return {}
    library = directory / "slow_disk.so"
    source = Path(__file__).with_name("slow_disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}


class Results:
    """What was found, and how it is told."""

    def __init__(self) -> None:
        self.loads: dict[str, dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
        self.one: dict[str, list[list[float]]] = defaultdict(list)

    def table(self) -> list[str]:
        """Return the lines of the tables."""
        lines = [HEAD, "| --- | --- | --- | --- | --- | --- | --- | --- |"]
        for load, programs in self.loads.items():
            lines += [_row(LOADS[load], program, runs) for program, runs in programs.items()]
        return [*lines, "", *self._comparisons()]

    def _comparisons(self) -> list[str]:
        """Ours against each bare script: pair by pair, the median of the ratios."""
        lines = []
        for theirs in PROGRAMS[1:]:
            if self.one["linda-bot"] and self.one[theirs]:
                rates = [[len(run) / sum(run) for run in self.one[name]] for name in ("linda-bot", theirs)]
                middles = [
                    statistics.median(took for run in self.one[name] for took in run) * 1000
                    for name in ("linda-bot", theirs)
                ]
                lines.append(
                    f"one at a time against {theirs}: {_ratio(*rates):.2f} of its answers a second"
                    f" ({statistics.median(rates[0]):.0f} against {statistics.median(rates[1]):.0f}), median delay"
                    f" {middles[0]:.1f} against {middles[1]:.1f} ms: {middles[0] - middles[1]:+.1f} ms"
                )
            for load in ("burst-300", "burst-900"):
                programs = self.loads.get(load, {})
                if programs.get("linda-bot") and programs.get(theirs):
                    rates = [[run.arrive_per_s for run in programs[name]] for name in ("linda-bot", theirs)]
                    lines.append(
                        f"{LOADS[load].title} against {theirs}: {_ratio(*rates):.2f} of its answers a second"
                        f" ({statistics.median(rates[0]):.0f} against {statistics.median(rates[1]):.0f})"
                    )
        return lines

    def record(self) -> dict[str, object]:
        """Return it for the JSON file."""
        return {
            "machine": machine(),
            "loads": {
                load: {program: [run.record() for run in runs] for program, runs in programs.items()}
                for load, programs in self.loads.items()
            },
            "one_at_a_time_s": {
                name: [[round(took, 5) for took in run] for run in runs] for name, runs in self.one.items()
            },
            "text": self.table(),
        }


def _row(load: Load, program: str, runs: Sequence[Outcome]) -> str:
    sent, answered = sum(run.sent for run in runs), sum(run.answered for run in runs)
    delays = [delay for run in runs for delay in run.delays] or [0.0]
    doubled = sum(run.doubled for run in runs)
    return (
        f"| {load.title} | {program} | {len(runs)} x {runs[0].sent} | {answered} of {sent}"
        + (f", {doubled} twice" if doubled else "")
        + f" | {sum(run.dropped for run in runs)} | {statistics.median(run.arrive_per_s for run in runs):.0f}"
        f" | {statistics.median(delays):.3f} / {max(delays):.2f}"
        f" | {sum(run.caught for run in runs) if program == 'linda-bot' else '-'} |"
    )


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=False))


async def bench(options: argparse.Namespace) -> Results:
    """Measure what was asked for."""
    results = Results()
    loads = {name: _share(load, options.share) for name, load in LOADS.items() if name in options.only}
    async with opened_world(max([load.contacts for load in loads.values()], default=1)) as world:
        for run in range(options.runs):
            names = options.programs[run % len(options.programs) :] + options.programs[: run % len(options.programs)]
            for name in names if ONE_AT_A_TIME in options.only else []:
                results.one[name].append(await world.one_at_a_time(name, round(200 * options.share)))
                print(".", end="", flush=True)
        for key, load in loads.items():
            if load.slow_disk and not world.slow_disk:
                print(f"\nleft out: {load.title} (it needs Linux and a C compiler)")
                continue
            for run in range(options.runs):
                shift = run % len(options.programs)
                for name in options.programs[shift:] + options.programs[:shift]:
                    results.loads[key][name].append(await world.run(name, load))
                    print(".", end="", flush=True)
    return results


def _share(load: Load, share: float) -> Load:
    return load._replace(messages=max(round(load.messages * share), 1))


def main() -> None:
    """Measure, print, and write the file."""
    what = [ONE_AT_A_TIME, *LOADS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured")
    parser.add_argument("--only", nargs="*", choices=what, default=what)
    parser.add_argument("--programs", nargs="*", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--share", type=float, default=1.0, help="of the messages, for a first look")
    results = asyncio.run(bench(parser.parse_args()))
    print("\n")
    print("\n".join(results.table()))
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(results.record(), indent=1) + "\n")
    print(f"written to {shown(FILE)}")


if __name__ == "__main__":
    main()
