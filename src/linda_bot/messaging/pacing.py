"""How long to wait between two messages, and before an answer; pure."""

from typing import NamedTuple

QUIET_S = 0.05
QUIET_WITHIN_S = 10.0
"""How long an answer waits at most for a contact that goes on writing."""

_SLOWEST_S = 1.0


class Pace(NamedTuple):
    """How fast messages are sent; in seconds."""

    between: float = 0.0
    """From one message to the next, on average."""
    ramp_after: float = 600.0
    """An outage that is longer than this is followed by a slow beginning."""
    ramp_for: float = 60.0
    """How long that takes."""


def pause_s(pace: Pace, *, outage_s: float, up_for_s: float, chance: float) -> float:
    """Return how long to wait after a message; `chance` is a number from 0 to 1.

    Half of the pace is jitter. After a long outage everything that has piled up would be sent at once, which looks
    like a flood: the first messages come one a second, then faster and faster.
    """
    usual = pace.between * (0.5 + chance)
    if outage_s < pace.ramp_after or up_for_s >= pace.ramp_for:
        return usual
    return max(usual, _SLOWEST_S * (1 - up_for_s / pace.ramp_for))


def hold_s(*, wanted_for_s: float, heard_s_ago: float | None) -> float:
    """Return how long an answer must still wait for its contact to be quiet; 0 for not at all.

    For a session store without the guard: sending and receiving in one Signal session at the same moment may use a
    counter twice, and the receiver drops such a message without a word.
    """
    if heard_s_ago is None or heard_s_ago >= QUIET_S or wanted_for_s >= QUIET_WITHIN_S:
        return 0.0
    return min(QUIET_S - heard_s_ago, QUIET_WITHIN_S - wanted_for_s)
