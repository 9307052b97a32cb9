"""One-shot tickets."""

from hypothesis import given
from hypothesis import strategies as st

from linda_bot.web.tickets import AT_MOST, VALID_S, Tickets


def test_once() -> None:
    """And only in its time; looking does not use it up."""
    tickets = Tickets()
    first, second = tickets.issue(0), tickets.issue(0)
    assert tickets.is_open(first, 1)
    assert tickets.redeem(first, 1)
    assert not tickets.redeem(first, 1)
    assert not tickets.is_open(first, 1)
    assert not tickets.redeem(second, VALID_S)
    assert not tickets.redeem(second, 1)


def test_the_oldest_go() -> None:
    """There are a hundred at most, and none can be read out of the memory."""
    tickets = Tickets()
    issued = [tickets.issue(number) for number in range(AT_MOST + 5)]
    assert [tickets.is_open(ticket, 200) for ticket in issued] == [False] * 5 + [True] * AT_MOST
    assert issued[-1] not in repr(vars(tickets))
    assert len(set(issued)) == AT_MOST + 5
    assert min(len(ticket) for ticket in issued) >= 43


@given(st.text())
def test_any_other_word(word: str) -> None:
    """It is no ticket."""
    tickets = Tickets()
    tickets.issue(0)
    assert not tickets.redeem(word, 0)
