"""The commands that every bot has."""

import asyncio
from enum import Enum

import pytest

from linda_bot import Message, Router, filters
from linda_bot.messaging.builtin import builtin_router
from linda_bot.messaging.routing import resolve
from tests.support.fake_scene import FakeScene, message

pytestmark = pytest.mark.looptime


class Colour(Enum):
    """Something to choose."""

    RED = "red"
    BLUE = "blue"


async def status() -> str:
    """Return how the bot is."""
    return "fine"


async def asked(router: Router, text: str, scene: FakeScene | None = None) -> str:
    """Return what a bot with these handlers and the built-in ones answers."""
    place = scene or FakeScene()
    builtin = builtin_router("!", status, lambda: (router, builtin))
    plan = await resolve(message(text, scene=place), [router, builtin], "!")
    assert plan is not None
    await plan.run()
    (answer,) = place.texts
    return answer


def shop() -> Router:
    """Return a router with commands of all sorts."""
    router = Router()

    @router.command("paint", "colour")
    async def paint(message: Message, colour: Colour, times: int = 1) -> None:
        """Paint it."""

    @router.command("secret", help=None)
    async def secret(message: Message) -> None:
        """Nobody is told."""

    @router.command("sticker", filters.media("image"))
    async def sticker(message: Message) -> None:
        """Make a sticker of a picture."""

    async def slowly_no(message: Message) -> bool:
        await asyncio.sleep(1)
        return False

    @router.command("never", slowly_no)
    async def never(message: Message) -> None:
        """Nobody may."""

    @router.command("broken", lambda message: message.text == 1 / 0)
    async def broken(message: Message) -> None:
        """Nobody knows who may."""

    office = Router(filters.owner)
    router.include(office)

    @office.command("stop")
    async def stop(message: Message) -> None:
        """Stop it all."""

    return router


async def test_ping_and_status() -> None:
    """The oldest commands of all."""
    assert await asked(Router(), "!ping") == "pong"
    assert await asked(Router(), "!status") == "fine"


async def test_help_lists_what_the_asker_may_use() -> None:
    """With usage; what needs another message than the question, such as a picture, is among it."""
    assert (await asked(shop(), "!help")).splitlines() == [
        "!help [COMMAND]  this list, or one command",
        "!paint COLOUR [TIMES]  Paint it.",
        "!ping  answers pong",
        "!status  how the bot is",
        "!sticker  Make a sticker of a picture.",
    ]


async def test_help_for_the_owner() -> None:
    """Lists more."""
    assert "!stop  Stop it all." in await asked(shop(), "!help", FakeScene(owners=["4915112345678"]))


@pytest.mark.parametrize("question", ["!help paint", "!help !Colour"])
async def test_help_on_one_command(question: str) -> None:
    """With what can be chosen, and its other names."""
    assert (await asked(shop(), question)).splitlines() == [
        "!paint COLOUR [TIMES]  Paint it.",
        "COLOUR: red, blue",
        "also: !colour",
    ]


@pytest.mark.parametrize("question", ["!help stop", "!help secret", "!help \x1b[2J"])
async def test_help_on_what_is_not_for_the_asker(question: str) -> None:
    """Does not say whether there is such a command."""
    answer = await asked(shop(), question)

    assert answer.startswith("There is no command ")
    assert answer.isprintable()


async def test_an_own_command_is_listed_instead_of_a_builtin_one() -> None:
    """As it is the one that runs."""
    router = Router()

    @router.command("ping")
    async def ping(message: Message) -> None:
        """Mine."""

    assert "!ping  Mine." in await asked(router, "!help")
