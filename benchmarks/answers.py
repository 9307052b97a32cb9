"""How many answers arrive, and how fast: linda-bot against a bare neonize script, on the sandbox.

Both say what they hear. They run in turn, on one server and one session; the contacts' libraries count what they drop
because its counter was used before. The contacts' own stores are guarded, so that what they send is never at fault.
Results go to benchmarks/results/answers.json. `--only`, `--runs`, `--programs` and `--share` make it shorter.
"""

import argparse
import asyncio
import json
import statistics
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.machine import measured_on
from benchmarks.programs import RESULTS, shown
from benchmarks.world import LINDA, PROGRAMS, Load, Outcome, opened_world

FILE = RESULTS / "answers.json"
ONE_AT_A_TIME = "one"
HEAD = (
    "| load | program | runs x messages | answers that arrived | dropped as old counter | answers/s |"
    " delay, median / max, s | caught |"
)


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
            if self.one[LINDA] and self.one[theirs]:
                rates = [[len(run) / sum(run) for run in self.one[name]] for name in (LINDA, theirs)]
                middles = [
                    statistics.median(took for run in self.one[name] for took in run) * 1000 for name in (LINDA, theirs)
                ]
                lines.append(
                    f"one at a time against {theirs}: {_ratio(*rates):.2f} of its answers a second"
                    f" ({statistics.median(rates[0]):.0f} against {statistics.median(rates[1]):.0f}), median delay"
                    f" {middles[0]:.1f} against {middles[1]:.1f} ms: {middles[0] - middles[1]:+.1f} ms"
                )
            for load in ("burst-300", "burst-900"):
                programs = self.loads.get(load, {})
                if programs.get(LINDA) and programs.get(theirs):
                    rates = [[run.arrive_per_s for run in programs[name]] for name in (LINDA, theirs)]
                    lines.append(
                        f"{LOADS[load].title} against {theirs}: {_ratio(*rates):.2f} of its answers a second"
                        f" ({statistics.median(rates[0]):.0f} against {statistics.median(rates[1]):.0f})"
                    )
        return lines

    def record(self) -> dict[str, object]:
        """Return it for the JSON file."""
        return {
            **measured_on(),
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
        f" | {sum(run.caught for run in runs) if program == LINDA else '-'} |"
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
