"""What is held, counted and judged after a restore, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from linda_bot.connection.events import LinkingStarted, RestoreJudged, SessionRestored, SessionWentBack
from linda_bot.connection.restore_watch import RestoreWatch
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.sessions.aftercare import begin_aftercare
from linda_bot.sessions.paths import SessionPaths
from linda_bot.whatsapp.events import (
    Connected,
    Disconnected,
    EngineExited,
    IncomingMessage,
    MessageReceived,
    MessageUndecryptable,
    OfflineSyncCompleted,
)
from linda_bot.whatsapp.port import WhatsAppClient
from tests.support.fake_client import NUMBER, FakeClient, FakeWhatsApp

pytestmark = pytest.mark.looptime

RESTORED = SessionRestored(backup="backup-001", made_at=datetime.now(UTC), because="", passed_over=())


class WatchWorld:
    """A watch over a session in a directory, and a link that is up."""

    def __init__(self, data_dir: Path) -> None:
        self.paths = SessionPaths(data_dir, "default")
        self.paths.directory.mkdir(parents=True, exist_ok=True)
        self.bus = EventBus()
        self.judged: list[RestoreJudged] = []
        self._watch = RestoreWatch(self.paths, self.bus, self._client)

    async def _client(self) -> WhatsAppClient:
        return FakeClient(FakeWhatsApp())

    async def held(self) -> bool:
        """Return whether somebody who wants to send waits."""
        try:
            async with asyncio.timeout(0.01):
                await self._watch.client()
        except TimeoutError:
            return True
        return False

    def restore(self, *, minutes_ago: float = 0) -> None:
        """Let a backup have been put back."""
        now = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        begin_aftercare(self.paths.aftercare, because="", now=now, backup="backup-001")

    async def tell(self, *events: Event, wait_s: float = 0.0) -> None:
        """Let something happen, and give the watch time."""
        for event in events:
            self.bus.publish(event)
        await asyncio.sleep(wait_s or 0.05)

    def message(self, message_id: str) -> MessageReceived:
        """Return a message that could be read."""
        sender = "4915112345678@s.whatsapp.net"
        return MessageReceived(
            message=IncomingMessage(id=message_id, chat=sender, sender=sender, sent_at=datetime.now(UTC))
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["WatchWorld"]:
        """Run the watch, and somebody who hears its verdicts."""

        async def judged() -> None:
            with self.bus.subscribe(RestoreJudged, name="test", depth=100) as verdicts:
                async for verdict in verdicts:
                    self.judged.append(verdict)

        tasks = [asyncio.create_task(work) for work in (self._watch.run(), judged())]
        await asyncio.sleep(0.05)
        try:
            yield self
            assert not any(task.done() for task in tasks), "a task has died"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def undecryptable(message_id: str) -> MessageUndecryptable:
    """Return a message that could not be read."""
    return MessageUndecryptable(id=message_id, chat="c", sender="s")


async def test_nothing_is_held_without_a_restore(tmp_path: Path) -> None:
    """A bot that simply starts answers at once, and nothing is judged."""
    async with WatchWorld(tmp_path).running() as world:
        assert not await world.held()
        await world.tell(Connected(number=NUMBER), undecryptable("A"), wait_s=2000)
        assert not await world.held()

    assert not world.judged


@pytest.mark.parametrize("how", [RESTORED, SessionWentBack(because="")], ids=["restored", "went back"])
async def test_sending_is_held_from_a_restore_until_all_is_in_and_quiet(tmp_path: Path, how: Event) -> None:
    """Not until the login, not until the end of the offline sync, not while messages still come."""
    async with WatchWorld(tmp_path).running() as world:
        world.restore()
        await world.tell(how)
        assert await world.held()
        await world.tell(Connected(number=NUMBER), wait_s=5)
        assert await world.held(), "the offline sync is not over"
        await world.tell(OfflineSyncCompleted(count=3))
        for number in range(10):
            await world.tell(world.message(f"M{number}"), wait_s=0.2)
            assert await world.held(), "messages still come"
        await world.tell(undecryptable("A"), wait_s=0.2)
        assert await world.held()
        await asyncio.sleep(0.3)
        assert not await world.held()


async def test_the_sync_may_end_before_the_login_is_told(tmp_path: Path) -> None:
    """The library tells both from different threads."""
    async with WatchWorld(tmp_path).running() as world:
        world.restore()
        await world.tell(RESTORED, OfflineSyncCompleted(count=0), Connected(number=NUMBER), wait_s=0.6)
        assert not await world.held()


async def test_a_sync_whose_end_is_never_told_is_waited_for_half_a_minute(tmp_path: Path) -> None:
    """A word that does not come must not silence the bot."""
    async with WatchWorld(tmp_path).running() as world:
        world.restore()
        await world.tell(RESTORED, Connected(number=NUMBER), wait_s=29)
        assert await world.held()
        await asyncio.sleep(2)
        assert not await world.held()


@pytest.mark.slow
@pytest.mark.parametrize("every_s", [0.02, 0.25])
async def test_a_stream_holds_for_a_minute_at_most(tmp_path: Path, every_s: float) -> None:
    """However fast the messages come."""
    async with WatchWorld(tmp_path).running() as world:
        world.restore()
        await world.tell(RESTORED, Connected(number=NUMBER), OfflineSyncCompleted(count=1))
        began = asyncio.get_running_loop().time()
        while await world.held():
            await world.tell(world.message("M"), wait_s=every_s)
            assert asyncio.get_running_loop().time() - began < 61
        assert asyncio.get_running_loop().time() - began > 59


@pytest.mark.parametrize("loss", [Disconnected(), EngineExited(code=-9, asked=False)], ids=["socket", "engine"])
async def test_a_lost_link_begins_the_hold_anew(tmp_path: Path, loss: Event) -> None:
    """What waited may come on the next connection; until then there is no clock that runs."""
    async with WatchWorld(tmp_path).running() as world:
        world.restore()
        await world.tell(RESTORED, Connected(number=NUMBER), OfflineSyncCompleted(count=1), loss, wait_s=300)
        assert await world.held()
        await world.tell(Connected(number=NUMBER), wait_s=1)
        assert await world.held()
        await world.tell(OfflineSyncCompleted(count=1), wait_s=1)
        assert not await world.held()


@pytest.mark.parametrize(
    ("unread", "again", "others", "verdict"),
    [(0, 0, 0, "restored"), (3, 3, 0, "restored"), (3, 2, 5, "degraded"), (20, 5, 2, "re-link advised")],
)
async def test_the_verdict_comes_after_ten_minutes(
    tmp_path: Path, unread: int, again: int, others: int, verdict: str
) -> None:
    """A message counts as lost until the same id comes; each is told twice by the library."""
    async with WatchWorld(tmp_path).running() as world:
        world.restore()
        await world.tell(RESTORED, Connected(number=NUMBER), OfflineSyncCompleted(count=1), wait_s=1)
        ids = [f"M{number}" for number in range(unread)]
        await world.tell(*(undecryptable(message_id) for message_id in ids for _ in range(2)))
        await world.tell(*(world.message(message_id) for message_id in ids[:again]))
        await world.tell(*(world.message(f"N{number}") for number in range(others)))
        await asyncio.sleep(590)
        assert not world.judged
        await asyncio.sleep(11)
        (judged,) = world.judged
        assert not world.paths.aftercare.exists()
        await asyncio.sleep(3600)

    assert len(world.judged) == 1
    assert (judged.verdict, judged.pending, judged.recovered, judged.received) == (
        verdict,
        unread - again,
        again,
        again + others,
    )


async def test_a_busy_bot_is_judged_too(tmp_path: Path) -> None:
    """The verdict does not wait for a pause."""
    async with WatchWorld(tmp_path).running() as world:
        world.restore(minutes_ago=9.9)
        await world.tell(RESTORED, Connected(number=NUMBER), OfflineSyncCompleted(count=1), wait_s=1)
        for _ in range(3000):
            await world.tell(world.message("M"), wait_s=0.004)

    assert len(world.judged) == 1


async def test_the_watch_goes_on_over_a_restart(tmp_path: Path) -> None:
    """What was counted counts, the hold begins anew, and the verdict is not put off."""
    async with WatchWorld(tmp_path).running() as world:
        world.restore(minutes_ago=6)
        await world.tell(RESTORED, Connected(number=NUMBER), OfflineSyncCompleted(count=1), wait_s=1)
        await world.tell(undecryptable("A"), undecryptable("B"), world.message("B"))
    async with WatchWorld(tmp_path).running() as world:
        assert await world.held()
        await world.tell(Connected(number=NUMBER), OfflineSyncCompleted(count=0), wait_s=1)
        assert not await world.held()
        await world.tell(world.message("A"))
        await asyncio.sleep(245)

    (judged,) = world.judged
    assert (judged.verdict, judged.received, judged.recovered, judged.pending) == ("restored", 2, 2, 0)


async def test_a_restart_long_after_is_judged_once_it_is_up(tmp_path: Path) -> None:
    """The bot was down for a day: held until then, and no clock is watched meanwhile."""
    async with WatchWorld(tmp_path).running() as world:
        world.restore()
        await world.tell(RESTORED)
        await asyncio.sleep(24 * 3600)
        assert await world.held()
        assert not world.judged
        await world.tell(Connected(number=NUMBER), OfflineSyncCompleted(count=0), wait_s=1)
        assert not await world.held()

    assert [judged.verdict for judged in world.judged] == ["restored"]


async def test_a_new_linking_ends_the_watch(tmp_path: Path) -> None:
    """The device was removed after all: what is linked anew has nothing to recover from."""
    async with WatchWorld(tmp_path).running() as world:
        world.restore()
        await world.tell(RESTORED)
        assert await world.held()
        await world.tell(LinkingStarted(round=1, rounds=10, why=""))
        assert not await world.held()
        assert not world.paths.aftercare.exists()
        await world.tell(Connected(number=NUMBER), undecryptable("A"), wait_s=3600)
        assert not await world.held()

    assert not world.judged
    assert not world.paths.aftercare.exists()
