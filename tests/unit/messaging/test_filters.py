"""Conditions on messages, and how they combine."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot import Message, UsageError, filters
from linda_bot.messaging.filter_algebra import Filter, as_filter
from linda_bot.whatsapp.content import Quoted
from tests.support.fake_scene import FRIEND, FRIENDS_LID, FakeScene, message

GROUP = "120363000000000000@g.us"


def says(text: str, message: Message) -> bool:
    """Return whether a letter is in the text: the atoms of the algebra below."""
    return text in message.text


@pytest.mark.parametrize(
    ("condition", "passing", "failing"),
    [
        (filters.text("Hi", "hello"), {"text": " hI "}, {"text": "hi there"}),
        (filters.text("STRASSE"), {"text": "straße"}, {"text": ""}),
        (filters.contains("Tea"), {"text": "some tea?"}, {"text": "coffee"}),
        (filters.startswith("say", "tell"), {"text": "Tell me"}, {"text": "do tell"}),
        (filters.regex(r"\d+"), {"text": "room 12"}, {"text": "room"}),
        (filters.regex("ROOM", re.IGNORECASE), {"text": "room 12"}, {"text": "rom"}),
        (filters.regex(re.compile("^a")), {"text": "ab"}, {"text": "ba"}),
        (filters.kind("image", "call"), {"kind": "call"}, {"kind": "text"}),
        (filters.media(), {"kind": "voice"}, {"kind": "location"}),
        (filters.media("image", "gif"), {"kind": "gif"}, {"kind": "video"}),
        (filters.private, {}, {"is_group": True, "chat": GROUP}),
        (filters.private, {}, {"chat": "status@broadcast"}),
        (filters.group, {"is_group": True}, {}),
        (filters.status, {"chat": "status@broadcast"}, {}),
        (filters.from_me, {"from_me": True}, {}),
        (filters.sender("+49 151 12345678"), {}, {"sender": FRIENDS_LID}),
        (filters.sender("4915112345678"), {"sender": FRIENDS_LID, "sender_alt": FRIEND}, {"sender": "4915@lid"}),
        (filters.sender(FRIENDS_LID), {"sender": FRIENDS_LID}, {}),
        (filters.chat(GROUP), {"chat": GROUP}, {"sender": GROUP}),
        (filters.chat("4915112345678"), {"chat": FRIENDS_LID, "chat_alt": FRIEND}, {"chat": GROUP}),
        (filters.mentioned(), {"mentions": (FRIENDS_LID,)}, {}),
        (filters.mentioned("4915112345678"), {"mentions": (GROUP, FRIEND)}, {"mentions": (FRIENDS_LID,)}),
        (filters.forwarded, {"is_forwarded": True}, {}),
        (filters.quoted, {"quoted": Quoted(id="A0")}, {}),
    ],
)
async def test_a_filter_passes_what_it_says(
    condition: Filter, passing: dict[str, Any], failing: dict[str, Any]
) -> None:
    """And nothing else; its negation the other way round."""
    assert await condition.check(message(**passing))
    assert not await condition.check(message(**failing))
    assert not await (~condition).check(message(**passing))
    assert await (~condition).check(message(**failing))


async def test_filters_on_what_surrounds_a_message() -> None:
    """The owner's number, and whether the bot was down."""
    scene = FakeScene(owners=["4915112345678"], is_backlog=True)

    assert await filters.owner.check(message(scene=scene))
    assert await filters.backlog.check(message(scene=scene))
    assert not await (filters.owner | filters.backlog).check(message())


@pytest.mark.parametrize(
    "build",
    [
        filters.text,
        lambda: filters.contains(""),
        lambda: filters.startswith(7),  # type: ignore[arg-type]
        lambda: filters.regex("("),
        lambda: filters.regex(None),  # type: ignore[arg-type]
        lambda: filters.kind("picture"),
        lambda: filters.media("text"),
        lambda: filters.sender("ann"),
        filters.chat,
        lambda: as_filter(filters.text),  # type: ignore[arg-type]
        lambda: filters.group & filters.media,  # type: ignore[operator]
        lambda: filters.group & True,  # type: ignore[operator]
        lambda: filters.group | "hello",  # type: ignore[operator]
        lambda: filters.group if filters.owner else filters.private,  # type: ignore[redundant-expr]
        lambda: not filters.group,
    ],
)
def test_a_filter_that_makes_no_sense(build: Callable[[], object]) -> None:
    """Is refused where it is written, in one line."""
    with pytest.raises(UsageError) as caught:
        build()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        (filters.text("hi", "ho"), "filters.text('hi', 'ho')"),
        (filters.group & ~filters.owner, "filters.group & ~filters.owner"),
        (~(filters.group & filters.owner), "~(filters.group & filters.owner)"),
        (~~filters.group, "~~filters.group"),
        ((filters.group | filters.owner) & filters.media(), "(filters.group | filters.owner) & filters.media()"),
        (filters.group | filters.owner & filters.media(), "filters.group | filters.owner & filters.media()"),
        (filters.regex(r"\d", re.ASCII), r"filters.regex('\\d')"),
        (filters.sender(FRIEND) & asyncio.iscoroutine, f"filters.sender('{FRIEND}') & iscoroutine"),
    ],
)
def test_a_filter_is_shown_as_it_is_written(condition: Filter, shown: str) -> None:
    """For whoever looks for the reason why a handler is not called."""
    assert repr(condition) == shown


