"""How often a session may log in: what holds for every history, and the file that remembers it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.sessions.logins import NO_MANNERS, Manners, due_in, note_login, summed_up

MANNERS = Manners(at_once=5, spacing_s=20)
NOW = 1_750_000_000.0

ALL_MANNERS = st.builds(Manners, at_once=st.integers(1, 30), spacing_s=st.floats(0.5, 600))
GAPS = st.lists(st.one_of(st.just(0.0), st.floats(0, 5), st.floats(0, 2000)), max_size=120)
ANY_TIMES = st.lists(st.floats(-1e12, 1e12), max_size=100).map(sorted)


def polite(gaps: list[float], manners: Manners) -> list[float]:
    """Return when somebody logs in who asks after each gap and waits as told."""
    logins: list[float] = []
    now = NOW
    for gap in gaps:
        now += gap
        now += due_in(logins, now, manners)
        logins.append(now)
    return logins


@given(gaps=GAPS, manners=ALL_MANNERS)
def test_after_a_rest_so_many_at_once_wait_for_nothing(gaps: list[float], manners: Manners) -> None:
    """Whatever was before: after a rest in which all could have been made one by one, each of them is free."""
    logins = polite(gaps, manners)
    now = (logins or [NOW])[-1] + manners.at_once * manners.spacing_s * (1 + 1e-9) + 1e-3
    for _ in range(manners.at_once):
        assert due_in(logins, now, manners) == 0
        logins.append(now)
    assert due_in(logins, now, manners) == pytest.approx(manners.spacing_s)


@given(gaps=GAPS, manners=ALL_MANNERS)
def test_no_stretch_of_time_has_more_logins_than_it_may(gaps: list[float], manners: Manners) -> None:
    """At most `at_once` and one for each spacing: in the long run the spacing is what counts."""
    logins = polite(gaps, manners)
    for begin, first in enumerate(logins):
        for count, last in enumerate(logins[begin:], start=1):
            assert count <= manners.at_once + (last - first) / manners.spacing_s + 1e-3


@given(logins=ANY_TIMES, now=st.floats(-1e12, 1e12), manners=ALL_MANNERS)
def test_no_wait_is_longer_than_the_spacing(logins: list[float], now: float, manners: Manners) -> None:
    """Neither after a clock that was set nor after logins of a time without manners."""
    assert 0 <= due_in(logins, now, manners) <= manners.spacing_s


@given(gaps=GAPS, manners=ALL_MANNERS, by=st.floats(1, 1e9))
def test_a_clock_that_is_set_costs_nobody_a_wait(gaps: list[float], manners: Manners, by: float) -> None:
    """Set back, the logins of the future say nothing; set forward, those of the past are long ago."""
    logins = polite(gaps, manners)
    if not logins:
        return
    whole = manners.at_once * manners.spacing_s
    assert due_in(logins, logins[0] - by, manners) == 0
    assert due_in(logins, logins[-1] + whole + by, manners) == 0


@given(gaps=GAPS, manners=ALL_MANNERS, later=st.floats(0, 3000))
def test_a_history_that_is_summed_up_says_the_same(gaps: list[float], manners: Manners, later: float) -> None:
    """No login is allowed earlier by it, and none is held up by more than one spacing; it is short."""
    logins = polite(gaps, manners)
    now = (logins or [NOW])[-1]
    short = summed_up(logins, now, manners)

    assert len(short) <= manners.at_once
    exact = due_in(logins, now + later, manners)
    assert exact - 1e-3 <= due_in(short, now + later, manners) <= exact + manners.spacing_s


def test_no_manners_are_no_limit() -> None:
    """Spacing 0 switches it off."""
    assert due_in([NOW] * 1000, NOW, NO_MANNERS) == 0


# The file.


def test_a_crash_loop_is_slowed_down_to_the_spacing(tmp_path: Path) -> None:
    """A thousand starts, each as soon as it may: the spacing holds, however often the file is shortened."""
    path, now = tmp_path / "logins", NOW
    for _ in range(1000):
        now += note_login(path, now, MANNERS)

    assert now - NOW == pytest.approx((1000 - MANNERS.at_once) * MANNERS.spacing_s, rel=0.01)
    assert now - NOW >= (1000 - MANNERS.at_once) * MANNERS.spacing_s - 1
    assert path.stat().st_size < 10_000
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_bot_that_dies_while_it_waits_does_not_wait_longer_each_time(tmp_path: Path) -> None:
    """Its login never came: those that follow are due when it would have been."""
    path = tmp_path / "logins"
    for _ in range(5):
        assert note_login(path, NOW, MANNERS) == 0
    waits = [note_login(path, NOW + second, MANNERS) for second in range(10)]

    assert waits == pytest.approx([20 - second for second in range(10)], abs=0.01)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe not a number\n",
        b"nan\ninf\n-inf\n1e400\n",
        b"17500000",
        b"9" * 400 + b"\n",
        b"x\n" * 100_000,
        b"y" * 200_000,
    ],
)
def test_a_broken_file_forbids_nothing_and_is_used_again(tmp_path: Path, content: bytes) -> None:
    """Half a line, another program's file, a huge one: the limit works from the next login on."""
    path = tmp_path / "logins"
    path.write_bytes(content)

    waits = [note_login(path, NOW + number / 100, MANNERS) for number in range(7)]

    assert waits[:5] == [0] * 5
    assert waits[6] > 15
    assert path.stat().st_size < 1000


def test_a_link_in_the_files_place_is_not_written_through(tmp_path: Path) -> None:
    """It may lead anywhere; nothing is forbidden."""
    other = tmp_path / "other"
    other.write_text("precious\n")
    (tmp_path / "logins").symlink_to(other)

    assert [note_login(tmp_path / "logins", NOW, MANNERS) for _ in range(9)] == [0] * 9
    assert other.read_text() == "precious\n"


@pytest.mark.parametrize("obstacle", ["directory", "pipe", "nowhere", "read-only"])
def test_what_cannot_be_written_forbids_nothing(tmp_path: Path, obstacle: str) -> None:
    """No error, no wait, no hang."""
    path = tmp_path / "logins"
    if obstacle == "directory":
        path.mkdir()
    elif obstacle == "pipe":
        os.mkfifo(path)
    elif obstacle == "nowhere":
        path = tmp_path / "missing" / "logins"
    else:
        path.write_text("")
        path.chmod(0o400)

    assert note_login(path, NOW, MANNERS) == 0
