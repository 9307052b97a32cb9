"""The report: whole, self-contained, and every text in it a text."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from linda_bot.rehearsal.charts import Bar, bars, curve
from linda_bot.rehearsal.report import report
from linda_bot.rehearsal.values import Run, Series, Unit, Verdict
from tests.unit.rehearsal.runs import a_run, an_outcome, measured

_VOID = {"meta", "br"}
_EVIL = "<script>alert(1)</script>\" onload='x' & </title>"


class Checked(HTMLParser):
    """Takes a page apart; a tag that is not closed, or closed twice, is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def run() -> Run:
    """One of everything."""
    return a_run(
        an_outcome("4", samples=measured(Series.RESTART, 0.5, 1.5)),
        an_outcome("10", samples=measured(Series.BACKUP_TIME, 0.1)),
        an_outcome("14", samples=measured(Series.BACKUP_SIZE, 270_000, 280_000, unit=Unit.BYTES)),
        an_outcome("15", samples=measured(Series.MEMORY, 70, 72, 71, unit=Unit.MEGABYTES)),
        an_outcome("power-loss", verdict=Verdict.FAILED, reason=_EVIL, figure=_EVIL),
        an_outcome("network-loss", verdict=Verdict.UNFINISHED, figure=""),
        handlers=_EVIL,
        interrupted=True,
    )


def test_the_page_is_well_formed_and_says_everything(run: Run) -> None:
    """Figures, targets, verdicts, reasons, conditions, and a chart of each kind of measurement."""
    page = Checked(report(run))

    assert page.tags.count("svg") == 4
    assert page.tags.count("tr") == 1 + len(run.rehearsals)
    for said in ("4 of 6 rehearsals passed", "ended before the end", "2026-02-07 08:00 UTC", "LINDA_HTTP", "4,096 MB"):
        assert said in page.text
    for title in ("Restart times", "Backup times", "Backup sizes", "Memory over time"):
        assert title in page.text
    assert page.text.count(Verdict.UNFINISHED.value) == 1


def test_texts_stay_texts(run: Run) -> None:
    """Whatever a reason or a handler's name holds."""
    page = Checked(report(run))

    assert "script" not in page.tags
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert page.text.count(_EVIL) == 3


def test_nothing_is_fetched(run: Run) -> None:
    """No address, no script; the page's own policy forbids them too."""
    text = report(run)
    page = Checked(text)

    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert "://" not in text
    assert "url(" not in text
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text


def test_what_was_not_measured_has_no_chart() -> None:
    """A run of one that measures nothing."""
    assert "<svg" not in report(a_run(an_outcome()))


def test_bars_are_in_proportion() -> None:
    """The longest fills the width; a bound near by is drawn, one far off is not."""
    rows = [Bar("a", 2.0, "2 s"), Bar("b", 1.0, "1 s"), Bar("c", 0.0, "0 s")]
    near, far = (ET.fromstring(str(bars(rows, "Times", bound=bound))) for bound in (4, 100))

    assert [float(each.get("width", "")) for each in far.findall("rect")] == [380, 190, 1]
    assert [float(each.get("width", "")) for each in near.findall("rect")] == [190, 95, 1]
    assert (len(near.findall("line")), len(far.findall("line"))) == (1, 0)


def test_a_curve_stays_in_its_picture() -> None:
    """From the left edge to the right one; a single point is no curve."""
    drawn = str(curve([(1, 50), (2, 100), (5, 75)], "Memory", unit="MB"))
    points = [tuple(map(float, pair.split(","))) for pair in re.findall(r"[\d.]+,[\d.]+", drawn)]
    _, _, wide, high = map(float, ET.fromstring(drawn).get("viewBox", "").split())

    assert len(points) == 3
    assert all(0 < x < wide and 0 < y < high for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert min(points, key=lambda point: point[1]) == points[1]
    assert curve([(1, 50)], "Memory", unit="MB") == ""
