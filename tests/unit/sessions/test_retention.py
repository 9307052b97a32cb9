"""Which backups and quarantines go."""

from hypothesis import given
from hypothesis import strategies as st

from linda_bot.sessions.retention import surplus_backups, surplus_quarantines

NAMES = st.integers(0, 12).map(lambda count: [f"{number:02}" for number in reversed(range(count))])


@given(NAMES, st.integers(-3, 15), st.integers(-1, 12))
def test_the_newest_stay_and_so_does_the_good_one(newest_first: list[str], keep: int, good: int) -> None:
    """At least one, as many as are to be kept, and whichever verifies; all others go, oldest first."""
    name = f"{good:02}"

    gone = surplus_backups(newest_first, keep=keep, good=name)

    assert gone == sorted(gone)
    assert set(newest_first) - set(gone) == {*newest_first[: max(keep, 1)], *({name} & set(newest_first))}


@given(NAMES, st.integers(-3, 15))
def test_the_newest_quarantines_stay(newest_first: list[str], keep: int) -> None:
    """At least one; the others go, oldest first."""
    gone = surplus_quarantines(newest_first, keep=keep)

    assert gone == sorted(gone)
    assert [*newest_first[: max(keep, 1)], *reversed(gone)] == newest_first
