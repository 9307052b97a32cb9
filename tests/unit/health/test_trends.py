"""What single samples do not show: the last hour, what does not get less, what only grows."""

import math
from collections.abc import Sequence

import pytest

from linda_bot.health.samples import Period
from linda_bot.health.trends import Floor, Growth, LastHour, Recent, hours_until

MINUTE_S, HOUR_S = 60.0, 3600.0


@pytest.mark.parametrize(
    ("failed", "succeeded", "share"), [(0, 0, 0), (2, 0, 0), (3, 0, 1), (3, 3, 0.5), (5, 15, 0.25), (2, 100, 0)]
)
def test_a_share_of_too_few_is_none(failed: int, succeeded: int, share: float) -> None:
    """Two failures are accidents, three are not; of handlers as of answers."""
    assert Recent(handler_errors=failed, handled=succeeded).error_share == share
    assert Recent(send_failures=failed, sent=succeeded).failure_share == share
    assert Recent(send_failures=failed, sent=succeeded).error_share == 0


def test_nothing_has_happened_yet() -> None:
    """A bot that was just started."""
    assert Recent() == (0, 0, 0, 0, 0)


def test_an_hour_is_added_up() -> None:
    """Each kind of its own, within a step and over several."""
    hour = LastHour()
    hour.add(Period(reconnects=1, handled=2, handler_errors=3, sent=4, send_failures=5), 10)
    hour.add(Period(reconnects=10, handled=20), 20)
    found = hour.add(Period(handled=200, sent=400), 700)

    assert found == Recent(reconnects=11, handled=222, handler_errors=3, sent=404, send_failures=5)


@pytest.mark.parametrize(
    ("later_s", "left"),
    [(59 * MINUTE_S, 1), (HOUR_S, 1), (65 * MINUTE_S - 1, 1), (65 * MINUTE_S, 0), (100 * MINUTE_S, 0)],
)
def test_an_hour_forgets_in_steps_of_five_minutes(later_s: float, left: int) -> None:
    """Not before it is over, and at most five minutes later."""
    hour = LastHour()
    hour.add(Period(reconnects=1), 0)

    assert hour.add(Period(), later_s).reconnects == left


def test_steps_begin_where_the_clock_says() -> None:
    """What happened within the same five minutes is forgotten together."""
    hour = LastHour()
    hour.add(Period(reconnects=1), 1)
    hour.add(Period(reconnects=1), 299)
    hour.add(Period(reconnects=1), 301)

    assert hour.add(Period(), 3899).reconnects == 3
    assert hour.add(Period(), 3901).reconnects == 1


def test_a_floor_is_the_lowest_of_the_last_three() -> None:
    """Of fewer, and after a value that is not known, there is none."""
    floor = Floor()

    assert [floor.add(value) for value in (5, 3, 4, 9, 8, 7, None, 1, 1, 1)] == [
        -math.inf, -math.inf, 3, 3, 4, 7, -math.inf, -math.inf, -math.inf, 1,
    ]  # fmt: skip


def line(begin: float, step: float, count: int) -> list[float]:
    """Return so many values that grow by a step each."""
    return [begin + step * number for number in range(count)]


@pytest.mark.parametrize(
    ("hourly", "hours"),
    [
        (line(100, 10, 12), (1000 - 210) / 10),
        (line(100, 10, 11), None),
        (line(100, 10, 13), (1000 - 220) / 10),
        (line(100, 75, 13), None),
        ([1000.0 if number == 11 else value for number, value in enumerate(line(100, 10, 12))], None),
        ([999.0 if number == 11 else value for number, value in enumerate(line(100, 75, 12))], 1 / ((831 - 212.5) / 8)),
        (line(100, 2.4, 12), None),
        (line(100, 2.5, 12), (1000 - 127.5) / 2.5),
        (line(204, 2.5, 12), None),
        (line(200, 2.5, 12), None),
        (line(196, 2.5, 12), (1000 - 223.5) / 2.5),
        ([100.0] * 4 + [150.0] * 4 + [150.0] * 4, None),
        ([100.0] * 4 + [100.0] * 4 + [150.0] * 4, None),
        ([150.0] * 4 + [100.0] * 4 + [180.0] * 4, None),
        ([100.0] * 4 + [190.0] * 4 + [180.0] * 4, None),
        ([100.0] * 4 + [120.0] * 4 + [180.0] * 4, (1000 - 180) / 10),
    ],
)
def test_memory_that_only_grows(hourly: Sequence[float], hours: float | None) -> None:
    """Steadily, for half a day at least, by 20 MB and by a tenth: then it is known when the limit is reached."""
    found = hours_until(1000, hourly)

    assert found == (None if hours is None else pytest.approx(hours))
    assert hours_until(1000, [*hourly[:-1], 1000.0]) is None


def test_growth_goes_by_the_lowest_of_each_hour() -> None:
    """A picture that is being sent is no growth; what is not known is left out, and a day is looked back on."""
    growth = Growth(1000)
    found: list[float | None] = []
    for minute in range(0, 30 * 60, 20):
        low = 100 + 10 * (minute // 60)
        memory_mb = {0: float(low), 20: low + 300.0, 40: None}[minute % 60]
        found.append(growth.add(memory_mb, minute * MINUTE_S))

    known = [(number, value) for number, value in enumerate(found) if value is not None]
    assert (known[0][0], known[-1][0]) == (33, 88)
    assert [known[0][1], known[-1][1]] == pytest.approx([(1000 - 210) / 10, (1000 - 390) / 10])
    assert found[35] is None


def test_growth_forgets_what_is_older_than_a_day() -> None:
    """Two days of growth, and a day of none."""
    growth = Growth(1000)
    for hour, memory_mb in enumerate([*line(100, 10, 48), *[570.0] * 23]):
        growth.add(memory_mb, hour * HOUR_S)

    assert growth.add(570.0, 71 * HOUR_S) is None
    assert growth.add(900.0, 71.5 * HOUR_S) is None


def test_a_day_is_looked_back_on() -> None:
    """An hour with more memory than now speaks against growth as long as it is one of the last 24."""
    growth = Growth(1000)
    growth.add(900.0, 0)
    found = [growth.add(memory_mb, (hour + 1) * HOUR_S) for hour, memory_mb in enumerate(line(100, 10, 25))]

    assert found[:23] == [None] * 23
    assert [value is None for value in found[23:]] == [False, False]


def test_growth_by_exactly_a_tenth_is_growth() -> None:
    """As it is with 20 MB."""
    assert hours_until(5000, [1000.0] * 4 + [1050.0] * 4 + [1100.0] * 4) == pytest.approx((5000 - 1100) / 12.5)
