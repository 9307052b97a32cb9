"""The results of one run, as they are kept: a JSON file with every single measurement."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from benchmarks.figures import Figure, Kind, Loss

_NUMBERS = re.compile(r"\[\s+([-+.,\w\s]+?)\s+\]")


class Document(NamedTuple):
    """What was found, with what, on what, and when."""

    at: str
    """When it began: UTC, as in ISO 8601, so that texts are in the order of time."""
    machine: Mapping[str, str | int | float]
    versions: Mapping[str, str]
    took_s: float
    figures: Sequence[Figure]
    losses: Sequence[Loss]
    singles: Mapping[str, Mapping[str, Sequence[Sequence[float]]]]
    """What a value of a pair was made from, by what was done, program and pair; in seconds."""

    @property
    def version(self) -> str:
        """Of linda-bot."""
        return self.versions["linda-bot"]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file; raises OSError, and ValueError for one that is none of ours."""
        try:
            return cls.from_record(json.loads(path.read_text()))
        except (KeyError, TypeError) as error:
            message = f"{path} is no file of results: {error!r}"
            raise ValueError(message) from error

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return what was written; the ratios in it are for readers, and are not believed."""
        return cls(
            at=record["at"],
            machine=record["machine"],
            versions=record["versions"],
            took_s=record["took_s"],
            figures=[
                Figure(Kind(*(each[field] for field in Kind._fields)), each["ours"], each["theirs"])
                for each in record["figures"]
            ],
            losses=[Loss(**each) for each in record["losses"]],
            singles=record["singles"],
        )

    def record(self) -> dict[str, object]:
        """Return it as it is written."""
        return {
            **self._asdict(),
            "figures": [
                {
                    **figure.kind._asdict(),
                    "ratio": figure.ratio._asdict(),
                    "ours": figure.ours,
                    "theirs": figure.theirs,
                }
                for figure in self.figures
            ],
            "losses": [loss._asdict() for loss in self.losses],
        }

    def write(self, path: Path) -> None:
        """Write it to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_text(self.record()))


def as_text(record: Mapping[str, object]) -> str:
    """Return a record as JSON; numbers that belong together stand on one line."""
    text = json.dumps(record, indent=2)
    return _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"
