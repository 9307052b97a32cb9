"""What has become better or worse from one run to another; pure."""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from benchmarks.document import Document
from benchmarks.figures import Figure, Loss

Verdict = Literal[
    "better", "worse", "the same within the spread", "too few pairs to tell", "not in the old file", "gone"
]
FEWEST_PAIRS = 4
"""With fewer the quartiles are the measurements themselves, and say nothing of the spread."""


class Row(NamedTuple):
    """One figure in both."""

    title: str
    against: str
    old: str
    new: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.title}, against {self.against}: {self.old} -> {self.new}: {self.verdict}"


def compared(old: Document, new: Document) -> list[Row]:
    """Return a row for each figure that is in one of them."""
    return [*_figures(old, new), *_losses(old, new)]


def figure_verdict(old: Figure, new: Figure) -> Verdict:
    """Judge by whether the middle halves of the ratios have anything in common."""
    if min(len(old.ratios), len(new.ratios)) < FEWEST_PAIRS:
        return "too few pairs to tell"
    if old.ratio.overlaps(new.ratio):
        return "the same within the spread"
    return "better" if (new.ratio.middle < old.ratio.middle) == (new.kind.better == "lower") else "worse"


def loss_verdict(old: Loss, new: Loss) -> Verdict:
    """Judge by whether anything was lost at all: how much it is changes from run to run."""
    if bool(old.lost) == bool(new.lost):
        return "the same within the spread"
    return "worse" if new.lost else "better"


def machine_differences(old: Document, new: Document) -> list[str]:
    """Return what differs of what they were measured on and with, in words; linda-bot itself is left out."""
    return [
        f"{name}: {before[name]} -> {after[name]}"
        for before, after in ((old.machine, new.machine), (old.versions, new.versions))
        for name in ("system", "processor", "cpus", "neonize", "python")
        if name in before and name in after and before[name] != after[name]
    ]


def _figures(old: Document, new: Document) -> Iterator[Row]:
    before, after = _by_key(old), _by_key(new)
    for key in [*after, *(key for key in before if key not in after)]:
        kind = (after.get(key) or before[key]).kind
        was, found = before.get(key), after.get(key)
        if was is None or found is None:
            verdict: Verdict = "gone" if found is None else "not in the old file"
        else:
            verdict = figure_verdict(was, found)
        yield Row(kind.title, kind.against, _shown(was), _shown(found), verdict)


def _losses(old: Document, new: Document) -> Iterator[Row]:
    """Only of ours: what others lose is not for us to judge."""
    for was in old.losses:
        for found in new.losses:
            if was.program == found.program == "linda-bot":
                yield Row("answers lost in bursts", "none", str(was), str(found), loss_verdict(was, found))


def _by_key(document: Document) -> Mapping[str, Figure]:
    return {figure.kind.key: figure for figure in document.figures}


def _shown(figure: Figure | None) -> str:
    return "-" if figure is None else str(figure.ratio)
