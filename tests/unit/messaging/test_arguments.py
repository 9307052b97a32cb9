"""From the words after a command to the arguments of its handler."""

import functools
import re
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot import Message, Router, State, UsageError, filters
from linda_bot.messaging.arguments import Arguments, WrongArgumentsError, bind, choices_of, usage_of
from linda_bot.messaging.parameters import HandlerFunction, Parameter, read_parameters
from tests.support.fake_scene import FakeScene, answers, message, plan_for


class Colour(Enum):
    """Something to choose."""

    RED = "red"
    DARK_BLUE = "dark blue"


class Level(IntEnum):
    """Something to choose by number or name."""

    LOW = 1
    HIGH = 2


def parameters_of(function: HandlerFunction) -> tuple[Parameter, ...]:
    """Return what a command's handler takes."""
    return read_parameters(function, is_command=True, finds=False)


def bound(function: HandlerFunction, typed: str) -> Arguments:
    """Return what a handler is called with."""
    return bind(parameters_of(function), typed)


async def add(message: Message, first: int, second: float = 1, *rest: str) -> None:
    """Take a bit of everything."""


async def say(message: Message, times: int, *, text: str) -> None:
    """Take a number and the rest of the line."""


async def paint(message: Message, colour: Colour, level: Level | None, is_wet: bool = False) -> None:  # noqa: FBT001, FBT002 (words have no names)
    """Take what can be chosen."""


async def pick(message: Message, size: Literal["S", "M", 42], other: int | str | None = None) -> None:
    """Take what can be chosen."""


@pytest.mark.parametrize(
    ("function", "typed", "positional", "named"),
    [
        (add, "3", [3, 1], {}),
        (add, "-3 2.5 a 'b c'", [-3, 2.5, "a", "b c"], {}),
        (say, '3 say  "it"\nloud', [3], {"text": 'say  "it"\nloud'}),
        (say, '"3" x', [3], {"text": "x"}),
        (paint, "red", [Colour.RED, None, False], {}),
        (paint, '"Dark blue" HIGH yes', [Colour.DARK_BLUE, Level.HIGH, True], {}),
        (paint, "dark_blue 1 OFF", [Colour.DARK_BLUE, Level.LOW, False], {}),
        (pick, "m", ["M", None], {}),
        (pick, "42 42", [42, 42], {}),
        (pick, "S x", ["S", "x"], {}),
    ],
)
def test_words_become_what_the_signature_says(
    function: HandlerFunction, typed: str, positional: list[Any], named: dict[str, Any]
) -> None:
    """By their types and defaults."""
    found = bound(function, typed)

    assert (found.positional, found.named) == (positional, named)
    assert [type(each) for each in found.positional] == [type(each) for each in positional]


@pytest.mark.parametrize(
    ("function", "typed", "told"),
    [
        (add, "", "FIRST is missing"),
        (add, "x", 'FIRST must be a whole number, not "x"'),
        (add, "1.5", 'FIRST must be a whole number, not "1.5"'),
        (add, "1_0", 'FIRST must be a whole number, not "1_0"'),
        (add, "9" * 5000, f'FIRST must be a whole number, not "{"9" * 40}…"'),
        (add, "1 inf", 'SECOND must be a number, not "inf"'),
        (add, "1 1e999", 'SECOND must be a number, not "1e999"'),
        (say, "1", "TEXT is missing"),
        (say, "x y", 'TIMES must be a whole number, not "x"'),
        (paint, "green", 'COLOUR must be one of red, dark blue, not "green"'),
        (paint, "red 3", 'LEVEL must be one of LOW, HIGH, not "3"'),
        (paint, "red low maybe", 'IS_WET must be yes or no, not "maybe"'),
        (paint, "red low yes please", 'That is too much: "please"'),
        (pick, "XL", 'SIZE must be one of S, M, 42, not "XL"'),
        (add, "'\x1b[2J\u202e'", 'FIRST must be a whole number, not "\\x1b[2J\\u202e"'),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(function: HandlerFunction, typed: str, told: str) -> None:
    """What a stranger typed is made printable, and cut."""
    with pytest.raises(WrongArgumentsError) as caught:
        bound(function, typed)
    assert str(caught.value) == told


@given(st.sampled_from([add, say, paint, pick]), st.text(max_size=200) | st.from_regex(r"[-+\d.]+( \S+){0,4}"))
def test_nothing_else_is_raised(function: HandlerFunction, typed: str) -> None:
    """Whatever strangers type; and what they are told is one line."""
    told = ""
    try:
        bound(function, typed)
    except WrongArgumentsError as error:
        told = str(error)
    assert told.isprintable()
    assert len(told) < 200


@given(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.lists(st.from_regex(r"\A[a-z]+\Z")))
def test_values_come_back(first: int, second: float, rest: list[str]) -> None:
    """As Python writes them."""
    assert bound(add, " ".join([str(first), str(second), *rest])).positional == [first, second, *rest]


@pytest.mark.parametrize(
    ("function", "usage"),
    [
        (add, "FIRST [SECOND] [REST...]"),
        (say, "TIMES TEXT..."),
        (paint, "COLOUR [LEVEL] [IS_WET]"),
        (pick, "SIZE [OTHER]"),
    ],
)
def test_the_usage_names_the_arguments(function: HandlerFunction, usage: str) -> None:
    """In brackets what may be left out."""
    assert usage_of(parameters_of(function)) == usage


def test_the_choices_are_listed() -> None:
    """For the help command."""
    assert choices_of(parameters_of(paint)) == ["COLOUR: red, dark blue", "LEVEL: LOW, HIGH"]


def test_what_a_type_may_be_wrapped_in() -> None:
    """Aliases and annotations say the same."""

    async def take(message: Message, first: Annotated[int, "of them"], second: Optional[int], third: Any = "") -> None:  # noqa: UP045 (also as people used to write it)
        """Take all."""

    assert bound(take, "1 2 x").positional == [1, 2, "x"]


async def take_path(message: Message, file: Path) -> None:
    """Let a stranger name a file."""


async def take_list(message: Message, files: list[str]) -> None:
    """Take what no word is."""


async def take_number_at_the_end(message: Message, *, number: int) -> None:
    """Take the rest of the line as a number."""


async def take_twice(message: Message, *rest: str, text: str) -> None:
    """Take all the rest twice."""


async def take_optional_first(message: Message, first: int | None, second: int) -> None:
    """Take one that may be missing before one that may not."""


async def take_anything(message: Message, **named: str) -> None:
    """Take what nobody gives."""


async def take_match(message: Message, match: re.Match[str]) -> None:
    """Take what no filter finds."""


async def take_unknown(message: Message, number: "Nothing") -> None:  # type: ignore[name-defined]  # noqa: F821 (on purpose)
    """Take a type that is not imported."""


async def take_bytes(message: Message, word: Literal[b"x"]) -> None:
    """Take what cannot be typed."""


async def take_nothing() -> None:
    """Take no message."""


async def take_by_name(*, message: Message) -> None:
    """Take the message where it is not."""


def take_at_once(message: Message) -> None:
    """Take no time."""


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (take_path, "take_path: file: Path would let strangers name files"),
        (take_list, r"take_list: files: words do not become list"),
        (take_number_at_the_end, "must be a str"),
        (take_twice, "text would get nothing: rest takes all the rest"),
        (take_optional_first, "second cannot be required when first before it is not"),
        (take_anything, r"\*\*named gets nothing"),
        (take_match, r"filters.regex .* re.Match\[str\] | None"),
        (take_unknown, "the type Nothing of number is not known here"),
        (take_bytes, "only texts and numbers can be typed"),
        (take_nothing, r"write: async def take_nothing\(message\)"),
        (take_by_name, r"write: async def take_by_name\(message\)"),
        (take_at_once, r"must be async; write: async def take_at_once\(message\)"),
        (7, "7 is no function"),
    ],
)
def test_a_bad_signature_is_refused_at_once(function: Any, hint: str) -> None:
    """In one line that says what to write."""
    with pytest.raises(UsageError, match=hint) as caught:
        Router().command("x")(function)
    assert "\n" not in str(caught.value)


