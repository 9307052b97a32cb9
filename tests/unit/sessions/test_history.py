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


# Value by value.


def many(what: str, count: int, **facts: object) -> list[object]:
    """Return so many entries of a kind, each at another time."""
    return [entry(what, number, **facts) for number in range(count)]


def test_a_history_has_room_for_five_hundred_entries() -> None:
    """Neither one more nor one less."""
    assert AT_MOST == 500
    assert bounded(many("something", 500)) == many("something", 500)
    assert len(bounded(many("something", 501))) == 500
    assert bounded(many("something", 7), 7) == many("something", 7)


@pytest.mark.parametrize("what", ["attempt_failed", "engine_exited", "backup_failed", "alive"])
def test_what_is_counted_instead_of_repeated(what: str) -> None:
    """With the time of the last one; one that says something else is another entry."""
    history = with_entry([entry(what, 1, why="a")], entry(what, 2, why="a"))

    assert history == [{**entry(what, 1, why="a"), "count": 2, "until": entry(what, 2)["timestamp"]}]
    assert len(with_entry(history, entry(what, 3, why="b"))) == 2
    assert with_entry(history, entry(what, 3, why="a")) == [
        {**entry(what, 1, why="a"), "count": 3, "until": entry(what, 3)["timestamp"]}
    ]


def test_what_is_not_counted_is_repeated() -> None:
    """Each loss of the link is an entry, also where equal ones follow each other and counted ones are around."""
    for what in ("reconnecting", "replaced", "something"):
        assert len(with_entry([entry(what)], entry(what))) == 2
    assert len(with_entry([entry("alive")], entry("reconnecting"))) == 2


def test_a_repetition_is_looked_for_among_the_last_six() -> None:
    """Farther back it would be too long ago to be the same trouble."""
    others = many("engine_exited", 6)
    for number, other in enumerate(others):
        assert isinstance(other, dict)
        other["code"] = number

    assert len(with_entry([entry("attempt_failed"), *others[:5]], entry("attempt_failed"))) == 6
    assert len(with_entry([entry("attempt_failed"), *others], entry("attempt_failed"))) == 8


def test_counts_that_are_none_and_marks_of_what_was_left_out() -> None:
    """A file that somebody has edited: a count that is no number begins again; a mark makes no other entry of it."""
    odd = with_entry([entry("alive", count="many", leftOut=3)], entry("alive", 1))

    assert odd == [{**entry("alive"), "count": 2, "until": entry("alive", 1)["timestamp"], "leftOut": 3}]


def test_the_newest_hundred_stay_whatever_they_are() -> None:
    """Also routine, where all that is older weighs more."""
    history = [*many("device_linked", 450), *many("reconnecting", 150)]

    kept = words_of(bounded(history))

    assert kept.count("reconnecting") == 100
    assert kept[-100:] == ["reconnecting"] * 100
    assert words_of(bounded(history[-150:], 100)) == ["reconnecting"] * 100


def test_what_followed_when_the_link_was_last_up_stays_too() -> None:
    """That entry and two more: how it was lost; where there is room for more than the newest hundred."""
    story = [entry("reconnecting"), entry("connected"), *many("reconnecting", 3), *many("device_linked", 500)]

    assert words_of(bounded(story))[:4] == ["connected", "reconnecting", "reconnecting", "device_linked"]
    short = [entry("connected"), entry("reconnecting"), *many("device_linked", 120)]
    assert words_of(bounded(short, 100))[:2] == ["device_linked", "device_linked"]
    assert words_of(bounded([*short, *many("device_linked", 400)], 103))[:2] == ["connected", "reconnecting"]


@pytest.mark.parametrize("padding", [98, 99, 100, 101])
def test_the_link_is_looked_for_in_every_place(padding: int) -> None:
    """From the newest entry back to the oldest."""
    up = [entry("connected"), entry("transient_disconnect")]
    history = [*up, *many("device_linked", 500 + padding)]

    assert words_of(bounded(history))[:2] == ["connected", "transient_disconnect"]
    assert words_of(bounded([*many("something", 600), *up, *many("something", padding)]))[-padding - 2] == "connected"


