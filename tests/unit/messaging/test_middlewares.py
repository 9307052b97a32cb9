"""Ready-made middlewares."""

import asyncio

import pytest

from linda_bot import Message, Router, UsageError, allow_only, rate_limit
from tests.support.fake_scene import FRIEND, FRIENDS_LID, FakeScene, answers

pytestmark = pytest.mark.looptime
STRANGER = "4915100000000@s.whatsapp.net"


def echo_router() -> Router:
    """Return a router that says again what it hears."""
    router = Router()

    @router.message()
    async def echo(message: Message) -> None:
        await message.reply(message.text)

    return router


async def test_a_sender_has_a_limit() -> None:
    """In any such time; what is refused does not count."""
    router, scene = echo_router(), FakeScene()
    router.use(rate_limit(2, 10))

    for second in range(25):
        await answers(router, f"{second}", scene=scene, id=f"{second}")
        await asyncio.sleep(1)

    assert scene.texts == ["0", "1", "10", "11", "20", "21"]


async def test_senders_do_not_limit_each_other() -> None:
    """But one with two identities has one limit."""
    router, scene = echo_router(), FakeScene()
    router.use(rate_limit(1, 10))

    await answers(router, "a", scene=scene)
    await answers(router, "b", scene=scene, sender=STRANGER)
    await answers(router, "c", scene=scene, sender=FRIENDS_LID, sender_alt=FRIEND, id="A2")

    assert scene.texts == ["a", "b"]


async def test_the_limit_is_told_once() -> None:
    """Until something is allowed again."""
    router, scene = echo_router(), FakeScene()
    router.use(rate_limit(1, 10, reply="slowly"))

    for second in range(13):
        await answers(router, f"{second}", scene=scene, id=f"{second}")
        await asyncio.sleep(1)

    assert scene.texts == ["0", "slowly", "10", "slowly"]


async def test_a_message_that_is_tried_again_counts_once() -> None:
    """Else a handler that failed would not get its second chance."""
    router, scene = echo_router(), FakeScene()
    router.use(rate_limit(1, 10))

    for identity in ("A1", "A1", "A2", "A1"):
        await answers(router, identity, scene=scene, id=identity)

    assert scene.texts == ["A1", "A1", "A1"]


async def test_not_all_senders_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one not heard of for longest is forgotten."""
    monkeypatch.setattr("linda_bot.messaging.middlewares._MOST_SENDERS", 2)
    router, scene = echo_router(), FakeScene()
    router.use(rate_limit(1, 10))

    for number, sender in enumerate("abacab"):
        await answers(router, sender, scene=scene, sender=f"{sender}@lid", id=f"{number}")

    assert scene.texts == ["a", "b", "c", "b"]


async def test_only_some_are_allowed() -> None:
    """By whichever identity; others are left to the next router."""
    outer, router = Router(), echo_router()
    router.use(allow_only("+49 151 12345678"))
    outer.include(router)

    @outer.message()
    async def refuse(message: Message) -> None:
        await message.reply("not you")

    assert await answers(outer, "a") == ["a"]
    assert await answers(outer, "a", sender=FRIENDS_LID, sender_alt=FRIEND) == ["a"]
    assert await answers(outer, "a", sender=STRANGER) == ["not you"]


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: rate_limit(0, 1), "at least 1 time"),
        (lambda: rate_limit(1, 0), "more than 0 seconds"),
        (allow_only, "at least one"),
        (lambda: allow_only("ann"), "neither a phone number"),
    ],
)
def test_what_makes_no_sense(make: object, hint: str) -> None:
    """Said where it is written."""
    assert callable(make)
    with pytest.raises(UsageError, match=hint):
        make()
