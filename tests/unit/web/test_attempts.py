"""How often one may be wrong."""

from hypothesis import given
from hypothesis import strategies as st

from linda_bot.web.attempts import ALL, EACH, WITHIN_S, Attempts, network_of


def test_ten_a_minute_each() -> None:
    """Then one waits until the first of them is a minute ago; others need not."""
    attempts = Attempts()
    for second in range(EACH):
        assert attempts.wait_s("198.51.100.7", second) == 0
        attempts.wrong("198.51.100.7", second)
    assert attempts.wait_s("198.51.100.7", 20) == 40
    assert attempts.wait_s("198.51.100.8", 20) == 0
    assert attempts.wait_s("198.51.100.7", 60) == 0
    attempts.wrong("198.51.100.7", 60)
    assert attempts.wait_s("198.51.100.7", 60) == 1


def test_a_hundred_a_minute_in_all() -> None:
    """From however many addresses; who has shown the token from theirs is not kept out by others."""
    attempts = Attempts()
    attempts.right("192.0.2.1")
    for number in range(ALL):
        attempts.wrong(f"10.0.{number}.1", number / 10)
    assert attempts.wait_s("192.0.2.2", 30) == 30
    assert attempts.wait_s("192.0.2.1", 30) == 0
    for number in range(EACH):
        attempts.wrong("192.0.2.1", 30 + number)
    assert attempts.wait_s("192.0.2.1", 40) == 50
    for number in range(100):  # the place of one who has long been silent is another's
        attempts.right(f"172.16.{number}.1")
    assert attempts.wait_s("192.0.2.1", 59) > 0


def test_an_ipv6_network_is_one() -> None:
    """Each host has a whole /64; an IPv4 address is the same in either notation."""
    assert network_of("2001:db8:1:2::5") == network_of("2001:db8:1:2:ffff::9") != network_of("2001:db8:1:3::5")
    assert network_of("::ffff:198.51.100.7") == "198.51.100.7"
    assert network_of("") == ""


@given(st.lists(st.tuples(st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1"]), st.floats(0, 30)), max_size=60))
def test_never_more_than_that(tries: list[tuple[str, float]]) -> None:
    """Whatever the order and the pace: in no minute are more looked at, and one who waits as told is looked at."""
    attempts, now = Attempts(), 0.0
    looked: dict[str, list[float]] = {}
    for address, pause_s in tries:
        now += pause_s
        wait_s = attempts.wait_s(address, now)
        assert wait_s <= WITHIN_S
        if wait_s == 0:
            attempts.wrong(address, now)
            looked.setdefault(address, []).append(now)
        else:
            assert attempts.wait_s(address, now + wait_s + 1e-6) == 0
            break  # what was asked for the future has forgotten the past
    for times in looked.values():
        for at in times:
            assert sum(at - WITHIN_S < each <= at for each in times) <= EACH