def test_only_commands_have_words() -> None:
    """Other messages have none to give."""
    with pytest.raises(UsageError, match="only commands have arguments such as first"):
        Router().message()(add)


async def test_state_and_match_are_injected() -> None:
    """In handlers of all kinds, wherever they stand."""
    router = Router()
    scene = FakeScene()

    @router.command("count")
    async def count(message: Message, state: State, by: int = 1) -> None:
        state["count"] = state.get("count", 0) + by
        await message.reply(f"{state['count']}")

    @router.message(filters.regex(r"room (\d+)"))
    async def room(message: Message, *, match: re.Match[str], state: State) -> None:
        state["room"] = match[1]
        await message.reply(f"{match[1]} {state['count']}")

    @router.message(filters.regex("x") | filters.text("y"))
    async def maybe(message: Message, match: re.Match[str] | None, unasked: int = 7) -> None:
        await message.reply(f"{match and match[0]} {unasked}")

    for text in ("!count", "!count 4", "in room 12", "xx", "y"):
        await answers(router, text, scene=scene)

    assert scene.texts == ["1", "5", "12 5", "x 7", "None 7"]


async def test_annotations_may_be_texts() -> None:
    """As `from __future__ import annotations` makes them; the message's own is not looked at."""
    router = Router()

    @router.command("add")
    async def handler(message: "NotImported", first: "int", colour: "Colour | None" = None) -> None:  # type: ignore[name-defined]  # noqa: F821 (as under TYPE_CHECKING)
        await message.reply(f"{first + 1} {colour}")

    assert await answers(router, "!add 1 red") == ["2 Colour.RED"]


async def test_handlers_of_other_shapes() -> None:
    """Methods, objects, partials and decorated functions."""

    class Shop:
        async def __call__(self, message: Message, count: int) -> None:
            await message.reply(f"object {count}")

        async def sell(self, message: Message, count: "int") -> None:
            await message.reply(f"method {count}")

    async def third(greeting: str, message: Message, count: "int") -> None:
        await message.reply(f"{greeting} {count}")

    def decorated(function: HandlerFunction) -> HandlerFunction:
        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> object:
            return await function(*args, **kwargs)

        return wrapper

    router = Router()
    router.command("a")(Shop())
    router.command("b")(Shop().sell)
    router.command("c")(functools.partial(third, "partial"))
    router.command("d")(decorated(Shop().sell))

    said = [await answers(router, f"!{word} 2") for word in "abcd"]
    assert said == [["object 2"], ["method 2"], ["partial 2"], ["method 2"]]
    plan = await plan_for(message("!b 2"), router)
    assert plan is not None
    assert plan.name == "b"


async def test_wrong_words_are_answered_with_the_usage() -> None:
    """The handler is not called."""
    router = Router()
    router.command("add", "plus")(add)

    assert await answers(router, "!plus one") == [
        'FIRST must be a whole number, not "one"\nUsage: !add FIRST [SECOND] [REST...]'
    ]


async def test_a_handler_with_only_the_message_takes_any_words() -> None:
    """They are in `message.arguments`."""
    router = Router()

    @router.command("echo")
    async def echo(message: Message) -> None:
        await message.reply(message.arguments)

    assert await answers(router, '!echo "a  b" c') == ['"a  b" c']
