"""`make coverage`: run all tests, counting in the processes that they start, and say which branches none has taken."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from trials.coverage.figures import Report, rows

PLACE = Path("build") / "coverage"
"""As in pyproject.toml; git does not look there."""
REPORT = PLACE / "report.json"
LEAST = 0.9
_PYTEST = ("-q", "-p", "trials.coverage.in_order", "-p", "no:cacheprovider", "--timeout", "300")


def main() -> int:
    """Return 0 when nine branches of ten were taken."""
    parser = argparse.ArgumentParser(prog="python -m trials.coverage", description=__doc__)
    parser.add_argument("tests", nargs="*", default=["tests"], help="which tests; default: all of them")
    parser.add_argument("--workers", type=int, default=2, help="how many side by side")
    options = parser.parse_args()
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    side_by_side = ("-n", str(options.workers), "--dist", "worksteal")
    passed = _coverage("run", "-m", "pytest", *_PYTEST, *side_by_side, *options.tests) == 0
    # What was counted by a process that was killed while it wrote that down is left out.
    if _coverage("combine", "--quiet") or _coverage("json", "--quiet", "-o", str(REPORT)):
        return 1
    for unfinished in PLACE.glob("data.*"):
        unfinished.unlink()
    report = msgspec.json.decode(REPORT.read_bytes(), type=Report)
    sys.stdout.write(f"\n{'branches':>13}  {'not taken':>9}  file\n")
    for row in rows(report):
        taken = f"{row.summary.covered_branches} of {row.summary.num_branches}"
        sys.stdout.write(f"{taken:>13}  {row.summary.missing_branches:>9}  {row.path}: {row.branches}\n")
    totals = report.totals
    lines = totals.num_statements - totals.missing_lines
    sys.stdout.write(
        f"\nbranches taken: {totals.branch_share:.2%} ({totals.covered_branches} of {totals.num_branches})"
        f"\nstatements run: {lines / totals.num_statements:.2%} ({lines} of {totals.num_statements})\n"
    )
    if not passed:
        sys.stdout.write("some tests did not pass while they were measured, which slows them: see above\n")
    return 0 if totals.branch_share >= LEAST else 1


def _coverage(*arguments: str) -> int:
    command: Sequence[str] = (sys.executable, "-m", "coverage", *arguments)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
