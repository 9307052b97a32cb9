"""The course of the link measured: seconds in states, outages, what is up."""

from hypothesis import given
from hypothesis import strategies as st

from linda_bot.health.meter import LinkMeter
from linda_bot.health.samples import Period

steps = st.lists(
    st.tuples(
        st.sampled_from(["connected", "reconnecting", "transient_disconnect", "linking"]),
        st.integers(0, 100),
        st.booleans(),
    ),
    max_size=40,
)


@given(steps)
def test_every_second_is_in_one_state(course: list[tuple[str, int, bool]]) -> None:
    """However often somebody looks or takes in between."""
    meter, now, taken = LinkMeter("starting", 0.0), 0.0, Period()
    for state, seconds, takes in course:
        meter.move(state, now)
        now += seconds
        meter.look(now)
        if takes:
            taken += meter.take(now)
    taken += meter.take(now)

    assert taken.span_s == now
    assert taken.up_s == sum(seconds for state, seconds, _ in course if state == "connected")
    assert sum(meter.states.values()) == now


def test_outages_end_when_the_link_is_up() -> None:
    """Through whichever states it goes; short drops are none; one that goes on is not over, but known."""
    meter = LinkMeter("starting", 0.0)
    for state, at in (
        ("connected", 1.0),
        ("transient_disconnect", 100.0),
        ("connected", 105.0),
        ("transient_disconnect", 200.0),
        ("reconnecting", 210.0),
        ("circuit_open", 300.0),
        ("connected", 400.0),
        ("reconnecting", 500.0),
    ):
        meter.move(state, at)

    first, second = meter.take(530.0), meter.take(560.0)

    assert (first.outages, first.outage_s, first.longest_outage_s) == (1, 200.0, 200.0)
    assert (second.outages, second.outage_s, second.longest_outage_s) == (0, 0.0, 60.0)
    assert (meter.down_for(560.0), meter.up_for(560.0)) == (60.0, None)


def test_the_end_of_the_bot_is_no_outage() -> None:
    """It was asked for."""
    meter = LinkMeter("connected", 0.0)
    meter.move("stopping", 100.0)
    meter.move("stopped", 130.0)

    period = meter.take(140.0)

    assert (period.span_s, period.up_s, period.longest_outage_s) == (100.0, 100.0, 0.0)
