"""Which rehearsals there are, and which are meant."""

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.rehearsal.programme import PROGRAMME, pick


def test_names_are_unique_and_texts_are_there() -> None:
    """The fifteen of the guide in its order, then the scenarios."""
    names = [each.name for each in PROGRAMME]

    assert names[:15] == [str(number) for number in range(1, 16)]
    assert len(set(names)) == len(names) == 21
    assert len({each.act for each in PROGRAMME}) == 21
    assert all(each.title and each.shows and each.target for each in PROGRAMME)


def test_without_a_wish_all_are_meant() -> None:
    """The whole programme."""
    assert pick(None) == PROGRAMME


def test_a_wish_is_taken_in_the_programmes_order() -> None:
    """However it is written."""
    assert [each.name for each in pick(" Power-Loss, 15,2,,2 ")] == ["2", "15", "power-loss"]


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ("4,power-los", "'power-los'; did you mean power-loss? there are 1 to 15, process-crash"),
        ("16", "'16'; there are 1 to 15"),
        ("x\x1b[31m", r"\\x1b"),
        (" , ", "--list shows them"),
    ],
)
def test_a_name_that_there_is_not(wish: str, told: str) -> None:
    """One line with what there is."""
    with pytest.raises(UsageError, match=r"^--only: [^\n]*$") as caught:
        pick(wish)
    assert told.replace(r"\\", "\\") in str(caught.value)
