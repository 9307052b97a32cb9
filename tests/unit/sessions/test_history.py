"""What a history keeps: repetitions are counted, and what matters outlives what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.sessions.history import AT_MOST, ROUTINE, WEIGHTY, bounded, fit_facts, weight_of, with_entry


def entry(what: str, number: int = 0, **facts: object) -> dict[str, object]:
    """Return an entry."""
    return {"timestamp": f"2026-02-07T08:{number // 60 % 60:02}:{number % 60:02}.000Z", "eventType": what, **facts}


def life(*words: str) -> list[object]:
    """Return a history of these entries, written one after the other."""
    found: list[object] = []
    for number, word in enumerate(words):
        found = bounded(with_entry(found, entry(word, number)))
    return found


def words_of(history: list[object]) -> list[object]:
    """Return the kinds of the entries."""
    return [each["eventType"] for each in history if isinstance(each, dict)]


def test_a_flapping_link_pushes_nothing_out_that_matters() -> None:
    """Thousands of losses, and it is still known who linked, removed and restored the session."""
    weighty = ["device_linked", "logged_out", "session_quarantined", "session_restored", "session_cleared"]
    flaps = ["transient_disconnect", "connected"] * 2000
    history = life("daemon_started", *weighty, *flaps)

    assert len(history) == AT_MOST
    assert words_of(history)[: len(weighty)] == weighty
    assert words_of(history)[-2:] == ["transient_disconnect", "connected"]
    assert sum(int(each.get("leftOut", 0)) for each in history if isinstance(each, dict)) == 4006 - AT_MOST


def test_no_kind_of_what_matters_pushes_the_others_out() -> None:
    """A quarrel with another program for weeks leaves the linking known."""
    history = life("device_linked", *(["replaced"] * 1500), "link_gave_up")

    assert len(history) == AT_MOST
    assert words_of(history)[0] == "device_linked"
    assert words_of(history)[-1] == "link_gave_up"


def test_when_the_link_was_last_up_stays_known() -> None:
    """However long it has been down since."""
    history = life("connected", "reconnecting", *(["circuit_open", "reconnecting"] * 1000))

    assert words_of(history)[:2] == ["connected", "reconnecting"]


def test_equal_failures_are_counted() -> None:
    """Also when two kinds of them come in turns; another one, or one after something else, is an entry of its own."""
    failed = {"finding": "unreachable", "because": "no network"}
    history: list[object] = []
    for number in range(10):
        history = with_entry(history, entry("engine_exited", number, code=2))
        history = with_entry(history, entry("attempt_failed", number, **failed))
    assert [(each["count"], each["until"][-7:]) for each in history if isinstance(each, dict)] == [
        (10, ":09.000Z"[-7:])
    ] * 2

    history = with_entry(history, entry("attempt_failed", 11, finding="refused"))
    history = with_entry(history, entry("reconnecting", 12))
    history = with_entry(history, entry("attempt_failed", 13, **failed))
    assert words_of(history)[2:] == ["attempt_failed", "reconnecting", "attempt_failed"]


@pytest.mark.parametrize(
    ("found", "weight"),
    [
        (entry("connected"), 0),
        (entry("daemon_started", before="in_order"), 0),
        (entry("daemon_started", before="first"), 0),
        (entry("daemon_started", before="cut_short"), 1),
        (entry("daemon_stopped", why="crash"), 1),
        (entry("something_new"), 1),
        (entry("session_restored"), 2),
        ({"eventType": ["no", "word"]}, 0),
        ("junk", 0),
    ],
)
def test_how_much_an_entry_matters(found: object, weight: int) -> None:
    """Routine, worth a look, or what became of the linking."""
    assert weight_of(found) == weight


def test_facts_are_bounded() -> None:
    """A history is no place for a novel."""
    fit = fit_facts({"because": "x" * 5000, "passedOver": ["y" * 5000] * 50, "code": 7})

    assert len(str(fit)) < 4000
    assert fit["code"] == 7


ANYTHING = st.sampled_from([*sorted(ROUTINE | WEIGHTY), "other", "more"]).map(entry) | st.integers() | st.none()


@given(st.lists(ANYTHING, max_size=60), st.integers(1, 40))
def test_what_goes_is_counted_and_matters_less_than_what_stays(history: list[object], at_most: int) -> None:
    """The order stays, the newest stays, nothing is invented."""
    kept = bounded(history, at_most)
    bare = [{**each} if isinstance(each, dict) else each for each in kept]
    for each in bare:
        if isinstance(each, dict):
            each.pop("leftOut", None)
    left_out = sum(int(each.get("leftOut", 0)) for each in kept if isinstance(each, dict))

    assert len(kept) == min(len(history), at_most)
    assert bare[-1:] == history[-1:]
    assert left_out <= len(history) - len(kept)
    rest = iter(history)
    assert all(any(each == other for other in rest) for each in bare)
    assert bounded(kept, at_most) == kept