async def test_plain_functions_are_filters() -> None:
    """On either side, `def` or `async def`."""

    async def patient(message: Message) -> bool:
        await asyncio.sleep(0)
        return message.text == "a"

    def quick(message: Message) -> bool:
        return message.text == "a"

    for condition in (
        filters.private & patient,
        quick & filters.private,
        filters.group | quick,
        patient | ~filters.private,
    ):
        assert await condition.check(message("a"))
        assert not await condition.check(message("b"))


async def test_what_is_not_needed_is_not_asked() -> None:
    """A costly filter stands behind a cheap one."""
    asked: list[str] = []

    def costly(message: Message) -> bool:
        asked.append(message.text)
        return True

    await (filters.group & costly).check(message("a"))
    await (filters.private | costly).check(message("b"))

    assert asked == []


async def test_the_first_match_is_kept() -> None:
    """Through `&` and `|`; a negation has found nothing."""
    both = await (filters.private & filters.regex("b.") & filters.regex("a.")).check(message("ab bc"))
    either = await (filters.regex("x") | filters.regex("b.")).check(message("ab bc"))

    assert isinstance(both, re.Match)
    assert isinstance(either, re.Match)
    assert (both[0], either[0]) == ("b ", "b ")
    assert await (~filters.regex("x")).check(message("ab")) is True


ATOMS = {letter: as_filter(lambda message, letter=letter: says(letter, message)) for letter in "abc"}  # type: ignore[misc]
FORMULAS = st.recursive(
    st.sampled_from(sorted(ATOMS)),
    lambda inner: st.tuples(st.just("~"), inner) | st.tuples(st.sampled_from("&|"), inner, inner),
    max_leaves=8,
)


def built(formula: Any) -> Filter:
    """Return the filter that a formula stands for."""
    match formula:
        case ("~", inner):
            return ~built(inner)
        case ("&", left, right):
            return built(left) & built(right)
        case ("|", left, right):
            return built(left) | built(right)
        case _:
            return ATOMS[formula]


def holds(formula: Any, text: str) -> bool:
    """Return what Python's own logic says of a formula."""
    match formula:
        case ("~", inner):
            return not holds(inner, text)
        case ("&", left, right):
            return holds(left, text) and holds(right, text)
        case ("|", left, right):
            return holds(left, text) or holds(right, text)
        case _:
            return formula in text


@given(FORMULAS, st.text(alphabet="abc", max_size=3))
def test_filters_follow_logic(formula: Any, text: str) -> None:
    """However they are nested; and who may is asked of them in the same way."""
    told = message(text)

    assert asyncio.run(check_both(built(formula), told)) == (holds(formula, text), holds(formula, text))


async def check_both(condition: Filter, told: Message) -> tuple[bool, bool | None]:
    """Return whether a message passes, and whether its sender may."""
    return bool(await condition.check(told)), await condition.admits(told)


@pytest.mark.parametrize(
    ("condition", "admitted"),
    [
        (filters.media(), None),
        (~filters.media(), None),
        (filters.owner, False),
        (filters.owner & filters.media(), False),
        (filters.private & filters.media(), None),
        (filters.private | filters.media(), True),
        (filters.owner | filters.media(), None),
        (~(filters.owner & filters.media()), True),
        (~filters.owner, True),
    ],
)
async def test_who_may_is_a_question_of_its_own(condition: Filter, admitted: bool | None) -> None:  # noqa: FBT001 (a table)
    """What the message has to contain leaves it open: the help command has another text."""
    assert await condition.admits(message("!help")) is admitted
