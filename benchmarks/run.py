"""Measure linda-bot against a bare neonize script, side by side, on the sandbox: `make bench`.

Each figure is a ratio of two measurements taken one after the other in the same run; absolute times of a machine mean
little. All of it goes to benchmarks/results/latest.json, with every single measurement. `--only`, `--pairs` and
`--rounds` make it shorter; a run that left something out goes to part.json, so that the table stays whole.
"""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.document import Document
from benchmarks.machine import measured_on
from benchmarks.parts import NAMES, Parts
from benchmarks.programs import LATEST, RESULTS, shown
from benchmarks.table import whole_table
from benchmarks.world import opened_world

CHEAP = ("restart", "help", "status")
"""What is measured in `--pairs` pairs, the others in `--rounds`."""
QUIET_S = 0.7
BUSY = 0.5


async def bench(options: argparse.Namespace) -> Document:
    """Link a bot, then measure what was asked for."""
    head: dict[str, Any] = measured_on()
    if head["machine"]["load"] > BUSY:
        print(f"this machine is busy (load {head['machine']['load']}): what comes is worth little")
    began = time.monotonic()
    found = Document(**head, took_s=0.0, figures=[], losses=[], singles={})
    figures, singles = [], {}
    async with opened_world(1, quiet_s=QUIET_S) as world:
        parts = Parts(world)
        for name in NAMES:
            if name not in options.only:
                continue
            print(f"{name:<9}", end="", flush=True)
            since = time.monotonic()
            async with parts.opened(name) as part:
                if part is None:
                    print("left out: the command sqlite3 is not installed")
                    continue
                await part.run(options.pairs if name in CHEAP else options.rounds)
                figures += part.figures()
                if of_part := part.singles():
                    singles[name] = of_part
            print(f" {time.monotonic() - since:.0f} s")
        losses = parts.losses
    took_s = round(time.monotonic() - began, 1)
    return found._replace(took_s=took_s, figures=figures, losses=losses, singles=singles)


def place(options: argparse.Namespace) -> Path:
    """Return where the results go."""
    if options.to is not None:
        return Path(options.to)
    return LATEST if set(options.only) == set(NAMES) else RESULTS / "part.json"


def main() -> int:
    """Measure, print, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15, help="pairs of what takes little time: restarts, commands")
    parser.add_argument("--rounds", type=int, default=7, help="pairs of the other figures")
    parser.add_argument("--only", nargs="*", choices=NAMES, default=list(NAMES))
    parser.add_argument("--to", type=Path, help="where the results go")
    options = parser.parse_args()
    # An installed package is compiled; a checkout must be allowed to keep its compiled modules too.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    document = asyncio.run(bench(options))
    document.write(place(options))
    print(f"\n{whole_table(document)}\n\nwritten to {shown(place(options))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
