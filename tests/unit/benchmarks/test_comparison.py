"""What is called better, what worse, and what neither."""

import pytest

from benchmarks.comparison import compared, machine_differences
from benchmarks.figures import Better
from tests.unit.benchmarks.samples import document, figure

LOW, TOUCHING, HIGH = [0.7, 0.8, 0.9, 1.0], [0.85, 0.95, 1.05, 1.15], [1.2, 1.3, 1.4, 1.5]


@pytest.mark.parametrize(
    ("better", "old", "new", "verdict"),
    [
        ("lower", LOW, HIGH, "worse"),
        ("lower", HIGH, LOW, "better"),
        ("higher", LOW, HIGH, "better"),
        ("higher", HIGH, LOW, "worse"),
        ("lower", LOW, TOUCHING, "the same within the spread"),
        ("higher", TOUCHING, LOW, "the same within the spread"),
        ("lower", LOW, LOW, "the same within the spread"),
        ("lower", LOW, HIGH[:3], "too few pairs to tell"),
        ("lower", LOW[:1], HIGH, "too few pairs to tell"),
    ],
)
def test_only_what_is_beyond_the_spread_has_changed(
    better: Better, old: list[float], new: list[float], verdict: str
) -> None:
    """Which way is better depends on the figure."""
    rows = compared(document(figure(old, better=better)), document(figure(new, better=better)))

    assert rows[0].verdict == verdict


def test_both_ratios_are_told_with_their_spread() -> None:
    """So that one sees by how much."""
    row = compared(document(figure(LOW)), document(figure(HIGH)))[0]

    assert str(row) == "title of restart, against a script: 0.85 (0.78 .. 0.93) -> 1.35 (1.28 .. 1.42): worse"


def test_a_figure_that_only_one_file_has_is_neither_better_nor_worse() -> None:
    """Measurements come and go."""
    old, new = document(figure(LOW, key="gone")), document(figure(LOW, key="added"))

    assert [(row.title, row.verdict) for row in compared(old, new)][:2] == [
        ("title of added", "not in the old file"),
        ("title of gone", "gone"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [(0, 1, "worse"), (5, 0, "better"), (0, 0, "the same within the spread"), (3, 9, "the same within the spread")],
)
def test_losing_an_answer_where_none_was_lost_is_worse(before: int, after: int, verdict: str) -> None:
    """Only ours count."""
    (row,) = compared(document(lost=before), document(lost=after))

    assert (row.title, row.verdict) == ("answers lost in bursts", verdict)


def test_another_machine_is_named_and_another_load_is_not() -> None:
    """So that nobody takes a faster processor for a better program."""
    assert machine_differences(document(), document(load=3)) == []
    assert machine_differences(document(), document(cpus=8, processor="another")) == [
        "processor: a processor -> another",
        "cpus: 2 -> 8",
    ]
