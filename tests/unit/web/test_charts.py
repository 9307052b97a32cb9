"""The charts: sound pictures of anything, and the same in words."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.health.stats import Cell
from linda_bot.web.pages.charts import HIGH, WIDE, Place, ceiling, curve, in_words, key, strip

MIDNIGHT = datetime(2026, 2, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANY_CELLS = st.lists(st.sampled_from(Cell), max_size=60)
ANY_NUMBER = st.floats()
ANY_TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=50)


def paths_of(picture: str) -> dict[str, str]:
    """Return the outlines of a picture by their classes; raises ParseError where it is not well-formed."""
    return {path.attrib["class"]: path.attrib["d"] for path in ET.fromstring(picture).iter("path")}


@given(ANY_CELLS, ANY_TEXT)
def test_any_strip_is_well_formed(cells: list[Cell], words: str) -> None:
    """And says its words, whatever they are."""
    picture = strip(cells, words)
    assert (ET.fromstring(picture).findtext("title") or "") == words
    assert set(paths_of(picture)) == {f"cell-{cell.value}" for cell in cells if cell is not Cell.TO_COME}


@given(st.lists(st.tuples(ANY_NUMBER, ANY_NUMBER)), ANY_NUMBER, ANY_TEXT)
def test_any_curve_is_well_formed_and_inside(values: list[tuple[float, float]], top: float, words: str) -> None:
    """Also of what is no number, or far beyond the chart."""
    picture = curve([Place(*value) for value in values], top=top, title="Memory", words=words)
    outlines = paths_of(picture)
    assert "nan" not in picture.replace(words, "")
    assert "inf" not in "".join(outlines.values())
    for x, y in re.findall(r"[ML](-?[\d.e+]+) (-?[\d.e+]+)", outlines["line"]):
        assert 0 <= float(x) <= WIDE
        assert 0 <= float(y) <= HIGH


@given(st.floats())
def test_a_ceiling_is_above(most: float) -> None:
    """By less than the half."""
    found = ceiling(most)
    assert found > 0
    if 1e-300 < most < 1e300:
        assert most <= found * (1 + 1e-9)
        assert found <= most * 2.0001


def test_cells_differ_in_shape() -> None:
    """Who does not tell colours apart sees it all the same."""
    shapes = [next(iter(paths_of(key(cell)).values())) for cell in Cell if cell is not Cell.TO_COME]
    assert len(set(shapes)) == 4


def test_a_hole_is_seen() -> None:
    """Where nothing is known there is no line; a point alone is a short one."""
    close = [Place(0.1, 5), Place(0.11, 6)]
    assert paths_of(curve([*close, Place(0.5, 7)], top=10, title="", words=""))["line"].count("M") == 2
    line = paths_of(curve([Place(0.5, 5)], top=10, title="", words=""))["line"]
    assert line == "M240 49.5L242 49.5"


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([], "nothing is known yet"),
        ([Cell.TO_COME] * 3, "nothing is known yet"),
        ([Cell.UP] * 24, "up"),
        ([Cell.UP] * 3 + [Cell.DOWN] * 2 + [Cell.UP, Cell.TO_COME], "up; down from 03:00 to 05:00"),
        ([Cell.OFF] * 9 + [Cell.UP], "the bot did not run; up from 09:00 to 10:00"),
    ],
)
def test_a_strip_in_words(cells: list[Cell], words: str) -> None:
    """What it is mostly, and the rest by the clock."""
    assert in_words(cells, MIDNIGHT, HOUR) == words


@given(ANY_CELLS)
def test_words_are_few(cells: list[Cell]) -> None:
    """However much there is to say."""
    assert in_words(cells, MIDNIGHT, HOUR).count(";") <= 8
