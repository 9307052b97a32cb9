"""Registering handlers."""

from collections.abc import Callable
from typing import Any

import pytest

from linda_bot import Message, Router, UsageError, filters, rate_limit
from linda_bot.messaging.handlers import CallNext
from linda_bot.whatsapp.events import KINDS
from tests.support.fake_scene import answers, message, plan_for


async def nothing(message: Message) -> None:
    """Do nothing.

    And say nothing.
    """


async def named(router: Router, text: str = "", **facts: Any) -> str | None:
    """Return the name of the handler that a message goes to."""
    plan = await plan_for(message(text, **facts), router)
    return plan.name if plan is not None else None


def test_a_decorated_handler_is_the_same_function() -> None:
    """It can be called and tested as it was written."""
    router = Router()
    decorators: list[Callable[..., Any]] = [
        router.command("x"),
        router.message(),
        router.reaction(),
        router.edit(),
        router.delete(),
        router.poll_vote(),
        router.call(),
        router.on_startup,
        router.on_shutdown,
    ]

    assert all(decorate(nothing) is nothing for decorate in decorators)
    assert router.unfinished == ()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_plain_handler_gets_what_people_write(kind: str) -> None:
    """Never what only tells of other messages: an echo bot must not answer a reaction."""
    router = Router()
    router.message()(nothing)

    told_of = {"reaction", "edit", "delete", "poll_vote", "call", "unknown"}
    assert (await named(router, kind=kind) is None) == (kind in told_of)


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_can_be_asked_for(kind: str) -> None:
    """By name, or with a filter, also a combined one; but not by ruling it out."""
    by_name, by_filter, combined, ruled_out = Router(), Router(), Router(), Router()
    by_name.message(kinds=kind)(nothing)
    by_filter.message(filters.kind(kind))(nothing)
    combined.message(filters.private & (filters.kind(kind) | filters.text("hi")))(nothing)
    ruled_out.message(~filters.kind(kind))(nothing)

    for router in (by_name, by_filter, combined):
        assert await named(router, kind=kind) == "nothing"
    other = "text" if kind != "text" else "image"
    assert [await named(router, kind=other) for router in (by_name, by_filter, combined)] == [None] * 3
    assert await named(ruled_out, kind=kind) is None


@pytest.mark.parametrize("kind", ["reaction", "edit", "delete", "poll_vote", "call"])
async def test_events_have_decorators_of_their_own(kind: str) -> None:
    """Each gets its kind, and nothing else."""
    router = Router()
    getattr(router, kind)(filters.private)(nothing)

    assert await named(router, kind=kind) == "nothing"
    assert await named(router, kind=kind, is_group=True) is None
    assert await named(router, "hi") is None


async def test_a_command_is_something_that_was_written() -> None:
    """In a text or a caption, but not in an edit, which would run it once more."""
    router = Router()
    router.command("x")(nothing)

    assert await named(router, "!x", kind="image") == "x"
    assert await named(router, "!x", kind="edit") is None


async def test_own_messages_and_status_updates_are_asked_for() -> None:
    """With their filters; a command is typed on purpose, on the account's own phone too."""
    router = Router()
    router.message()(nothing)
    router.command("x")(nothing)
    asking = Router()
    asking.message(filters.status | filters.from_me)(nothing)

    assert await named(router, "hi", from_me=True) is None
    assert await named(router, "!x", from_me=True) is None
    assert await named(router, "hi", chat="status@broadcast") is None
    assert await named(router, "!x", chat="status@broadcast") is None
    assert await named(asking, "hi", from_me=True) == "nothing"
    assert await named(asking, "hi", chat="status@broadcast") == "nothing"
    assert await named(asking, "hi") is None
    own = Router(filters.from_me)
    own.message()(nothing)
    assert await named(own, "hi", from_me=True) == "nothing"


async def test_a_command_has_other_names() -> None:
    """All of them in any case; the log shows the main one."""
    router = Router()
    router.command("Ping", "p", filters.private, "PONG")(nothing)

    assert [await named(router, text) for text in ("!ping", "!P", "!pong")] == ["ping"] * 3
    assert sorted(router.commands) == ["p", "ping", "pong"]


def test_a_command_name_is_one_word() -> None:
    """Said in one line, with the name."""
    with pytest.raises(UsageError, match="one word, not 'say hello'"):
        Router().command("say hello")
    with pytest.raises(UsageError, match="one word, not ''"):
        Router().command("say", "")


