"""The rules of sending: the pace, the quiet gap, joining, and whose turn it is; pure."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.messaging.joining import join
from linda_bot.messaging.pacing import QUIET_S, QUIET_WITHIN_S, Pace, hold_s, pause_s
from linda_bot.messaging.store import Parcel
from linda_bot.messaging.turns import Turns
from linda_bot.whatsapp.content import AnyContent, File, Target, Text

SECONDS = st.floats(min_value=0, max_value=1e6)
CHANCES = st.floats(min_value=0, max_value=1)
CHATS = st.sampled_from([f"{number}@s.whatsapp.net" for number in range(5)])


# The pace.


@given(between=SECONDS, chance=CHANCES, up_for=SECONDS)
def test_the_usual_pause(between: float, chance: float, up_for: float) -> None:
    """Half of it to one and a half times as much."""
    pause = pause_s(Pace(between=between), outage_s=0, up_for_s=up_for, chance=chance)
    assert 0.5 * between <= pause <= 1.5 * between


@given(up_for=st.lists(st.floats(min_value=0, max_value=200), min_size=2), outage=SECONDS, chance=CHANCES)
def test_the_beginning_becomes_faster(up_for: list[float], outage: float, chance: float) -> None:
    """From one message a second to the usual pace; only after a long outage."""
    pace = Pace(between=0.1)
    pauses = [pause_s(pace, outage_s=outage, up_for_s=moment, chance=chance) for moment in sorted(up_for)]
    assert all(earlier >= later for earlier, later in pairwise(pauses))
    assert all(0.05 <= pause <= 1 for pause in pauses)
    usual = pause_s(pace, outage_s=0, up_for_s=0, chance=chance)
    for moment, pause in zip(sorted(up_for), pauses, strict=True):
        if outage < pace.ramp_after or moment >= pace.ramp_for:
            assert pause == usual


@pytest.mark.parametrize(("up_for", "pause"), [(0, 1.0), (30, 0.5), (59.4, 0.01), (60, 0.0)])
def test_the_slow_beginning(up_for: float, pause: float) -> None:
    """Evenly, over a minute."""
    assert pause_s(Pace(), outage_s=600, up_for_s=up_for, chance=0.5) == pytest.approx(pause)


def test_no_slow_beginning() -> None:
    """It can be switched off."""
    assert pause_s(Pace(ramp_for=0), outage_s=1e6, up_for_s=0, chance=0.5) == 0


# The quiet gap.


@given(wanted=SECONDS, heard=st.none() | SECONDS)
def test_the_quiet_gap(wanted: float, heard: float | None) -> None:
    """Until the contact was quiet for so long, but never past the limit."""
    hold = hold_s(wanted_for_s=wanted, heard_s_ago=heard)
    assert 0 <= hold <= QUIET_S
    assert wanted + hold <= max(wanted, QUIET_WITHIN_S) + 1e-9
    if heard is None or heard >= QUIET_S or wanted >= QUIET_WITHIN_S:
        assert hold == 0
    elif wanted + QUIET_S < QUIET_WITHIN_S:
        assert heard + hold == pytest.approx(QUIET_S)


# Joining.

CONTENTS: st.SearchStrategy[AnyContent] = st.one_of(
    st.builds(
        Text,
        text=st.text(alphabet="ab", max_size=2500),
        mentions=st.lists(CHATS, max_size=2).map(tuple),
        quote=st.none() | st.just(Target(id="Q", chat="c")),
    ),
    st.just(File(kind="image", path="/f")),
)


@given(st.lists(st.tuples(CONTENTS, st.booleans()), min_size=1, max_size=8))
def test_what_is_joined(wanted: list[tuple[AnyContent, bool]]) -> None:
    """Neighbours, from the first on, in order, whole, and no longer than a message may be."""
    parcels = [Parcel(number, "c", content, joinable, 0.0) for number, (content, joinable) in enumerate(wanted)]
    content, keys = join(parcels)

    assert keys == list(range(len(keys)))
    joined = parcels[: len(keys)]
    if len(keys) == 1:
        assert content == parcels[0].content
        return
    assert isinstance(content, Text)
    assert all(parcel.joinable and isinstance(parcel.content, Text) for parcel in joined)
    assert content.text == "\n".join(parcel.content.text for parcel in joined if isinstance(parcel.content, Text))
    assert len(content.text) <= 4096
    assert isinstance(joined[0].content, Text)
    assert content.quote == joined[0].content.quote
    for parcel in joined:
        assert isinstance(parcel.content, Text)
        assert set(parcel.content.mentions) <= set(content.mentions)
        assert parcel is joined[0] or parcel.content.quote is None
    assert len(set(content.mentions)) == len(content.mentions)


def test_as_much_as_possible_is_joined() -> None:
    """Up to the first that does not allow it, quotes something, is no text, or is too long."""
    text = Text(text="x")
    strangers: list[tuple[AnyContent, int]] = [
        (text, 0),
        (Text(text="y", quote=Target(id="Q", chat="c")), 1),
        (File(kind="image", path="/f"), 1),
        (Text(text="z" * 4095), 1),
    ]
    for stranger, joinable in strangers:
        parcels = [Parcel(number, "c", text, joinable=True, created_at=0) for number in (1, 2)]
        parcels.append(Parcel(3, "c", stranger, joinable=bool(joinable), created_at=0))
        assert join(parcels) == (Text(text="x\nx"), [1, 2])


# Whose turn it is.


@given(st.lists(CHATS, max_size=30))
def test_turns_are_taken_in_the_order_of_the_wishes(wishes: list[str]) -> None:
    """Each chat once, however often it was wanted meanwhile."""
    turns = Turns()
    for now, chat in enumerate(wishes):
        turns.want(chat, now)
    taken = []
    while turns:
        chosen, wait_s = turns.next(100, lambda *_: 0.0)
        assert wait_s == 0
        taken.append(chosen)
    assert taken == list(dict.fromkeys(wishes))
    assert turns.next(100, lambda *_: 0.0) == (None, math.inf)


def test_a_chat_that_is_put_off_lets_the_others_go_first() -> None:
    """For longer each time, a minute at most, until it is forgiven."""
    turns = Turns()
    rests = []
    now = 0.0
    for _ in range(9):
        turns.want("a", now)
        assert turns.next(now, lambda *_: 0.0)[0] == "a"
        turns.put_off("a", now)
        turns.want("a", now)
        turns.want("b", now)
        assert turns.next(now, lambda *_: 0.0)[0] == "b"
        chat, wait_s = turns.next(now, lambda *_: 0.0)
        assert chat is None
        rests.append(wait_s)
        now += wait_s
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    turns.put_off("a", now)
    turns.forgive("a")
    assert turns.next(now, lambda *_: 0.0)[0] == "a"
    turns.want("a", now)
    turns.put_off("a", now)
    turns.forgive_all()
    assert turns.next(now, lambda *_: 0.0)[0] == "a"


def test_a_chat_that_is_held_keeps_its_place() -> None:
    """And it is said how long until the first of them may go."""
    turns = Turns()
    turns.want("a", 1.0)
    turns.want("b", 2.0)
    holds = {"a": 0.05, "b": 0.02}
    seen: list[tuple[str, float]] = []

    def hold(chat: str, since: float) -> float:
        seen.append((chat, since))
        return holds[chat]

    assert turns.next(3.0, hold) == (None, 0.02)
    assert seen == [("a", 1.0), ("b", 2.0)]
    holds["b"] = 0.0
    assert turns.next(3.0, hold) == ("b", 0.0)
    holds["a"] = 0.0
    assert turns.next(3.0, hold) == ("a", 0.0)
    turns.want("a", 4.0)
    turns.clear()
    assert not turns
