"""From events to notices, in virtual time."""

import asyncio
from datetime import UTC, datetime

import pytest

from linda_bot.health.alerting.events import NoticeFailed, NoticeSent
from linda_bot.health.alerting.quiet import QuietHours
from linda_bot.health.alerting.sinks.sink import SinkError
from linda_bot.kernel.alerts import AlertReminded
from linda_bot.kernel.events import Event
from tests.support.alert_world import AlertWorld, FakeSink

pytestmark = pytest.mark.looptime

NIGHT = QuietHours(22 * 60, 7 * 60, UTC)


def of(world: AlertWorld, kind: type[Event]) -> list[Event]:
    """Return what was published of a kind."""
    return [event for event in world.told if isinstance(event, kind)]


async def test_an_incident_from_alert_to_recovery() -> None:
    """Every sink gets every notice, and what became of them is remembered."""
    sinks = FakeSink("one"), FakeSink("two")
    world = AlertWorld(*sinks, remind=(3600,))
    async with world.process():
        world.raise_()
        await asyncio.sleep(60)
        world.raise_("logged_out")
        await asyncio.sleep(3700)
        world.clear(after_s=3760)
        await asyncio.sleep(1)

    for sink in sinks:
        assert sink.purposes == ["alert", "escalation", "reminder", "recovery"]
        assert len({notice.id for _, notice in sink.got}) == 4
        assert len({notice.incident for _, notice in sink.got}) == 1
        assert sink.got[-1][1].lasted_s == 3760
    assert len(of(world, AlertReminded)) == 1
    assert len(of(world, NoticeSent)) == 8
    states = {delivery.state for record in world.file.disk.records for delivery in record.deliveries}
    assert states == {"delivered"}
    assert world.file.disk.incidents == ()


@pytest.mark.parametrize("killed", [True, False])
async def test_an_incident_goes_on_after_a_restart(*, killed: bool) -> None:
    """Not told again, not even when it is raised again; its end is told."""
    world = AlertWorld(remind=(7200,))
    async with world.process(killed=killed):
        world.raise_()
        await asyncio.sleep(1)
    await asyncio.sleep(3600)
    async with world.process(killed=killed):
        world.raise_()
        await asyncio.sleep(3700)
        world.clear()
        await asyncio.sleep(1)
    async with world.process():
        await asyncio.sleep(10_000)

    (sink,) = world.sinks
    assert sink.purposes == ["alert", "reminder", "recovery"]
    assert sink.got[1][0] == pytest.approx(7200, abs=10)


@pytest.mark.parametrize("killed", [True, False])
async def test_what_a_full_disk_did_not_take_is_written_when_there_is_room(*, killed: bool) -> None:
    """An incident that was told while nothing could be written is known to the next process, and its end is told."""
    world = AlertWorld()
    async with world.process(killed=killed):
        world.file.is_full = True
        world.raise_()
        await asyncio.sleep(60)
        world.file.is_full = False
        await asyncio.sleep(10 if killed else 0)
    async with world.process():
        world.raise_()
        world.clear()
        await asyncio.sleep(1)

    assert world.sinks[0].purposes == ["alert", "recovery"]


async def test_a_bot_that_comes_back_gets_time_to_recover_before_anybody_is_reminded() -> None:
    """However long it was away."""
    world = AlertWorld(remind=(3600,))
    async with world.process():
        world.raise_()
    await asyncio.sleep(100_000)
    async with world.process():
        await asyncio.sleep(200)
        world.clear()
        await asyncio.sleep(10)
        assert world.sinks[0].purposes == ["alert", "recovery"]


async def test_what_was_on_its_way_is_sent_after_a_restart_under_the_same_id() -> None:
    """Once, to the sink that had not got it."""
    fine, lame = FakeSink("fine"), FakeSink("lame")
    lame.hangs = True
    world = AlertWorld(fine, lame)
    async with world.process(killed=True):
        world.raise_()
        await asyncio.sleep(1)
    lame.hangs = False
    async with world.process():
        await asyncio.sleep(1)

    assert fine.purposes == lame.purposes == ["alert"]
    assert fine.got[0][1].id == lame.got[0][1].id


async def test_what_is_too_old_or_for_nobody_is_given_up_at_a_restart() -> None:
    """And says why in the list."""
    gone, lame = FakeSink("gone"), FakeSink("lame")
    gone.hangs = lame.hangs = True
    world = AlertWorld(gone, lame)
    async with world.process(killed=True):
        world.raise_()
        await asyncio.sleep(1)
    await asyncio.sleep(2 * 86400)
    world.sinks = (lame,)
    lame.hangs = False
    async with world.process():
        world.clear()
        await asyncio.sleep(1)

    first = world.file.disk.records[0].deliveries
    assert [delivery.state for delivery in first] == ["failed", "failed"]
    assert "not set any more" in first[0].error
    assert "too old" in first[1].error
    assert lame.purposes == ["recovery"]


