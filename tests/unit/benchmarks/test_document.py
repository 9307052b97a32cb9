"""What is written is what is read."""

import json
from pathlib import Path

import pytest

from benchmarks.document import Document, as_text
from tests.unit.benchmarks.samples import document, figure


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    """Every single measurement with it."""
    written = document(figure([0.7, 0.81, 1e-7]), lost=3)
    written.write(tmp_path / "some" / "file.json")

    assert Document.load(tmp_path / "some" / "file.json") == written


def test_numbers_that_belong_together_stand_on_one_line() -> None:
    """And it is the same JSON."""
    record = {"values": [1, 2.5, -3e-07], "text": "[\n 1 ]", "words": ["a", "b"], "none": []}

    assert json.loads(as_text(record)) == record
    assert "[1, 2.5, -3e-07]" in as_text(record)


@pytest.mark.parametrize("content", ["[]", "{}", "no JSON", '{"results": []}'])
def test_another_file_is_no_file_of_results(tmp_path: Path, content: str) -> None:
    """It is told as what it is."""
    (tmp_path / "file.json").write_text(content)

    with pytest.raises(ValueError):  # noqa: PT011 (the parser's own words, or ours)
        Document.load(tmp_path / "file.json")
