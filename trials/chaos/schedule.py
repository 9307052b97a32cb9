"""What happens when: the same seed and the same number of a round make the same schedule on every machine. Pure."""

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

_FEWEST, _MOST = 3, 9
_SHORTEST_S, _LONGEST_S = 12.0, 28.0
_TOGETHER_S = 2.0
_ALL_AT_ONCE = 0.3
"""How many of the rounds have everything happen within two seconds."""


class Planned(NamedTuple):
    """One act of a round."""

    at_s: float
    """After the beginning of the round, in seconds."""
    act: str
    seed: int
    """Decides on what the act leaves open."""


class Plan(NamedTuple):
    """One round."""

    number: int
    lasts_s: float
    acts: tuple[Planned, ...]


def plan(seed: int, number: int, weights: Mapping[str, int]) -> Plan:
    """Return a round's schedule; the weights of the acts say how often each comes."""
    chance = Random(f"{seed}/{number}")
    lasts_s = chance.uniform(_SHORTEST_S, _LONGEST_S)
    until_s = _TOGETHER_S if chance.random() < _ALL_AT_ONCE else lasts_s * 0.8
    names = chance.choices(tuple(weights), tuple(weights.values()), k=chance.randint(_FEWEST, _MOST))
    acts = [Planned(round(chance.uniform(0, until_s), 3), name, chance.getrandbits(32)) for name in names]
    return Plan(number, round(lasts_s, 3), tuple(sorted(acts)))
