"""Which handler a message goes to, and what runs around it."""

import asyncio
import traceback
from typing import Any

import pytest

from linda_bot import CallNext, Message, Router, SkipHandler, UsageError, filters
from linda_bot.messaging.routing import resolve
from tests.support.fake_scene import FakeScene, answers, message, plan_for


class OddError(Exception):
    """Something that a handler may raise."""


async def echo(message: Message) -> None:
    """Say it again."""
    await message.reply(message.text)


async def fail(message: Message) -> None:
    """Fail."""
    raise OddError(message.text)


def saying(word: str) -> Any:
    """Return a handler that says a word."""

    async def say(message: Message) -> None:
        await message.reply(word)

    return say


async def test_commands_come_before_general_handlers() -> None:
    """A bot's own catch-all does not swallow the built-in commands."""
    users, builtin = Router(), Router()
    users.message()(echo)
    builtin.command("ping", timeout=7)(echo)

    found = await resolve(message("!ping now"), [users, builtin], "!")
    assert found is not None
    assert (found.name, found.timeout_s) == ("ping", 7)
    general = await resolve(message("good day"), [users, builtin], "!")
    assert general is not None
    assert (general.name, general.timeout_s) == ("echo", None)


async def test_an_unknown_command_is_a_message() -> None:
    """General handlers get it, whole and without arguments."""
    router = Router()

    @router.message()
    async def general(message: Message) -> None:
        await message.reply(f"{message.text}|{message.arguments}")

    assert await answers(router, "!hello there") == ["!hello there|"]


async def test_an_own_command_replaces_a_builtin_one() -> None:
    """The first router wins."""
    users, builtin = Router(), Router()
    users.command("ping")(saying("mine"))
    builtin.command("ping")(saying("builtin"))

    scene = FakeScene()
    plan = await resolve(message("!ping", scene=scene), [users, builtin], "!")
    assert plan is not None
    await plan.run()

    assert scene.texts == ["mine"]


async def test_nobody_may_want_a_message() -> None:
    """No handler is no error."""
    assert await resolve(message("hello"), [], "!") is None
    assert await resolve(message("hello"), [Router()], "!") is None


async def test_the_first_registered_handler_gets_it() -> None:
    """Included routers are asked at the place where they were included."""
    router, first, second = Router(), Router(), Router()
    router.message(filters.text("a"))(saying("own a"))
    router.include(first)
    router.message(filters.text("a", "b", "c"))(saying("own"))
    router.include(second)
    first.message(filters.text("a", "b"))(saying("first"))
    second.message()(saying("second"))

    assert [await answers(router, text) for text in "abcd"] == [["own a"], ["first"], ["own"], ["second"]]


async def test_a_command_with_filters() -> None:
    """Who does not pass gets the next one of that name, or the general handlers; filters see the arguments."""
    router, fallback = Router(), Router()
    router.command("stop", filters.owner)(saying("stopped"))
    router.command("big", lambda message: len(message.arguments) > 3)(saying("big"))
    router.include(fallback)
    fallback.command("big")(saying("small"))
    fallback.message()(saying("general"))

    assert await answers(router, "!stop") == ["general"]
    assert await answers(router, "!stop", scene=FakeScene(owners=["4915112345678"])) == ["stopped"]
    assert await answers(router, "!big 1234") == ["big"]
    assert await answers(router, "!big 1") == ["small"]


async def test_a_handler_may_pass_a_message_on() -> None:
    """To the next one that wants it; the plan then has its name."""
    router = Router()

    @router.command("x")
    async def unwilling(message: Message) -> None:
        raise SkipHandler

    @router.message(filters.contains("!"))
    async def also_unwilling(message: Message) -> None:
        raise SkipHandler

    router.message()(echo)
    scene = FakeScene()
    plan = await plan_for(message("!x", scene=scene), router)
    assert plan is not None
    assert plan.name == "x"
    await plan.run()

    assert scene.texts == ["!x"]
    assert (plan.name, plan.is_skipped) == ("echo", False)


async def test_everybody_may_pass_a_message_on() -> None:
    """That is no error, and is told."""
    router = Router()

    @router.message()
    async def unwilling(message: Message) -> None:
        raise SkipHandler

    plan = await plan_for(message("x"), router)
    assert plan is not None
    await plan.run()

    assert plan.is_skipped


