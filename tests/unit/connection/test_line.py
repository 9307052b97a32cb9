"""The line to the server: when it comes and goes too often to be left to the library."""

from linda_bot.connection.line import Line


def lose(line: Line, at: float, lasted: float) -> bool:
    """Let the line come up and be lost again; return whether that is too often."""
    line.up(at)
    return line.lost(at + lasted)


def test_a_line_is_up_between_a_login_and_a_loss() -> None:
    """Not before, and not after."""
    line = Line()
    found = [line.is_up]
    line.up(0)
    found.append(line.is_up)
    line.lost(1)
    found.append(line.is_up)

    assert found == [False, True, False]


def test_five_short_lives_are_borne_and_the_sixth_is_not() -> None:
    """Each costs WhatsApp a login; a line that goes on like that is too much from then on."""
    line = Line()

    assert [lose(line, 100.0 * number, 59.9) for number in range(7)] == [False] * 5 + [True] * 2


def test_a_line_that_lasts_a_minute_starts_the_count_again() -> None:
    """Its own loss is the first of the next row."""
    line = Line()
    for number in range(5):
        lose(line, 100.0 * number, 10)

    assert not lose(line, 1000, 60)
    assert [lose(line, 2000.0 + 100 * number, 10) for number in range(5)] == [False] * 4 + [True]


def test_a_loss_is_counted_once() -> None:
    """The library says it again with each socket that it could not open."""
    line = Line()
    lose(line, 0, 10)

    assert not any(line.lost(20.0 + number) for number in range(10))
    assert not any(lose(line, 100.0 * number, 10) for number in range(4))


def test_a_second_login_does_not_make_a_line_younger() -> None:
    """The line is as old as its first one: nothing was lost in between."""
    line = Line()
    for number in range(5):
        lose(line, 100.0 * number, 10)
    line.up(1000)
    line.up(1050)

    assert not line.lost(1060)
