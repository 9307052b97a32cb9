"""Have fleets live through random hours: `python -m trials.fleet --hours 50 --seeds 1-5`."""

import argparse
import sys
import time

from trials.fleet.course import ACTS, live


def main() -> int:
    """Run it; return 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m trials.fleet", description=__doc__)
    parser.add_argument("--hours", type=float, default=50, help="of all seeds together, in virtual time (default: 50)")
    parser.add_argument("--seeds", default="1-5", help="the seeds, each a fleet of its own, for example 3 or 1-5")
    parser.add_argument("--only", default="", help=f"only such acts, parted by commas: {', '.join(ACTS)}")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    only = set(filter(None, map(str.strip, options.only.split(",")))) or set(ACTS)
    if unknown := only - set(ACTS):
        parser.error(f"there is no act {', '.join(sorted(unknown))}")
    wrong = 0
    for seed in seeds:
        began = time.monotonic()
        life = live(seed, options.hours / len(seeds), only=[name for name in ACTS if name in only])
        wrong += len(life.violations)
        print(
            f"seed {seed}: {life.hours} h in {time.monotonic() - began:.0f} s, {life.acts} acts, {life.moves} moves;"
            f" two engines for {life.longest_two_s} s at most, nobody's for {life.longest_free_s} s at most:"
            f" {len(life.violations)} violations",
            flush=True,
        )
        for violation in life.violations[:20]:
            print(f"  {violation}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
