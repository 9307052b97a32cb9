"""What a supervisor is told of a link, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from linda_bot.app.supervision import Supervision
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.bus import listen
from linda_bot.kernel.events import Event
from linda_bot.kernel.supervisor import Supervisor
from tests.support.link_world import LinkWorld

pytestmark = pytest.mark.looptime


class Heard(Supervisor):
    """A supervisor that writes down what it is told, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[float, str, str]] = []

    def _note(self, word: str, text: str = "") -> None:
        self.told.append((asyncio.get_running_loop().time(), word, text))

    def ready(self, status: str) -> None:
        self._note("ready", status)

    def status(self, text: str) -> None:
        self._note("status", text)

    def reloading(self) -> None:
        self._note("reloading")

    def stopping(self, status: str) -> None:
        self._note("stopping", status)

    @property
    def words(self) -> list[str]:
        """What was told, without what the states are called."""
        return [word for _, word, _ in self.told if word != "status"]


@asynccontextmanager
async def supervised(world: LinkWorld) -> AsyncIterator[tuple[Supervision, Heard]]:
    """Run a link whose supervisor is told of it."""
    heard = Heard()
    supervision = Supervision(heard)
    supervision.follow("default", world.link)
    with world.bus.subscribe(Event, name="supervision", depth=1000) as events:
        listening = asyncio.create_task(listen(events, lambda event: supervision.take("default", event)))
        async with world.running():
            yield supervision, heard
        await supervision.close()
        await asyncio.sleep(0.01)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_a_start_is_done_as_soon_as_the_link_is_worked_on() -> None:
    """Once; a server that cannot be reached is no failed start."""
    world = LinkWorld()
    world.whatsapp.reachable = False
    async with supervised(world) as (_, heard):
        await asyncio.sleep(100)
        assert heard.words == ["ready"]
        assert heard.told[0][0] < 1

    assert heard.words == ["ready", "stopping"]


async def test_a_process_of_several_accounts_needs_none_to_be_there() -> None:
    """It is ready before its first account comes, and none that goes is its end."""
    world = LinkWorld()
    async with supervised(world) as (supervision, heard):
        supervision.begun()
        assert heard.words == ["ready"]
        await world.until(LinkState.CONNECTED)

    assert heard.words == ["ready"]
    assert "connected" in heard.told[-1][2]


async def test_a_reload_is_done_when_the_new_engine_is_up() -> None:
    """Whoever asks meanwhile waits for the same."""
    world = LinkWorld()
    async with supervised(world) as (supervision, heard):
        await world.until(LinkState.CONNECTED)
        world.whatsapp.start_takes_s = 5.0
        for _ in range(3):
            supervision.reload("asked by SIGHUP")
            await asyncio.sleep(1)
        assert heard.words == ["ready", "reloading"]
        await asyncio.sleep(3)
        assert heard.words == ["ready", "reloading", "ready"]
        assert "connected" in heard.told[-1][2]
    assert len(world.whatsapp.clients) == 2


@pytest.mark.parametrize("linked", [True, False])
async def test_a_reload_takes_no_longer_than_a_minute(*, linked: bool) -> None:
    """A server that does not answer, a person who does not scan: the supervisor is not kept waiting."""
    world = LinkWorld(linked=linked)
    world.whatsapp.answers = not linked
    async with supervised(world) as (supervision, heard):
        await asyncio.sleep(1)
        supervision.reload("asked by SIGHUP")
        await asyncio.sleep(61)
        assert heard.words == ["ready", "reloading", "ready"]
        supervision.reload("asked by SIGHUP")
        await asyncio.sleep(0)
        assert heard.words[-1] in ("reloading", "ready")


async def test_nothing_is_ready_after_the_end_has_begun() -> None:
    """Neither a reload that was under way nor one that is asked for then."""
    world = LinkWorld()
    async with supervised(world) as (supervision, heard):
        await world.until(LinkState.CONNECTED)
        world.whatsapp.start_takes_s = 5.0
        supervision.reload("asked by SIGHUP")
        await asyncio.sleep(1)
        world.link.stop_asked()
        supervision.reload("asked by SIGHUP")
        await asyncio.sleep(100)
        supervision.reload("asked by SIGHUP")
        await asyncio.sleep(100)

    assert heard.words == ["ready", "reloading", "stopping"]