def test_a_link_that_was_up_again_is_the_one_that_counts() -> None:
    """The last time, not the first."""
    history = [
        entry("connected", 1), entry("reconnecting", 2), *many("device_linked", 300),
        entry("connected", 3), entry("reconnecting", 4), *many("device_linked", 300),
    ]  # fmt: skip

    kept = bounded(history)

    assert words_of(kept).count("connected") == 1
    assert words_of(bounded([*history, entry("connected", 5)])).count("connected") == 1
    assert entry("connected", 3)["timestamp"] in [each["timestamp"] for each in kept if isinstance(each, dict)]


def test_what_was_left_out_is_added_up() -> None:
    """Also what had been left out before what is left out now; marks that are no numbers count as none."""
    history: list[object] = [
        entry("reconnecting", leftOut=5), entry("reconnecting", leftOut="x"), entry("reconnecting", leftOut=-4),
        entry("device_linked", leftOut=2), *many("device_linked", 3),
    ]  # fmt: skip

    kept = bounded(history, 4)

    assert isinstance(kept[0], dict)
    assert (kept[0]["leftOut"], len(kept)) == (1 + 5 + 1 + 1 + 2, 4)


def test_of_what_weighs_most_the_most_frequent_goes_first() -> None:
    """Until there are as many of the next kind; from then on in turns, the oldest first."""
    weighty = [*many("replaced", 5), *many("banned", 3), entry("device_linked")]
    history = [*weighty, *many("starting", 100)]

    def left(of: int) -> list[object]:
        return [what for what in words_of(bounded(history, 100 + of)) if what != "starting"]

    assert [left(of).count("replaced") for of in range(9, -1, -1)] == [5, 4, 3, 2, 2, 1, 1, 0, 0, 0]
    assert [left(of).count("banned") for of in range(9, -1, -1)] == [3, 3, 3, 3, 2, 2, 1, 1, 0, 0]
    assert left(1) == ["device_linked"]


ROUTINE_WORDS = (
    "starting restoring connected transient_disconnect reconnecting circuit_open stopping stopped restore_started "
    "restore_authenticated restore_complete session_backed_up reconnect_asked daemon_started daemon_stopping "
    "daemon_stopped attempt_failed refresh_started alive alert_cleared"
)
WEIGHTY_WORDS = (
    "device_linked logged_out replaced banned outdated temporarily_banned session_quarantined session_restored "
    "restore_gave_up session_went_back link_gave_up session_cleared session_imported logout_asked linking"
)


def test_which_words_weigh_how_much() -> None:
    """What nobody wants to lose, and what a life without trouble is made of; the rest is worth a look."""
    for words, weight in ((ROUTINE_WORDS, 0), (WEIGHTY_WORDS, 2)):
        assert {what: weight_of(entry(what)) for what in words.split()} == dict.fromkeys(words.split(), weight)
    for what in ("engine_exited", "backup_failed", "alert_raised"):
        assert weight_of(entry(what)) == 1
    assert weight_of(entry("daemon_stopped", why="signal")) == 0
    assert weight_of(entry("daemon_stopped", why="first")) == 0
    assert weight_of(entry("connected", why="whatever", before="cut_short")) == 0


@pytest.mark.parametrize(
    ("value", "fit"),
    [
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 300 + "…"),
        (list(range(10)), list(range(10))),
        (tuple(range(11)), list(range(10))),
        (["x" * 301], ["x" * 300 + "…"]),
        (7, 7),
        (None, None),
    ],
    ids=["fits", "too long", "ten", "eleven", "nested", "number", "nothing"],
)
def test_what_a_fact_may_be(value: object, fit: object) -> None:
    """Three hundred characters, ten of a list."""
    assert fit_facts({"fact": value}) == {"fact": fit}
