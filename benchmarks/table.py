"""Write the tables of figures in docs/benchmarks.md and README.md from the latest results.

`python -m benchmarks.table`: what stands between the two markers is replaced, so that no figure is typed by hand.
"""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.document import Document
from benchmarks.programs import LATEST, shown

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
ROOT = Path(__file__).parent.parent
IN_THE_README = (
    "restart",
    "drop",
    "crash",
    "shutdown",
    "memory",
    "rate",
    "rate-wal",
    "p99",
    "p99-wal",
    "burst",
    "burst-wal",
    "backup",
    "help",
)
"""The figures that are told first."""


def whole_table(document: Document) -> str:
    """Return all figures, with their spread and what they were measured on."""
    rows = [
        f"| {figure.kind.title} | {figure.kind.against} | {figure.ratio} | {amount(figure.ours, figure.kind.unit)} "
        f"| {amount(figure.theirs, figure.kind.unit)} | {len(figure.ours)} |"
        for figure in document.figures
    ]
    head = ["| figure | against | ratio, median (quartiles) | linda-bot | the other | pairs |", "| --- " * 6 + "|"]
    return "\n".join([surroundings(document), "", *head, *rows, "", losses(document)]).strip()


def short_table(document: Document) -> str:
    """Return the figures that are told first."""
    figures = {figure.kind.key: figure for figure in document.figures}
    rows = [
        f"| {figures[key].kind.title} | {figures[key].kind.against} | {figures[key].ratio} |"
        for key in IN_THE_README
        if key in figures
    ]
    head = ["| figure | against | ratio, median (quartiles) |", "| --- | --- | --- |"]
    return "\n".join([*head, *rows, "", losses(document)]).strip()


PAGES: Mapping[Path, Callable[[Document], str]] = {
    ROOT / "docs" / "benchmarks.md": whole_table,
    ROOT / "README.md": short_table,
}
"""Which table stands where."""


def surroundings(document: Document) -> str:
    """Return in a sentence what was measured on, with what, and when."""
    machine, versions = document.machine, document.versions
    system = str(machine["system"]).partition("-")[0]
    return (
        f"linda-bot {versions['linda-bot']}, neonize {versions['neonize']}, Python {versions['python']}; {system},"
        f" {machine['cpus']} CPUs ({machine['processor']}), load {machine['load']} at the beginning;"
        f" {document.at.partition('T')[0]}, {document.took_s / 60:.0f} minutes:"
    )


def losses(document: Document) -> str:
    """Return in a sentence which answers never arrived; empty where none were counted."""
    if not document.losses:
        return ""
    told = ", ".join(f"{loss} by {loss.program}" for loss in document.losses)
    return f"Answers lost in those bursts: {told}."


def amount(values: Sequence[float], unit: str) -> str:
    """Return the median with three digits that count: `0.348 s`, `11.4 ms`, `1,204 /s`."""
    middle = statistics.median(values)
    if unit == "s" and middle < 0.1:
        middle, unit = middle * 1000, "ms"
    whole = len(f"{abs(middle):.0f}") if abs(middle) >= 1 else 0
    return f"{middle:,.{max(3 - whole, 0)}f} {unit}"


def replaced(page: str, block: str) -> str:
    """Return a page with another text between the markers; raises ValueError where they are not there, each once."""
    if (page.count(BEGIN), page.count(END)) != (1, 1) or page.index(BEGIN) > page.index(END):
        message = f"{BEGIN} and {END} must be there, once, in this order"
        raise ValueError(message)
    return f"{page.partition(BEGIN)[0]}{BEGIN}\n\n{block}\n\n{END}{page.partition(END)[2]}"


def main() -> int:
    """Write the tables; return 1 where a page has no place for one."""
    document = Document.load(LATEST)
    missing = 0
    for path, table in PAGES.items():
        try:
            path.write_text(replaced(path.read_text(), table(document)))
            print(f"written to {shown(path)}")
        except ValueError as error:
            missing += 1
            print(f"not written to {shown(path)}: {error}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
