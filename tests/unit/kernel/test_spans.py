"""How long something takes, in words."""

import pytest

from linda_bot.kernel.spans import span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (1.4, "1 s"),
        (59.4, "59 s"),
        (59.5, "1 minute"),
        (89, "1 minute"),
        (91, "2 minutes"),
        (59.4 * 60, "59 minutes"),
        (3569.7, "59 minutes"),
        (59.5 * 60, "1 hour"),
        (89 * 60, "1 hour"),
        (91 * 60, "2 hours"),
        (23.4 * 3600, "23 hours"),
        (23.47 * 3600, "23 hours"),
        (23.5 * 3600, "1 day"),
        (35 * 3600, "1 day"),
        (37 * 3600, "2 days"),
        (400 * 86400, "400 days"),
    ],
)
def test_a_span_in_its_largest_unit(seconds: float, words: str) -> None:
    """Rounded to whole ones, and never 60 of the smaller."""
    assert span(seconds) == words
