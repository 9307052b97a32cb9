"""A line that comes again and again is held back, and counted."""

from hypothesis import given
from hypothesis import strategies as st

from linda_bot.eventlog.storms import Held, StormLimit, pattern_of


def test_a_storm_is_cut_and_told() -> None:
    """So many pass; the others are told once, when the window is over, with an example."""
    limit = StormLimit(most=3, window_s=10)
    passed = [limit.admits("engine_printed", f"bad MAC {number}", number / 100) for number in range(500)]

    assert passed == [True] * 3 + [False] * 497
    assert limit.is_holding
    assert limit.over(9.9) == []
    assert limit.over(11.0) == [Held("engine_printed", 497, 11.0, "bad MAC 0")]
    assert limit.over(20.0) == []
    assert not limit.is_holding
    assert limit.admits("engine_printed", "bad MAC 500", 20.0)


def test_other_lines_pass_meanwhile() -> None:
    """What differs in more than its numbers is another line."""
    limit = StormLimit(most=1, window_s=10)

    assert [limit.admits(name, text, 0) for name, text in (("a", "x 1"), ("a", "x 2"), ("a", "y 1"), ("b", "x 1"))] == [
        True,
        False,
        True,
        True,
    ]


def test_the_memory_of_it_is_bounded() -> None:
    """A storm of lines that all differ: the oldest are forgotten, what was held back of them is told."""
    limit = StormLimit(most=1, window_s=10, kinds=5)
    limit.admits("a", "x", 0)
    limit.admits("a", "x", 0)
    for number in range(100):
        limit.admits(f"name-{chr(97 + number % 26) * (number + 1)}", "", 1)

    assert len(limit._storms) == 5
    assert limit.over(1) == [Held("a", 1, 1, "x")]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5)), max_size=200))
def test_every_line_is_written_or_counted(lines: list[tuple[str, float]]) -> None:
    """Whatever comes when."""
    limit = StormLimit(most=2, window_s=10)
    now, written, held = 0.0, 0, 0
    for name, pause in lines:
        now += pause
        written += limit.admits(name, name, now)
        held += sum(each.lines for each in limit.over(now))
    held += sum(each.lines for each in limit.end(now))

    assert written + held == len(lines)


def test_what_varies_is_left_out() -> None:
    """Numbers and ids; a line is as long as the beginning that tells it from others."""
    assert pattern_of("got 17 of 3EB0AE55FFAA1234 for +49151") == "got # of # for +#"
    assert len(pattern_of("x" * 10_000)) < 100
