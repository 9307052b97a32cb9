"""Made-up results."""

from collections.abc import Sequence

from benchmarks.document import Document
from benchmarks.figures import Better, Figure, Kind, Loss

MACHINE: dict[str, str | int | float] = {
    "system": "Linux-6.1-x86_64",
    "processor": "a processor",
    "cpus": 2,
    "load": 0.1,
}


def figure(ratios: Sequence[float], *, key: str = "restart", unit: str = "s", better: Better = "lower") -> Figure:
    """Return a figure with these ratios."""
    kind = Kind(key, f"title of {key}", unit, better, "a script")
    return Figure(kind, [each * 2 for each in ratios], [2] * len(ratios))


def document(
    *figures: Figure, version: str = "1.0.0", at: str = "2026-01-01T00:00:00Z", lost: int = 0, **machine: str | int
) -> Document:
    """Return results with these figures, of a version, from a machine that differs where it is said."""
    return Document(
        at=at,
        machine={**MACHINE, **machine},
        versions={"linda-bot": version, "neonize": "0.5.2", "python": "3.11.7"},
        took_s=300.0,
        figures=list(figures),
        losses=[Loss("linda-bot", 700, lost), Loss("bare", 700, 50)],
        singles={"answers": {"linda-bot": [[0.0113, 0.0121], [0.0112]]}},
    )
