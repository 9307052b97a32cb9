"""A fleet's life in virtual time, real keepers on a database in memory; `python -m trials.fleet` has more of it.

The checks are worth something only as long as they find what is broken: that is tested, too.
"""

import pytest

from linda_bot.fleet import validity
from linda_bot.fleet.sharing import Rules
from trials.fleet.course import ACTS, live
from trials.fleet.machine import Breakage

STANDSTILLS = frozenset({"stop process", "suspend"})
SHORT_H, SHORT_ROUND_S = 0.2, 300.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_nothing_goes_wrong(seed: int) -> None:
    """Whatever happens: one engine an account, all are held, nobody has too many, moves come to an end."""
    life = live(seed, 0.3, round_s=600)

    assert life.violations == ()
    assert life.acts > 5
    assert life.moves > 5


@pytest.mark.slow
def test_either_of_the_two_ends_of_an_engine_is_enough() -> None:
    """Engines that are evicted need no end of their own while their daemon is awake, and the other way round."""
    awake = [name for name in ACTS if name not in STANDSTILLS]

    assert live(1, SHORT_H, Breakage(engines_end_themselves=False), only=awake, round_s=SHORT_ROUND_S).violations == ()
    assert live(1, SHORT_H, Breakage(evicts=False), round_s=SHORT_ROUND_S).violations == ()


def found(breakage: Breakage, *only: str, seed: int = 5) -> str:
    """Return what is found wrong in a short life with such a fault in it."""
    return "\n".join(live(seed, SHORT_H, breakage, only=only, round_s=SHORT_ROUND_S).violations)


@pytest.mark.slow
def test_engines_that_nobody_ends_are_found() -> None:
    """Where a host is cut off, and where its daemon stands still."""
    assert "2 engines of" in found(Breakage(engines_end_themselves=False, evicts=False), "cut off")
    assert "2 engines of" in found(Breakage(engines_end_themselves=False), "stop process")


@pytest.mark.slow
def test_a_clock_that_people_set_is_found() -> None:
    """A host whose clock goes back an hour believes in its lease for an hour."""
    assert " and on " in found(Breakage(wall_clock=True), "set clock", "cut off")


@pytest.mark.slow
def test_a_lease_without_a_margin_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """No two clocks are equally fast."""
    monkeypatch.setattr(validity, "MARGIN", 0.0)

    assert " and on " in found(Breakage(), "cut off", "slow link", seed=2)


@pytest.mark.slow
def test_moves_without_an_end_are_found() -> None:
    """Accounts that go to and fro."""
    assert "nothing has happened, and" in found(Breakage(rules=Rules(least_gain=-0.9, settled_s=5)), "cut off")


@pytest.mark.slow
def test_accounts_that_nobody_takes_are_found() -> None:
    """Hosts that could, but do not."""
    assert "nobody has had" in found(Breakage(claims=False), "kill")
