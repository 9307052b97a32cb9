"""The figures on the pages are those of the results."""

from pathlib import Path

import pytest

from benchmarks.document import Document
from benchmarks.programs import LATEST
from benchmarks.table import BEGIN, END, IN_THE_README, PAGES, amount, replaced, short_table, whole_table
from tests.unit.benchmarks.samples import document, figure


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_has_the_figures_of_the_latest_results(path: Path) -> None:
    """Written by `python -m benchmarks.table`, not by hand."""
    page = path.read_text()

    assert page == replaced(page, PAGES[path](Document.load(LATEST)))


def test_all_that_is_told_first_was_measured() -> None:
    """A figure that is called otherwise would be missing without a word."""
    assert set(IN_THE_README) <= {each.kind.key for each in Document.load(LATEST).figures}


def test_the_table_tells_ratio_spread_machine_and_both_medians() -> None:
    """Everything that a reader needs to believe it, or not."""
    table = whole_table(document(figure([0.5, 0.6, 0.7]), lost=2))

    assert table.startswith("linda-bot 1.0.0, neonize 0.5.2, Python 3.11.7; Linux, 2 CPUs (a processor), load 0.1")
    assert "| title of restart | a script | 0.60 (0.55 .. 0.65) | 1.20 s | 2.00 s | 3 |" in table
    assert table.endswith("2 of 700 by linda-bot, 50 of 700 by bare.")


def test_the_short_table_has_what_is_told_first() -> None:
    """In the order of the list, whatever the order of the results."""
    table = short_table(document(figure([1], key="memory"), figure([2], key="status"), figure([3], key="restart")))

    assert [line.split(" | ")[0] for line in table.splitlines()[2:4]] == ["| title of restart", "| title of memory"]
    assert "status" not in table


def test_only_what_is_between_the_markers_is_replaced() -> None:
    """Twice is as good as once."""
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    once = replaced(page, "the table")

    assert once == f"before\n{BEGIN}\n\nthe table\n\n{END}\nafter\n"
    assert replaced(once, "the table") == once


@pytest.mark.parametrize("page", ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_a_place_is_left_alone(page: str) -> None:
    """Rather than written anywhere."""
    with pytest.raises(ValueError, match="must be there"):
        replaced(page, "the table")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.3481, "s", "0.348 s"), (0.0341, "s", "34.1 ms"), (11.42, "ms", "11.4 ms"), (1204.4, "/s", "1,204 /s")],
)
def test_amounts_have_three_digits_that_count(value: float, unit: str, text: str) -> None:
    """No more than a measurement is worth."""
    assert amount([value], unit) == text
