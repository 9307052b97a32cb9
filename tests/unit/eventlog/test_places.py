"""Lines as JSON and as a person reads them, whatever stands in them."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from linda_bot.eventlog.places import StreamPlace, as_json

LINE: dict[str, Any] = {
    "because": "no answer",
    "event": "attempt_failed",
    "timestamp": datetime(2026, 2, 7, 8, 0, 1, 234_000, tzinfo=UTC).isoformat(),
    "category": "connection",
    "level": "warning",
}


class Terminal(io.StringIO):
    """A stream that somebody sits at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    "odd",
    [
        {"text": "half a pair \ud83d"},
        {"half a pair \ud83d": "as a name"},
        {"nested": {"in a list": ["\udfff", ("\udfff", None, 1.5, True)]}},
        {"number": 2**80},
        {"an object": object()},
        {1: {2: {3: "\ud83d"}}},
    ],
    ids=["text", "name", "nested", "number", "object", "keys"],
)
def test_a_line_that_json_has_no_words_for_is_a_line_all_the_same(odd: dict[Any, Any]) -> None:
    """What can be said of it is said; the rest of the line is as it was."""
    line = as_json({**LINE, **odd})

    found = json.loads(line.encode())
    assert {name: found[name] for name in LINE} == LINE
    assert len(found) == len(LINE) + 1


def test_what_all_lines_have_comes_first() -> None:
    """Whoever reads the file sees when and what at the same place."""
    assert list(json.loads(as_json(LINE))) == ["timestamp", "level", "category", "event", "because"]


def test_a_stream_for_programs() -> None:
    """JSON lines; the stream stays open, it is somebody else's."""
    stream = io.StringIO()
    place = StreamPlace(stream, json=True)

    place.write([place.render(LINE), place.render(LINE)])
    place.close()

    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [LINE, LINE]


@pytest.mark.parametrize("no_colour", [True, False])
def test_a_stream_for_eyes(monkeypatch: pytest.MonkeyPatch, *, no_colour: bool) -> None:
    """Time, event and facts; in colours where there is a terminal, unless they are not wanted; a date where none is."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    if no_colour:
        monkeypatch.setenv("NO_COLOR", "1")

    on_terminal, in_file = (StreamPlace(stream, json=False).render(LINE) for stream in (Terminal(), io.StringIO()))

    for text in (on_terminal, in_file):
        assert "01.234" in text
        assert "attempt" in text
        assert "no answer" in text
    assert ("\x1b[" in on_terminal) is not no_colour
    assert "\x1b[" not in in_file
    assert ("2026-02-0" in in_file, "2026-02-0" in on_terminal) == (True, False)
