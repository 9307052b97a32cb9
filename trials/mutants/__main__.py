"""`make mutants`: put small faults into the pure rules, one by one, and name those that no test of the rule notices."""

import argparse
import os
import re
import sys
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from trials.mutants.mutant import Mutant, mutants_of
from trials.mutants.plan import PLAN
from trials.mutants.trial import SOURCES, start, warm_up

ACCEPTED = Path(__file__).parent / "accepted.toml"


class Outcome(NamedTuple):
    """What became of the faults of a module."""

    faults: int
    survived: int
    unknown: int
    """Of those: not accepted."""
    idle: int
    """Entries of the accepted that are about nothing."""


def main() -> int:
    """Return 0 when every fault is noticed, or accepted with a reason that still belongs to one that is not."""
    parser = argparse.ArgumentParser(prog="python -m trials.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="for example sessions/retention.py; default: all")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="how many side by side")
    parser.add_argument("--list", action="store_true", help="only show the faults")
    options = parser.parse_args()
    chosen = options.modules or list(PLAN)
    if unknown := [module for module in chosen if module not in PLAN]:
        parser.error(f"not in the plan: {', '.join(unknown)}; there are {', '.join(PLAN)}")
    if options.list:
        for path in chosen:
            listed = mutants_of(path, (SOURCES / path).read_text())
            sys.stdout.writelines(f"{mutant.line}: {mutant.name}\n" for mutant in listed)
        return 0
    accepted = read_accepted(ACCEPTED)
    began = time.monotonic()
    warm_up(sorted({test for path in chosen for test in PLAN[path]}))
    found = [
        _of_module(path, mutants_of(path, (SOURCES / path).read_text()), accepted, options.workers) for path in chosen
    ]
    faults, survived, unknown, idle = (sum(each) for each in zip(*found, strict=True))
    sys.stdout.write(
        f"\n{faults} faults: {faults - survived} noticed, {survived - unknown} accepted, {unknown} not noticed; "
        f"{time.monotonic() - began:.0f} s\n"
    )
    return 1 if unknown or idle else 0


def _of_module(path: str, faults: Iterable[Mutant], accepted: Mapping[str, str], workers: int) -> Outcome:
    """Try all faults of a module, say what no test has noticed, and count it."""
    _, status = os.waitpid(start(path, (SOURCES / path).read_text(), PLAN[path]), 0)
    if status:
        raise SystemExit(f"without any fault the tests of {path} do not pass: pytest {' '.join(PLAN[path])}")
    mutants = list(faults)
    survivors = _survivors(mutants, workers)
    survived = {mutant.name for mutant in survivors}
    unknown = [mutant for mutant in survivors if mutant.name not in accepted]
    # What an entry is about may have been noticed since, or be gone: then its reason is about nothing.
    idle = [name for name in accepted if re.split("[: ]", name, maxsplit=1)[0] == path and name not in survived]
    sys.stdout.write(f"{path:<28} {len(mutants):>4} faults, {len(mutants) - len(survivors):>4} noticed\n")
    for mutant in unknown:
        sys.stdout.write(f"  no test notices, line {mutant.line}: {mutant.name}\n")
    for name in idle:
        what = "is noticed" if any(name == mutant.name for mutant in mutants) else "is no fault of the source"
        sys.stdout.write(f"  accepted.toml has what {what}: {name}\n")
    sys.stdout.flush()
    return Outcome(len(mutants), len(survivors), len(unknown), len(idle))


def _survivors(mutants: Sequence[Mutant], workers: int) -> list[Mutant]:
    """Return those that no test notices, in the order of the mutants."""
    running: dict[int, int] = {}
    survivors: list[int] = []

    def wait_for_one() -> None:
        pid, status = os.wait()
        number = running.pop(pid)
        if status == 0:
            survivors.append(number)

    for number, mutant in enumerate(mutants):
        if len(running) >= workers:
            wait_for_one()
        running[start(mutant.path, mutant.source, PLAN[mutant.path])] = number
    while running:
        wait_for_one()
    return [mutants[number] for number in sorted(survivors)]


def read_accepted(path: Path) -> Mapping[str, str]:
    """Return the faults that make no difference that matters, each with the reason; raises SystemExit."""
    found: dict[str, str] = {}
    for entry in tomllib.loads(path.read_text())["accepted"] if path.exists() else ():
        for name in entry["faults"]:
            if not entry["because"].strip() or name in found:
                raise SystemExit(f"accepted.toml: without a reason, or there twice: {name}")
            found[name] = entry["because"]
    return found


if __name__ == "__main__":
    sys.exit(main())