async def test_a_night_is_quiet_for_people_only() -> None:
    """Told in the morning: what lasts as an alert, what is over as that; the log hears all at once."""
    world = AlertWorld(remind=(3600,), quiet=NIGHT)
    world.began_at = datetime(2026, 2, 7, 23, 0, tzinfo=UTC)
    async with world.process():
        world.raise_()
        await asyncio.sleep(600)
        world.clear()
        await asyncio.sleep(600)
        world.raise_("session_damaged", because="the disk")
        await asyncio.sleep(6 * 3600)
        (sink,) = world.sinks
        assert sink.got == []
        await asyncio.sleep(2 * 3600)

    told = [(purpose, notice.kind) for purpose, (_, notice) in zip(sink.purposes, sink.got, strict=True)]
    assert told[:2] == [("missed", "down"), ("alert", "session_damaged")]
    seven = 8 * 3600
    assert seven <= sink.got[0][0] <= seven + 61
    assert len(of(world, AlertReminded)) >= 7


async def test_grave_news_do_not_wait() -> None:
    """Even at night, with what came before them."""
    world = AlertWorld(quiet=NIGHT)
    world.began_at = datetime(2026, 2, 7, 23, 0, tzinfo=UTC)
    async with world.process():
        world.raise_()
        await asyncio.sleep(600)
        world.raise_("gave_up")
        await asyncio.sleep(1)

    assert world.sinks[0].purposes == ["alert"]
    assert world.sinks[0].got[0][1].kinds == ("down", "gave_up")


async def test_a_night_that_a_restart_interrupts() -> None:
    """What was held back is told all the same."""
    world = AlertWorld(quiet=NIGHT)
    world.began_at = datetime(2026, 2, 7, 23, 0, tzinfo=UTC)
    async with world.process(killed=True):
        world.raise_()
        await asyncio.sleep(600)
        world.clear(after_s=600)
        await asyncio.sleep(1)
    async with world.process():
        await asyncio.sleep(9 * 3600)

    assert world.sinks[0].purposes == ["missed"]


async def test_a_sink_that_hangs_delays_nobody() -> None:
    """Neither another sink, nor the desk."""
    slow, quick = FakeSink("slow"), FakeSink("quick")
    slow.hangs = True
    world = AlertWorld(slow, quick)
    async with world.process(killed=True):
        began_s = asyncio.get_running_loop().time()
        for _ in range(3):
            world.raise_()
            world.clear()
        await asyncio.sleep(1)
        assert len(quick.got) == 6
        assert quick.got[-1][0] - began_s < 0.1


async def test_the_end_lets_what_is_pending_out() -> None:
    """An alert that is raised in the last moment is sent; what fails then is sent by the next process."""
    fine, lame = FakeSink("fine"), FakeSink("lame")
    lame.errors = [SinkError("busy")]
    world = AlertWorld(fine, lame)
    async with world.process():
        world.raise_("gave_up")
    assert fine.purposes == ["alert"]
    assert lame.tries
    async with world.process():
        await asyncio.sleep(0.1)

    assert fine.purposes == lame.purposes == ["alert"]
    assert not of(world, NoticeFailed)


async def test_without_sinks_incidents_are_kept_all_the_same() -> None:
    """For the log, the list, and the watch of the next process."""
    world = AlertWorld()
    world.sinks = ()
    async with world.process():
        world.raise_()

    assert [incident.kind for incident in world.file.disk.incidents] == ["down"]
    assert world.file.disk.records[0].deliveries == ()


async def test_a_storm_of_alerts_keeps_the_memory_small() -> None:
    """The last fifty notices."""
    world = AlertWorld()
    async with world.process():
        for _ in range(200):
            world.raise_()
            await asyncio.sleep(1)
            world.clear()
            await asyncio.sleep(1)

    assert len(world.file.disk.records) == 50
    assert len(world.sinks[0].got) == 400


async def test_what_is_remembered_has_no_numbers() -> None:
    """The file is shown to whoever helps."""
    world = AlertWorld()
    async with world.process():
        world.raise_(because="no answer from 4915112345678\x1b[2J")

    assert "4915112345678" not in repr(world.file.disk)
    assert "\x1b" not in world.file.disk.incidents[0].troubles[0].because


async def test_what_nobody_takes_over_ends_by_itself() -> None:
    """Some minutes after a restart, unless it is found wrong again."""
    world = AlertWorld(remind=(3600,))
    async with world.process(killed=True):
        for topic in ("link", "log", "other"):
            world.raise_(topic=topic)
        await asyncio.sleep(1)
    async with world.process():
        await asyncio.sleep(100)
        world.raise_(topic="other")
        await asyncio.sleep(250)
    (sink,) = world.sinks

    assert [(notice.purpose, notice.topic) for _, notice in sink.got[3:]] == [("recovery", "log")]
    assert [incident.topic for incident in world.file.disk.incidents] == ["link", "other"]
