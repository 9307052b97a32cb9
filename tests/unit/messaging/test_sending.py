"""Sending through a link that comes and goes."""

import asyncio
from datetime import UTC, datetime

import pytest

from linda_bot import SendError
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.messaging.events import MessageSent, SendFailed
from linda_bot.messaging.sending import Sender
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError, SentMessage
from tests.support.fake_client import FakeClient, FakeWhatsApp
from tests.support.link_world import LinkWorld

pytestmark = pytest.mark.looptime


class Moody(FakeClient):
    """A client whose sends fail as told."""

    def __init__(self, *moods: ClientError) -> None:
        super().__init__(FakeWhatsApp())
        self._moods = list(moods)
        self.tries = 0

    async def send_text(self, chat: str, text: str, *, within_s: float = 120) -> SentMessage:
        self.tries += 1
        if self._moods:
            raise self._moods.pop(0)
        return SentMessage(id="S1", at=datetime.now(UTC))


def sender(client: FakeClient, bus: EventBus) -> Sender:
    """Return a sender through one client."""

    async def get() -> FakeClient:
        return client

    return Sender(get, bus)


async def test_what_did_not_leave_is_sent_again() -> None:
    """A refusal before the wire is repeated, with a pause."""
    client = Moody(NotSentError("websocket not connected"), NotSentError("websocket not connected"))
    bus = EventBus()
    with bus.subscribe(Event, name="test") as events:
        assert await sender(client, bus).send_text("1@lid", "hello") == "S1"
        assert [type(event) for event in events.pending()] == [MessageSent]

    assert (client.tries, asyncio.get_running_loop().time()) == (3, 2)


async def test_it_gives_up_after_some_tries() -> None:
    """Bounded, and told."""
    client = Moody(*[NotSentError("websocket not connected")] * 9)

    with pytest.raises(SendError, match="failed"):
        await sender(client, EventBus()).send_text("1@lid", "hello")
    assert client.tries == 5


async def test_an_unknown_outcome_is_not_repeated() -> None:
    """Else somebody might read it twice."""
    client = Moody(NoAnswerError("timed out"))
    bus = EventBus()
    with bus.subscribe(SendFailed, name="test") as events:
        with pytest.raises(SendError, match="unknown"):
            await sender(client, bus).send_text("1@lid", "hello")
        (failed,) = events.pending()

    assert (client.tries, failed.outcome) == (1, "unknown")


async def test_a_refusal_by_the_server_is_not_repeated() -> None:
    """It would be refused again."""
    client = Moody(ClientError("server returned error 463"))

    with pytest.raises(SendError):
        await sender(client, EventBus()).send_text("1@lid", "hello")
    assert client.tries == 1


async def test_sending_waits_for_the_link() -> None:
    """While the link is down nothing is lost: the answer goes out with the next client."""
    world = LinkWorld()
    world.whatsapp.reachable = False
    async with world.running():
        sending = asyncio.create_task(Sender(world.link.client, world.bus).send_text("1@lid", "late"), name="send")
        await asyncio.sleep(50)
        assert not sending.done()
        world.whatsapp.reachable = True
        assert await sending == "S1"

    assert world.whatsapp.heard == [("1@lid", "late")]
