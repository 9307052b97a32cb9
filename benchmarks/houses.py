"""What a shared database costs against files, and what many accounts cost against one: `python -m benchmarks.houses`.

One account with its session and messages in PostgreSQL against the same account in files, in turn, on one sandbox;
then houses of several accounts against a house of one. The server is one of this run's own, with fsync on, as people
have it. Results go to benchmarks/results/houses.json; `python -m benchmarks.table` writes them into docs/benchmarks.md.
"""

from typing import NamedTuple

from benchmarks.programs import RESULTS

FILE = RESULTS / "houses.json"
FILES, DATABASE = "files", "database"
HEAD = "| what | in the database | in files | ratio, quartiles |\n| --- | --- | --- | --- |"
HEAD_OF_HOUSES = "| accounts | all connected after, s | memory, MB | per account, MB |\n| --- | --- | --- | --- |"
_SETTLE_S = 2.0
_BURST = 100
_ONE_BY_ONE = 100


class Round(NamedTuple):
    """One run of one kind."""

    ready_s: float
    one_by_one_per_s: float
    burst_per_s: float


class Size(NamedTuple):
    """A house of so many accounts."""

    accounts: int
    connected_s: float
    memory_mb: float
    """Proportional set size of all its processes."""
