"""Where an account lives: the whole product of what files and database may say."""

from itertools import product

import pytest

from linda_bot.app.migrating.whereabouts import (
    Home,
    Marker,
    Row,
    Traces,
    home_of,
    why_not_in_database,
    why_not_in_files,
)


def marker(move: str, to: str, *, done: bool = False) -> Marker:
    """Return a marker."""
    return Marker(move=move, to=to, database="the database x", at="today", done=done)


MARKERS = (
    None,
    *(marker(move, to) for move in "ab" for to in ("files", "database")),
    marker("a", "database", done=True),
)
ROWS = (None, *(Row(place, "a", "host:/dir", copied) for place in ("files", "database") for copied in (True, False)))
EVERYTHING = [Traces(*each) for each in product(MARKERS, ROWS, (True, False), (True, False))]


@pytest.mark.parametrize("traces", EVERYTHING, ids=str)
def test_never_in_two_places(traces: Traces) -> None:
    """Whoever may begin in the files without asking keeps everybody from beginning in the database."""
    home = home_of(traces)
    in_files = traces.marker is None and traces.in_files
    in_database = not why_not_in_database(traces, "the database x", "/data")
    assert in_database == (home in {Home.DATABASE, Home.NOWHERE})
    stale = traces.row is not None and traces.row.place == Home.DATABASE
    assert not (in_files and in_database) or stale  # a copy of files from before: nothing in it tells
    if home is Home.FILES and traces.marker is None:
        assert traces.in_files


@pytest.mark.parametrize(
    ("traces", "home"),
    [
        (Traces(), Home.NOWHERE),
        (Traces(in_files=True), Home.FILES),
        (Traces(in_database=True), Home.DATABASE),
        (Traces(in_files=True, in_database=True), Home.FILES),
        (Traces(marker("a", "database"), None, in_files=True), Home.ELSEWHERE),
        (Traces(None, Row("files", "a", "x", is_copied=False), in_files=True, in_database=True), Home.FILES),
        (Traces(None, Row("files", "a", "x", is_copied=True), in_database=True), Home.ELSEWHERE),
        (Traces(marker("a", "database"), Row("files", "a", "x", is_copied=False), in_files=True), Home.FILES),
        (Traces(marker("a", "database"), Row("database", "a", "x", is_copied=True), in_files=True), Home.DATABASE),
        (Traces(marker("b", "files"), Row("database", "a", "x", is_copied=True), in_files=True), Home.DATABASE),
        (Traces(marker("b", "files"), Row("files", "b", "x", is_copied=True), in_files=True), Home.FILES),
        (Traces(marker("a", "database", done=True), Row("files", "c", "x", is_copied=True)), Home.ELSEWHERE),
    ],
)
def test_each_step_of_a_move_has_one_answer(traces: Traces, home: Home) -> None:
    """From the beginning of a move to its end, in both directions."""
    assert home_of(traces) is home


def test_a_refusal_says_what_to_do() -> None:
    """In one line."""
    lines = [why_not_in_files(each) for each in MARKERS if each is not None]
    lines += [why for each in EVERYTHING if (why := why_not_in_database(each, "the database x", "/data"))]
    for line in lines:
        assert "\n" not in line
        assert "migrate" in line or "run it there" in line or "which is not" in line
