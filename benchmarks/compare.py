"""Compare two runs figure by figure: by default the previous release's with the latest; `--keep` makes it a release's.

Better or worse is only what differs by more than the spread: where the middle halves of both runs' ratios have nothing
in common. The exit code is 1 when something is worse. Runs on different machines are compared, too, but it is said.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.comparison import compared, machine_differences
from benchmarks.document import Document
from benchmarks.programs import LATEST, shown
from benchmarks.releases import all_kept, keep, newest_before
from linda_bot import __version__


def main() -> int:
    """Compare or keep; return the exit code, 2 where a file is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", nargs="?", type=Path, help="by default the newest earlier release's")
    parser.add_argument("new", nargs="?", type=Path, default=LATEST, help=f"by default {shown(LATEST)}")
    parser.add_argument("--keep", action="store_true", help="keep the latest results as those of this version")
    parser.add_argument("--force", action="store_true", help="replace what is kept of this version")
    options = parser.parse_args()
    try:
        if options.keep:
            path = keep(Document.load(options.new), __version__, force=options.force)
            print(f"kept as {shown(path)}")
            return 0
        new = Document.load(options.new)
        old = Document.load(options.old) if options.old else newest_before(new, all_kept())
    except (OSError, ValueError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
    if old is None:
        print("no earlier release has a file of results: nothing to compare with")
        return 0
    return tell(old, new)


def tell(old: Document, new: Document) -> int:
    """Print the comparison; return 1 when something is worse."""
    print(f"linda-bot {old.version} ({old.at}) -> {new.version} ({new.at}); ratios, median (quartiles)")
    print(f"load of the machine at the beginning: {old.machine['load']} -> {new.machine['load']}")
    for difference in machine_differences(old, new):
        print(f"not measured on the same: {difference}")
    rows = compared(old, new)
    for row in rows:
        print(row)
    worse = sum(row.verdict == "worse" for row in rows)
    print(f"{worse} of {len(rows)} worse" + ("; measure again before you believe it" if worse else ""))
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
