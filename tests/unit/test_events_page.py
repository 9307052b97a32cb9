"""docs/events.md tells of every kind of event, as it is."""

import inspect

import pytest

from linda_bot.kernel.events import Event, log_name
from scripts.events_page import PAGE, event_kinds, page


def test_the_page_is_that_of_this_program() -> None:
    """Made from the classes: `make docs`."""
    assert PAGE.read_text() == page()


@pytest.mark.parametrize("kind", event_kinds())
def test_every_kind_of_event_has_a_line_and_a_meaning(kind: type[Event]) -> None:
    """One row each, with a sentence."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{log_name(kind)}` |")]

    assert len(rows) == 1
    assert "." in (inspect.getdoc(kind) or "")
    assert (inspect.getdoc(kind) or "") != (inspect.getdoc(Event) or "")
