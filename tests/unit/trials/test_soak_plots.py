"""The pictures of a run."""

from xml.etree import ElementTree as ET

import pytest

from trials.soak.plots import Line, Mark, nice_ticks, plot, thinned

SVG = "{http://www.w3.org/2000/svg}"


def paths_of(picture: str) -> list[str]:
    """Return what is drawn of the lines."""
    return [path.attrib["d"] for path in ET.fromstring(picture).iter(f"{SVG}path")]


@pytest.mark.parametrize("log_from", [0.0, 1.0])
@pytest.mark.parametrize(
    ("pieces", "drawn"),
    [
        ([], 0),
        ([[]], 0),
        ([[(0.0, 5.0)]], 1),
        ([[(1.0, 0.0)]], 1),
        ([[(0.0, 5.0), (1.0, 6.0)]], 1),
        ([[(0.0, 5.0)], [], [(2.0, 7.0), (3.0, 5e9)]], 1),
    ],
)
def test_few_points_break_nothing(pieces: list[list[tuple[float, float]]], drawn: int, log_from: float) -> None:
    """None, one, zeros, and more orders of magnitude than usual."""
    picture = plot("Memory", [Line("daemon", pieces)], time="days", until=30, log_from=log_from)

    assert len(paths_of(picture)) == drawn
    assert "nan" not in picture
    assert "inf" not in picture


def test_no_time_and_no_lines() -> None:
    """There is a picture with axes, its title and its unit."""
    texts = [text.text for text in ET.fromstring(plot("Memory (MB)", [], time="minutes", until=0)).iter(f"{SVG}text")]

    assert "Memory (MB)" in texts
    assert "minutes" in texts


def test_between_two_processes_there_is_nothing() -> None:
    """Each piece begins anew."""
    lines = [Line("engine", [[(0, 1), (1, 2)], [(2, 1), (3, 2)]])]

    assert paths_of(plot("Memory", lines, time="days", until=3))[0].count("M") == 2


def test_points_are_where_they_belong() -> None:
    """Later is to the right, more is further up, and all of it within the picture."""
    (path,) = paths_of(plot("Memory", [Line("a", [[(0, 0), (5, 10), (10, 5)]])], time="days", until=10))
    (x1, y1), (x2, y2), (x3, y3) = (map(float, place.split(",")) for place in path[1:].split("L"))

    assert 0 < x1 < x2 < x3 < 900
    assert 0 < y2 < y3 < y1 < 400
    assert x2 - x1 == pytest.approx(x3 - x2)


def test_texts_stay_texts() -> None:
    """Whatever a line is called."""
    picture = plot("<b>&", [Line("<script>", [[(0, 1)]])], time="<i>", until=1, marks=[Mark(0.5, "<u>")])

    assert ET.fromstring(picture).find(".//{*}script") is None


def test_it_is_readable_in_the_dark() -> None:
    """The colours of a dark page are in the file itself."""
    assert "prefers-color-scheme: dark" in plot("Memory", [], time="days", until=1)


def test_a_long_series_is_drawn_with_few_points_and_its_peaks() -> None:
    """What is highest and lowest stays."""
    piece = [(float(at), 100.0 if at == 7777 else 5.0) for at in range(20000)]

    kept = thinned(piece, 500)

    assert len(kept) <= 500
    assert (7777.0, 100.0) in kept
    assert kept == sorted(kept)


@pytest.mark.parametrize(("high", "ticks"), [(10, [0, 2, 4, 6, 8, 10]), (0.7, [0, 0.2, 0.4, 0.6]), (0, [0])])
def test_ticks_are_round(high: float, ticks: list[float]) -> None:
    """Steps of 1, 2, 2.5 and 5."""
    assert nice_ticks(high) == pytest.approx(ticks)
