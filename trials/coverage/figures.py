"""The figures of a coverage report, in coverage.py's JSON form; pure."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec


class Summary(msgspec.Struct):
    """What was gone through of a file, or of all."""

    num_branches: int
    covered_branches: int
    missing_branches: int
    num_statements: int
    missing_lines: int

    @property
    def branch_share(self) -> float:
        """How many of the branches were taken, 0 to 1; all of none."""
        return self.covered_branches / self.num_branches if self.num_branches else 1.0


class File(msgspec.Struct):
    """A source file of a report."""

    summary: Summary
    missing_branches: list[tuple[int, int]]
    missing_lines: list[int]


class Report(msgspec.Struct):
    """A whole report."""

    totals: Summary
    files: dict[str, File]


class Row(NamedTuple):
    """A file in the table."""

    path: str
    summary: Summary
    branches: str
    """Those that were not taken: from which line to which, `end` for the end of what it is in."""


def rows(report: Report) -> Iterator[Row]:
    """Yield the files with a branch that was not taken, those with the most of them first."""
    ordered = sorted(report.files.items(), key=lambda each: (-each[1].summary.missing_branches, each[0]))
    for path, file in ordered:
        if file.missing_branches:
            yield Row(path, file.summary, " ".join(_branch(*each) for each in file.missing_branches))


def _branch(since: int, until: int) -> str:
    return f"{since}>{until if until > 0 else 'end'}"
