"""When a sink is tried again; pure."""

TRIES = 5
"""In all."""

LONGEST_WAIT_S = 900.0
_FIRST_WAIT_S = 5.0
_FACTOR = 5.0
_JITTER = 0.2


def wait_s(tries: int, chance: float, asked_s: float | None = None) -> float | None:
    """Return how long to wait after so many tries: about 5, 25, 125 and 625 seconds; None when there were enough.

    That is a quarter of an hour in all: what keeps an alert from leaving the machine is often what it is about.
    `chance` (0 to 1) picks the jitter; `asked_s` is what the receiver asked for, which is kept within bounds.
    """
    if tries >= TRIES:
        return None
    own = _FIRST_WAIT_S * _FACTOR ** (tries - 1) * (1 - _JITTER + 2 * _JITTER * chance)
    return min(max(own, asked_s or 0.0), LONGEST_WAIT_S)