async def test_who_has_replied_does_not_pass_on() -> None:
    """Else there would be two answers."""
    router = Router()

    @router.message()
    async def undecided(message: Message) -> None:
        await message.reply("well")
        raise SkipHandler

    router.message()(echo)
    scene = FakeScene()
    plan = await plan_for(message("x", scene=scene), router)
    assert plan is not None
    with pytest.raises(UsageError, match="undecided raised SkipHandler after it had replied"):
        await plan.run()

    assert scene.texts == ["well"]


async def test_a_failing_filter_is_its_handlers_failure() -> None:
    """The plan has the handler's name, and its error handlers are asked."""
    router, handled = Router(), Router()

    def broken(message: Message) -> bool:
        raise OddError

    router.message(broken)(echo)
    handled.command("x", broken)(echo)

    @handled.error
    async def on_error(message: Message, error: Exception) -> None:
        await message.reply(type(error).__name__)

    plan = await plan_for(message("x"), router)
    assert plan is not None
    assert plan.name == "echo"
    with pytest.raises(OddError):
        await plan.run()
    assert await answers(handled, "!x") == ["OddError"]


async def test_middlewares_stand_around_handlers() -> None:
    """The outermost router's first one outside; only around handlers of their routers."""
    heard: list[str] = []

    def around(name: str) -> Any:
        async def middleware(message: Message, call_next: CallNext) -> None:
            heard.append(f"{name} before {message.arguments}")
            await call_next()
            heard.append(f"{name} after")

        return middleware

    outer, inner, other = Router(), Router(), Router()
    outer.use(around("1"))
    outer.use(around("2"))
    inner.middleware(around("3"))
    other.use(around("other"))
    outer.include(other)
    outer.include(inner)
    inner.command("x")(echo)

    assert await answers(outer, "!x y") == ["!x y"]
    assert heard == ["1 before y", "2 before y", "3 before y", "3 after", "2 after", "1 after"]


async def test_a_middleware_may_keep_a_message_to_itself() -> None:
    """By not going on; also the usage text is something that it stands around."""
    router = Router()

    @router.middleware
    async def door(message: Message, call_next: CallNext) -> None:
        if "!" in message.text:
            await message.reply("no")

    @router.command("x")
    async def command(message: Message, number: int) -> None:
        """Never run."""

    assert await answers(router, "!x one") == ["no"]


async def test_errors_come_out() -> None:
    """When there is nobody to deal with them."""
    router = Router()
    router.message()(fail)

    with pytest.raises(OddError):
        await answers(router, "x")


async def test_the_nearest_error_handler_is_asked_first() -> None:
    """The next one when it raises, or returns False."""
    outer, middle, inner = Router(), Router(), Router()
    outer.include(middle)
    middle.include(inner)
    inner.message()(fail)
    heard: list[str] = []

    @outer.error
    async def deal_with_it(message: Message, error: Exception) -> None:
        heard.append("outer")
        await message.reply("sorry")

    @middle.error
    async def give_up(message: Message, error: Exception) -> None:
        heard.append("middle")
        raise error

    @inner.error
    async def refuse(message: Message, error: Exception) -> bool:
        heard.append("inner")
        return not isinstance(error, OddError)

    assert await answers(outer, "x") == ["sorry"]
    assert heard == ["inner", "middle", "outer"]


async def test_a_failing_error_handler_hides_nothing() -> None:
    """The first error comes out, with a note of the other one."""
    router = Router()
    router.message()(fail)

    @router.error
    async def clumsy(message: Message, error: Exception) -> None:
        raise ZeroDivisionError

    with pytest.raises(OddError) as caught:
        await answers(router, "x")
    assert "clumsy failed to deal with it: ZeroDivisionError" in "".join(traceback.format_exception(caught.value))


async def test_middlewares_errors_are_dealt_with_too() -> None:
    """They are in the same place."""
    router = Router()
    router.message()(echo)

    @router.middleware
    async def broken(message: Message, call_next: CallNext) -> None:
        raise OddError

    @router.error
    async def on_error(message: Message, error: Exception) -> None:
        await message.reply("sorry")

    assert await answers(router, "x") == ["sorry"]


async def test_being_cancelled_is_no_error() -> None:
    """A timeout or the end of the bot goes through."""
    router = Router()

    @router.message()
    async def slow(message: Message) -> None:
        raise asyncio.CancelledError

    @router.error
    async def on_error(message: Message, error: Exception) -> None:
        await message.reply("sorry")

    with pytest.raises(asyncio.CancelledError):
        await answers(router, "x")
