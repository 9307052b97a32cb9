"""When a sink is tried again."""

import pytest

from linda_bot.health.alerting.retrying import wait_s


def test_the_waits_grow_and_there_is_an_end() -> None:
    """About 5, 25, 125 and 625 seconds; after five tries it is given up."""
    assert [wait_s(tries, 0.5) for tries in range(1, 7)] == pytest.approx([5, 25, 125, 625, None, None])


@pytest.mark.parametrize(("chance", "wait"), [(0, 4), (0.25, 4.5), (1, 6)])
def test_jitter_goes_both_ways(chance: float, wait: float) -> None:
    """A fifth less to a fifth more, so that many bots do not come back at one moment."""
    assert wait_s(1, chance) == pytest.approx(wait)


@pytest.mark.parametrize(("asked_s", "wait"), [(None, 5), (0, 5), (4, 5), (30, 30), (900, 900), (5000, 900)])
def test_what_a_receiver_asks_for(asked_s: float | None, wait: float) -> None:
    """It may ask for more time, and for a quarter of an hour at the most."""
    assert wait_s(1, 0.5, asked_s) == pytest.approx(wait)


def test_no_try_waits_longer_than_a_quarter_of_an_hour() -> None:
    """Also where chance lengthens the longest wait."""
    assert wait_s(4, 1.0) == pytest.approx(750)
    assert wait_s(4, 1.0, 1e9) == 900