def test_a_command_has_one_handler() -> None:
    """Two would be a riddle."""
    router = Router()
    router.command("ping", "p")(nothing)

    with pytest.raises(UsageError, match="the command 'p' has two handlers"):
        router.command("pong", "P")


def test_the_help_text_is_the_docstring() -> None:
    """Its first line, unless another is given, or none."""
    router = Router()
    router.command("a")(nothing)
    router.command("b", help="other")(nothing)
    router.command("c", help=None)(nothing)

    assert [command.help for command in router.commands.values()] == ["Do nothing.", "other", None]


def plain(message: Message) -> None:
    """Do nothing, at once."""


async def many(one: object, two: object) -> None:
    """Take too much."""


@pytest.mark.parametrize(
    ("register", "hint"),
    [
        (lambda router: router.message()(plain), r"plain must be async; write: async def plain\(message\)"),
        (lambda router: router.command(nothing), r'write: @router.command\("name"\)'),
        (lambda router: router.command("x")(plain), "must be async"),
        (lambda router: router.message("hi"), "no filter"),
        (lambda router: router.message(filters.text), r"filters.text\(...\)"),
        (lambda router: router.message(kinds="picture"), "no kind of message 'picture'"),
        (lambda router: router.message(timeout=0)(nothing), "above 0"),
        (lambda router: router.middleware(plain), r"async def around\(message, call_next\)"),
        (lambda router: router.use(rate_limit), r"async def around\(message, call_next\)"),
        (lambda router: router.error(plain), r"async def on_error\(message, error\)"),
        (lambda router: router.on_startup(plain), r"async def on_startup\(bot\)"),
        (lambda router: router.on_startup(many), r"write: async def many\(bot\)"),
        (lambda router: router.include(nothing), "takes a Router"),
        (lambda router: router.include(router), "cannot include itself"),
    ],
)
def test_a_mistake_is_told_where_it_is_made(register: Callable[[Any], object], hint: str) -> None:
    """In one line that says what to write."""
    with pytest.raises(UsageError, match=hint) as caught:
        register(Router())
    assert "\n" not in str(caught.value)


def test_routers_form_a_tree() -> None:
    """No cycles, and no router twice."""
    outer, middle, inner = Router(), Router(), Router()
    outer.include(middle)
    middle.include(inner)

    with pytest.raises(UsageError, match="by way of others"):
        inner.include(outer)
    with pytest.raises(UsageError, match="included already"):
        outer.include(inner)
    assert list(outer.family()) == [outer, middle, inner]


async def test_hooks_of_all_routers_are_collected() -> None:
    """With the bot for those who want it; at the end the other way round."""
    heard: list[object] = []
    outer, inner = Router(), Router()
    outer.include(inner)

    @outer.on_startup
    @outer.on_shutdown
    async def with_bot(bot: str) -> None:
        heard.append(bot)

    @inner.on_startup
    @inner.on_shutdown
    async def without() -> None:
        heard.append("alone")

    @inner.on_startup
    async def if_there_is_one(bot: object = None) -> None:
        heard.append(("maybe", bot))

    for hook in (*outer.startup_hooks(), *outer.shutdown_hooks()):
        await hook("the bot")

    assert heard == ["the bot", "alone", ("maybe", "the bot"), "alone", "the bot"]
    assert outer.startup_hooks()[1].name.endswith("without")


def test_a_decorator_without_a_function_is_noticed() -> None:
    """`@router.message` without brackets takes the handler for a filter."""
    outer, inner = Router(), Router()
    outer.include(inner)
    inner.message(nothing)
    inner.command("x")

    assert outer.unfinished == ("router.message(nothing)", "router.command('x')")


async def test_a_router_keeps_its_door() -> None:
    """Its filters come before those of its handlers, also for included routers."""
    outer, inner = Router(filters.private), Router()
    outer.include(inner)
    inner.message(filters.text("hi"))(nothing)

    assert await named(outer, "hi") == "nothing"
    assert await named(outer, "hi", is_group=True) is None
    assert await named(outer, "ho") is None


async def test_a_ready_made_middleware_is_used() -> None:
    """As those of the author."""
    router = Router()

    async def twice(message: Message, call_next: CallNext) -> None:
        await call_next()
        await call_next()

    router.use(twice)

    @router.message()
    async def echo(message: Message) -> None:
        await message.reply(message.text)

    assert await answers(router, "a") == ["a", "a"]
