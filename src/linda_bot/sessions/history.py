"""What a session's history keeps: repetitions are counted, and what matters stays longest; pure."""

from collections import Counter
from collections.abc import Sequence

AT_MOST = 500
"""How many entries a history has."""

_RECENT = 100
"""How many of the newest entries stay, whatever they are: they tell how things are now."""

_LOOK_BACK = 6
_CHARACTERS = 300
_LIST_AT_MOST = 10

COUNTED = frozenset({"attempt_failed", "engine_exited", "backup_failed", "alive"})
"""Entries that are counted when they come again, instead of being repeated."""

ROUTINE = frozenset(
    {
        "starting", "restoring", "connected", "transient_disconnect", "reconnecting", "circuit_open", "stopping",
        "stopped", "restore_started", "restore_authenticated", "restore_complete", "session_backed_up",
        "reconnect_asked", "daemon_started", "daemon_stopping", "daemon_stopped", "attempt_failed", "refresh_started",
        "alive", "alert_cleared",
    }
)  # fmt: skip
"""Entries of a life in which nothing but the network goes wrong."""

_UNROUTINE_FACTS = {"daemon_started": ("before", "in_order"), "daemon_stopped": ("why", "signal")}
"""A fact that a routine entry has; with another value, it is not routine."""

WEIGHTY = frozenset(
    {
        "device_linked", "logged_out", "replaced", "banned", "outdated", "temporarily_banned", "session_quarantined",
        "session_restored", "restore_gave_up", "session_went_back", "link_gave_up", "session_cleared",
        "session_imported", "logout_asked", "linking",
    }
)  # fmt: skip
"""Entries that say what became of the linking; they are given up last."""

_OF_A_REPETITION = frozenset({"timestamp", "until", "count", "leftOut"})


def with_entry(history: Sequence[object], entry: dict[str, object]) -> list[object]:
    """Return a history with one more entry, or with a count that is higher by one."""
    kept = list(history)
    what = entry.get("eventType")
    if what in COUNTED:
        for position in range(len(kept) - 1, max(len(kept) - _LOOK_BACK, 0) - 1, -1):
            earlier = kept[position]
            if not isinstance(earlier, dict) or earlier.get("eventType") not in COUNTED:
                break
            if _says(earlier) == _says(entry):
                count = earlier.get("count", 1)
                times = count + 1 if isinstance(count, int) else 2
                kept[position] = {**earlier, "count": times, "until": entry.get("timestamp")}
                return kept
    kept.append(entry)
    return kept


def bounded(history: Sequence[object], at_most: int = AT_MOST) -> list[object]:
    """Return a history with at most so many entries; what goes is counted in `leftOut` of the entry after it.

    The newest stay in any case, and so does when the link was last up. Of the others routine goes first, oldest first,
    then what is neither routine nor weighty; then the oldest of that weighty kind of which there are the most.
    """
    surplus = len(history) - at_most
    if surplus <= 0:
        return list(history)
    going = set(_order_of_going(history, _protected(history, at_most))[:surplus])
    kept: list[object] = []
    left_out = 0
    for position, entry in enumerate(history):
        if position in going:
            left_out += 1 + _left_out(entry)
            continue
        if left_out and isinstance(entry, dict):
            entry = {**entry, "leftOut": left_out + _left_out(entry)}  # noqa: PLW2901 (the same entry, with its mark)
            left_out = 0
        kept.append(entry)
    return kept


def fit_facts(facts: dict[str, object]) -> dict[str, object]:
    """Return facts of a size that a history can bear."""
    return {name: _fit(value) for name, value in facts.items()}


def weight_of(entry: object) -> int:
    """Return 0 for routine, 1 for what is worth a look, 2 for what became of the linking."""
    if not isinstance(entry, dict):
        return 0
    what = entry.get("eventType")
    if not isinstance(what, str):
        return 0
    if what in WEIGHTY:
        return 2
    if what not in ROUTINE:
        return 1
    fact, value = _UNROUTINE_FACTS.get(what, ("", ""))
    return 0 if not fact or entry.get(fact, value) in (value, "first") else 1


def _order_of_going(history: Sequence[object], protected: set[int]) -> list[int]:
    by_weight: tuple[list[int], list[int], list[int]] = ([], [], [])
    for position, entry in enumerate(history):
        if position not in protected:
            by_weight[weight_of(entry)].append(position)
    return [*by_weight[0], *by_weight[1], *_most_frequent_first(history, by_weight[2]), *sorted(protected)]


def _most_frequent_first(history: Sequence[object], positions: Sequence[int]) -> list[int]:
    """Order weighty entries so that no kind of them pushes the others out."""

    def kind(position: int) -> str:
        entry = history[position]
        return str(entry.get("eventType")) if isinstance(entry, dict) else ""

    left = Counter(kind(position) for position in positions)
    ranked = []
    for position in positions:  # the oldest of a kind of which there are many goes before the only one of its kind
        ranked.append((-left[kind(position)], position))
        left[kind(position)] -= 1
    return [position for _, position in sorted(ranked)]


def _protected(history: Sequence[object], at_most: int) -> set[int]:
    newest = set(range(max(len(history) - min(_RECENT, at_most), 0), len(history)))
    up = next(
        (at for at in range(len(history) - 1, -1, -1) if _what(history[at]) == "connected"),
        None,
    )
    around = set() if up is None or at_most < _RECENT else set(range(up, min(up + 3, len(history))))
    return newest | around


def _what(entry: object) -> object:
    return entry.get("eventType") if isinstance(entry, dict) else None


def _left_out(entry: object) -> int:
    left_out = entry.get("leftOut", 0) if isinstance(entry, dict) else 0
    return left_out if isinstance(left_out, int) and left_out > 0 else 0


def _says(entry: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in entry.items() if name not in _OF_A_REPETITION}


def _fit(value: object) -> object:
    if isinstance(value, str):
        return value if len(value) <= _CHARACTERS else f"{value[:_CHARACTERS]}…"
    if isinstance(value, list | tuple):
        return [_fit(each) for each in value[:_LIST_AT_MOST]]
    return value
