"""When backups are made, in virtual time; how they are made is another matter."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from linda_bot.connection.events import BackupFailed, LinkingCompleted, SessionBackedUp
from linda_bot.connection.lifecycle import LinkState
from linda_bot.whatsapp.events import EnginePrinted, SecretsRotated
from tests.support.fake_client import NUMBER
from tests.support.keeper_world import HOUR, KeeperWorld

pytestmark = pytest.mark.looptime


async def test_one_is_made_a_minute_after_the_link_is_up() -> None:
    """Not before: what was just linked may be unlinked again."""
    async with KeeperWorld().running() as world:
        await asyncio.sleep(1000)
        world.link(LinkState.CONNECTED)
        await asyncio.sleep(100)

    assert world.made == [(1060, "stable")]
    assert len(world.told(SessionBackedUp)) == 1


async def test_a_link_that_does_not_last_gets_none() -> None:
    """The minute begins anew with each connection."""
    async with KeeperWorld().running() as world:
        for _ in range(5):
            world.link(LinkState.CONNECTED)
            await asyncio.sleep(59)
            world.link(LinkState.RECONNECTING)
            await asyncio.sleep(5)
        assert not world.made


async def test_a_short_blip_costs_no_backup() -> None:
    """After the first the next is due by the clock, however often the link is lost in between."""
    async with KeeperWorld().running() as world:
        for _ in range(50):
            world.link(LinkState.CONNECTED)
            await asyncio.sleep(70)
            world.link(LinkState.TRANSIENT_DISCONNECT)
            await asyncio.sleep(2)

    assert world.reasons() == ["stable"]


@pytest.mark.parametrize("what", ["linking", "restore"])
async def test_one_is_made_anew_after_a_linking_or_a_restore(what: str) -> None:
    """What is there is of another linking, or older than what was put back is by now."""
    async with KeeperWorld().running() as world:
        world.link(LinkState.CONNECTED)
        await asyncio.sleep(100)
        if what == "linking":
            world.link(LinkState.LOGGED_OUT)
            world.link(LinkState.LINKING)
            await asyncio.sleep(100)
            world.link(LinkState.CONNECTED)
            world.bus.publish(LinkingCompleted(number=NUMBER))
        else:
            world.link(LinkState.RECONNECTING)
            world.restored()
            await asyncio.sleep(100)
            world.link(LinkState.CONNECTED)
        await asyncio.sleep(100)

    assert world.made == [(60, "stable"), (260, "stable")]


async def test_one_is_made_every_six_hours() -> None:
    """Counted from the end of the last, whatever else happens on the bus."""
    async with KeeperWorld().running() as world:
        world.link(LinkState.CONNECTED)
        for _ in range(25 * 60):
            world.bus.publish(EnginePrinted(line="something"))
            await asyncio.sleep(60)

    assert world.reasons() == ["stable", *["periodic"] * 4]
    assert world.made[1][0] == pytest.approx(61 + 6 * HOUR, abs=0.01)


@pytest.mark.slow
async def test_a_stream_of_events_does_not_put_it_off() -> None:
    """It is due by the clock, not by a pause."""
    async with KeeperWorld().running() as world:
        world.link(LinkState.CONNECTED)
        for _ in range(70 * 250):
            world.bus.publish(EnginePrinted(line="something"))
            await asyncio.sleep(0.004)

    ((begun_at, reason),) = world.made
    assert begun_at == pytest.approx(60, abs=0.01)
    assert reason == "stable"


async def test_rotated_secrets_are_backed_up_at_once() -> None:
    """Older backups no longer fit; one that is just being made may be older, too."""
    async with KeeperWorld().running() as world:
        world.link(LinkState.CONNECTED)
        await asyncio.sleep(30)
        world.bus.publish(SecretsRotated())
        await asyncio.sleep(0.5)
        world.bus.publish(SecretsRotated())
        await asyncio.sleep(100)

    assert world.made[:2] == [(30, "secrets_rotated"), (31, "secrets_rotated")]


async def test_nothing_that_happens_during_a_backup_is_missed() -> None:
    """A slow disk and a flood of events: the end of the link is seen, and its return."""
    world = KeeperWorld()
    world.takes_s = 200
    async with world.running():
        world.link(LinkState.CONNECTED)
        await asyncio.sleep(70)
        world.bus.publish(SecretsRotated())
        for _ in range(2000):
            world.bus.publish(EnginePrinted(line="something"))
            await asyncio.sleep(0.001)
        await asyncio.sleep(200)

    assert world.reasons() == ["stable", "secrets_rotated"]


@pytest.mark.slow
@pytest.mark.parametrize("reason", ["stable", "periodic", "secrets_rotated"])
async def test_one_that_failed_is_made_later(reason: str) -> None:
    """Every five minutes, not in a tight loop, and for the same reason; then all is as before."""
    world = KeeperWorld()
    async with world.running():
        world.link(LinkState.CONNECTED)
        if reason != "stable":
            await asyncio.sleep(100)
            world.made.clear()
        world.error = "no space left on device"
        if reason == "secrets_rotated":
            world.bus.publish(SecretsRotated())
        while not world.made:
            await asyncio.sleep(1)
        await asyncio.sleep(1000)
        assert 3 <= len(world.made) <= 4
        assert set(world.reasons()) == {reason}
        assert len(world.told(BackupFailed)) == len(world.made)
        world.error = ""
        await asyncio.sleep(301)
        begun = len(world.made)
        await asyncio.sleep(5 * HOUR)
        assert len(world.made) == begun

    assert world.made[-1][1] == reason


async def test_a_logout_ends_it() -> None:
    """Neither by the clock nor for rotated secrets nor at the end."""
    async with KeeperWorld().running() as world:
        world.link(LinkState.CONNECTED)
        await asyncio.sleep(30)
        world.link(LinkState.LOGGED_OUT)
        world.bus.publish(SecretsRotated())
        await asyncio.sleep(24 * HOUR)
        await world.keeper.at_the_end(within_s=3)

    assert not world.made


async def test_the_end_without_a_link_makes_none() -> None:
    """A bot that never logged in has nothing new."""
    async with KeeperWorld().running() as world:
        world.link(LinkState.LINKING)
        await asyncio.sleep(1)
        await world.keeper.at_the_end(within_s=3)

    assert not world.made


@pytest.mark.parametrize(("minutes", "is_made"), [(50, False), (70, True), (-600, True)])
async def test_the_end_makes_one_if_the_newest_is_old(minutes: int, *, is_made: bool) -> None:
    """Older than an hour, or from the future, which says that the clock was set."""
    world = KeeperWorld(newest_made_at=datetime.now(UTC) - timedelta(minutes=minutes))
    async with world.running():
        world.link(LinkState.CONNECTED)
        await asyncio.sleep(1)
        world.link(LinkState.STOPPING)
        await world.keeper.at_the_end(within_s=3)

    assert world.reasons() == (["shutdown"] if is_made else [])


async def test_the_end_does_not_wait_for_ever() -> None:
    """The last one is given up when it takes too long, and that is told."""
    world = KeeperWorld()
    world.takes_s = 1000
    async with world.running():
        world.link(LinkState.CONNECTED)
        await asyncio.sleep(1)
        world.link(LinkState.STOPPING)
        await world.keeper.at_the_end(within_s=3)
        assert asyncio.get_running_loop().time() == 4

    assert world.given_up == 1
    assert len(world.told(BackupFailed)) == 1


async def test_the_end_waits_for_the_one_that_is_being_made() -> None:
    """It is fresh enough then."""
    world = KeeperWorld()
    world.takes_s = 2
    async with world.running():
        world.link(LinkState.CONNECTED)
        await asyncio.sleep(61)
        world.link(LinkState.STOPPING)
        await world.keeper.at_the_end(within_s=3)

    assert world.reasons() == ["stable"]
    assert world.given_up == 0


async def test_a_stop_gives_up_the_one_that_is_being_made() -> None:
    """At once, and without a word: the next start makes another."""
    world = KeeperWorld()
    world.takes_s = 1000
    async with world.running():
        world.link(LinkState.CONNECTED)
        await asyncio.sleep(100)

    assert world.given_up == 1
    assert asyncio.get_running_loop().time() < 101
    assert not world.told(SessionBackedUp, BackupFailed)
