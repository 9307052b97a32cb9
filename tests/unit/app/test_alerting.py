"""The alerts' last words, in virtual time."""

import asyncio
from pathlib import Path

import pytest

from linda_bot.app.alerting import WANTED, alerting, check_alerting, left_open
from linda_bot.app.job import Job
from linda_bot.health.alerting.memory import Memory
from linda_bot.health.alerting.setup import Alerting
from linda_bot.kernel.alerts import AlertRaised
from linda_bot.kernel.bus import EventBus
from linda_bot.settings import Settings
from tests.support.alert_world import FakeSink

pytestmark = pytest.mark.looptime


def job(place: Path, **alert: object) -> Job:
    """Return a job with these settings of alerts."""
    settings = Settings.model_validate({"data_dir": place, "alert": alert})
    return Job(settings=settings, engine_command=(), engine_environment={}, engine=None)


async def ended(place: Path, sink: FakeSink, *, asked_s_ago: float | None) -> float:
    """Raise an alert at the very end; return how long the end took."""
    bus, stop = EventBus(), asyncio.Event()
    found = Alerting(Memory(), [lambda: sink], None, ())
    loop = asyncio.get_running_loop()
    with bus.subscribe(WANTED, name="alerts") as events:
        async with alerting(job(place), found, events, bus, stop):
            await asyncio.sleep(0.1)
            if asked_s_ago is not None:
                stop.set()
                await asyncio.sleep(asked_s_ago)
            bus.publish(AlertRaised(kind="gave_up", because="x", advice="y"))
            began = loop.time()
        return loop.time() - began


@pytest.mark.parametrize(("asked_s_ago", "at_most_s"), [(None, 11), (0.0, 1.5), (3.0, 0.5)])
async def test_a_sink_that_hangs_holds_up_the_end_for_a_moment(
    tmp_path: Path, asked_s_ago: float | None, at_most_s: float
) -> None:
    """A second after somebody has asked for the end; ten where nobody waits."""
    sink = FakeSink()
    sink.hangs = True
    took = await ended(tmp_path, sink, asked_s_ago=asked_s_ago)

    assert len(sink.tries) == 1
    assert took <= at_most_s


@pytest.mark.parametrize("asked_s_ago", [None, 0.0])
async def test_what_is_told_in_time_holds_up_nothing(tmp_path: Path, asked_s_ago: float | None) -> None:
    """Even what was raised in the last moment."""
    sink = FakeSink()
    await ended(tmp_path, sink, asked_s_ago=asked_s_ago)

    assert sink.purposes == ["alert"]


async def test_without_settings_nothing_is_looked_at(tmp_path: Path) -> None:
    """As most bots start; the next start knows what was left open."""
    assert check_alerting(job(tmp_path)) is None
    assert left_open(None, "link") is None
    await ended(tmp_path, FakeSink(), asked_s_ago=None)
    found = check_alerting(job(tmp_path))
    left = left_open(found, "link")

    assert left is not None
    assert left.kind == "gave_up"
    assert left_open(found, "health") is None
