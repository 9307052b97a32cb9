"""The watch over the bot's health, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from linda_bot.health.alarm import HealthAlarm
from linda_bot.health.counters import Counters
from linda_bot.health.events import HealthChanged, HealthChecked
from linda_bot.health.grades import Grade
from linda_bot.health.grading import Grader
from linda_bot.health.loop_lag import LoopLag
from linda_bot.health.monitor import HealthMonitor
from linda_bot.health.probe import Probe
from linda_bot.health.samples import Readings, Sample, Why
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event, Severity

pytestmark = pytest.mark.looptime

BEGINNING = datetime(2026, 2, 7, tzinfo=UTC)
EVERY_S = 300.0
FINE = Readings(inbox_waiting=0, inbox_aside=0, disk_free_bytes=10**11, guard_active=True, backups=1)


def loop_now() -> float:
    """Return the virtual time."""
    return asyncio.get_running_loop().time()


class World:
    """A monitor, a bot that is only told of, and what came of it."""

    def __init__(self, *, left_open: tuple[str, float] | None = None) -> None:
        self.bus = EventBus()
        self.readings = FINE
        self.error: Exception | None = None
        self.hangs = False
        self.asked = 0
        self.samples: list[tuple[float, Sample]] = []
        self.events: list[Event] = []
        self.alerted_at: list[float] = []
        self.counters = Counters()
        self.probe = Probe({"the bot": self._read, "another": self._another})
        self.monitor = HealthMonitor(
            EVERY_S,
            self.probe,
            self.counters,
            Grader(),
            self.bus,
            alarm=HealthAlarm(self._alarm, left_open=left_open),
            keep=lambda sample: self.samples.append((loop_now(), sample)),
            state="starting",
            lag=LoopLag(),
            now=lambda: BEGINNING + timedelta(seconds=loop_now()),
        )

    def _alarm(self, event: Event) -> None:
        self.alerted_at.append(round(loop_now()))
        self.bus.publish(event)

    async def _read(self) -> Readings:
        self.asked += 1
        if self.error is not None:
            raise self.error
        if self.hangs:
            await asyncio.Event().wait()
        return self.readings

    async def _another(self) -> Readings:
        return Readings(open_files=12)

    @property
    def times(self) -> list[float]:
        """When the samples were taken, to the second."""
        return [round(at) for at, _ in self.samples]

    @property
    def last(self) -> Sample:
        """The last sample."""
        return self.samples[-1][1]

    def told(self, kind: type[Event]) -> list[Event]:
        """Return what was told of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        """Run the monitor."""
        with self.bus.subscribe(Event, name="test", depth=100_000) as news:
            task = asyncio.create_task(self.monitor.run())
            await asyncio.sleep(0.01)
            try:
                yield self
            finally:
                assert not task.done(), "the monitor has ended"
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                await self.probe.close()
                self.events += news.pending()

    async def live(self, *course: tuple[str, float]) -> None:
        """Let the link go through states, each for so many seconds."""
        for state, seconds in course:
            self.monitor.link_changed(state)
            await asyncio.sleep(seconds)


async def test_a_quiet_day() -> None:
    """A sample at the start, at the login and every five minutes; nothing is told but that."""
    async with World().running() as world:
        await world.live(("restoring", 0.3), ("connected", 86400))

    assert world.times[:4] == [0, 5, 300, 600]
    assert [sample.why for _, sample in world.samples[:3]] == [Why.START, Why.STATE, Why.PERIODIC]
    assert len(world.samples) == 290
    assert {sample.grade for _, sample in world.samples} == {Grade.HEALTHY}
    assert not world.told(HealthChanged)
    assert not world.told(AlertRaised)
    whole = sum(sample.period.span_s for _, sample in world.samples)
    assert whole == pytest.approx(86400, abs=5)
    assert sum(sample.period.starts for _, sample in world.samples) == 1


async def test_a_link_that_flaps_is_told_of_every_five_seconds() -> None:
    """And no second of it is missing, nor is what it is like at the end."""
    async with World().running() as world:
        for _ in range(500):
            await world.live(("connected", 0.7), ("transient_disconnect", 0.7))
        await world.live(("connected", 10))

    gaps = [after - before for (before, _), (after, _) in zip(world.samples, world.samples[1:], strict=False)]
    assert min(gaps) > 0
    assert sum(gap < 4.99 for gap in gaps) <= 4  # those every five minutes have their time
    assert world.last.state == "connected"
    periods = [sample.period for _, sample in world.samples]
    assert sum(period.states.get("transient_disconnect", 0.0) for period in periods) == pytest.approx(350, abs=0.1)
    assert sum(period.outages for period in periods) == 0


async def test_an_outage_is_looked_at_when_it_matters() -> None:
    """As it begins, when it is a fault, when it is a grave one, when it is over; and then measured."""
    async with World().running() as world:
        await world.live(("connected", 60), ("reconnecting", 200), ("connected", 400))

    assert world.times == [0, 5, 60, 75, 240, 260, 300, 600]
    assert [sample.grade for _, sample in world.samples[2:]] == [
        Grade.HEALTHY, Grade.DEGRADED, Grade.UNHEALTHY, Grade.UNHEALTHY, Grade.HEALTHY, Grade.HEALTHY,
    ]  # fmt: skip
    changes = [(event.old, event.new) for event in world.told(HealthChanged) if isinstance(event, HealthChanged)]
    assert changes == [("healthy", "degraded"), ("degraded", "unhealthy"), ("unhealthy", "healthy")]
    assert [event.weight for event in world.told(HealthChanged)] == [Severity.WARNING, Severity.WARNING, Severity.INFO]
    assert not world.told(AlertRaised), "the link's incidents are told of where the link is"
    outage = next(sample.period for _, sample in world.samples if sample.period.outages)
    assert outage.outage_s == pytest.approx(200, abs=0.1)


async def test_a_grave_matter_is_one_alert_and_one_notice() -> None:
    """At once, once, and over when it was well twice."""
    async with World().running() as world:
        await world.live(("connected", 400))
        world.readings = FINE_BUT_FULL
        await asyncio.sleep(4 * EVERY_S)
        world.readings = FINE
        await asyncio.sleep(3 * EVERY_S)

    (raised,), (cleared,) = world.told(AlertRaised), world.told(AlertCleared)
    assert isinstance(raised, AlertRaised)
    assert isinstance(cleared, AlertCleared)
    assert (raised.topic, raised.kind, cleared.topic, cleared.kind) == ("health", "disk", "health", "disk")
    assert "MB left" in raised.because
    assert cleared.after_s == pytest.approx(5 * EVERY_S)


FINE_BUT_FULL = Readings(disk_free_bytes=10**7)


async def test_what_is_only_degraded_is_told_after_three_samples() -> None:
    """Changes of the link in between do not count; what gets graver is told again."""
    async with World().running() as world:
        await world.live(("connected", 310))
        world.readings = Readings(inbox_aside=1)
        for _ in range(20):
            await world.live(("transient_disconnect", 6), ("connected", 6))
        assert len(world.samples) > 30
        await asyncio.sleep(600)
        await asyncio.sleep(EVERY_S)
        world.readings = Readings(inbox_aside=1, disk_free_bytes=10**7)
        await asyncio.sleep(2 * EVERY_S)

    kinds = [event.kind for event in world.told(AlertRaised) if isinstance(event, AlertRaised)]
    assert kinds == ["set_aside", "disk"]
    assert world.alerted_at == [1200, 1500]


async def test_an_incident_from_before_a_restart_is_not_told_again() -> None:
    """It is still the same one, and over when it was well for three samples."""
    async with World(left_open=("disk", -1000.0)).running() as world:
        await world.live(("connected", EVERY_S + 10))
        world.readings = FINE_BUT_FULL
        await asyncio.sleep(3 * EVERY_S)
        world.readings = FINE
        await asyncio.sleep(5 * EVERY_S)

    assert not world.told(AlertRaised)
    (cleared,) = world.told(AlertCleared)
    assert isinstance(cleared, AlertCleared)
    assert cleared.after_s > 1000


async def test_an_incident_from_before_that_is_over_is_told_to_be() -> None:
    """Not by the first sample, which knows little yet."""
    async with World(left_open=("memory", -60.0)).running() as world:
        await world.live(("connected", 2 * EVERY_S + 10))
        assert not world.monitor.sample or world.monitor.grade is Grade.HEALTHY
        open_so_far = len(world.samples)
        await asyncio.sleep(2 * EVERY_S)

    assert open_so_far >= 3
    assert len(world.told(AlertCleared)) == 1


async def test_a_reading_that_fails_costs_only_itself() -> None:
    """It is unknown, the others are not, and the watch goes on."""
    world = World()
    world.error = OSError("the disk is gone")
    async with world.running():
        await world.live(("connected", 2 * EVERY_S + 10))
        assert world.last.readings.inbox_waiting is None
        assert world.last.readings.open_files == 12
        world.error = None
        await asyncio.sleep(EVERY_S)

    assert world.last.readings.inbox_waiting == 0


async def test_a_reading_that_hangs_is_not_asked_again() -> None:
    """The sample comes a few seconds late, no second one is stuck behind the first, and it ends with the monitor."""
    world = World()
    world.hangs = True
    async with world.running():
        await world.live(("connected", 5 * EVERY_S))

    assert world.asked == 1
    assert len(world.samples) >= 5
    assert world.last.readings.open_files == 12


async def test_a_bug_in_the_watch_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the log, and the next sample is taken."""
    async with World().running() as world:
        await world.live(("connected", 10))
        monkeypatch.setattr(world.monitor, "_keep", None)
        await asyncio.sleep(2 * EVERY_S)
        count = len(world.samples)
        monkeypatch.setattr(world.monitor, "_keep", lambda sample: world.samples.append((loop_now(), sample)))
        await asyncio.sleep(EVERY_S)

    assert len(world.samples) > count


async def test_what_happens_is_in_exactly_one_period() -> None:
    """Between samples, at samples, at the end."""
    async with World().running() as world:
        await world.live(("connected", 100))
        for _ in range(500):
            world.counters.message_received(loop_now())
            world.counters.handler_failed()
            await asyncio.sleep(1.7)
        world.counters.message_sent(loop_now(), 0.1)
        noted = world.monitor.unfinished()
        world.monitor.end()

    periods = [sample.period for _, sample in world.samples]
    assert sum(period.received for period in periods) == 500
    assert sum(period.handler_errors for period in periods) == 500
    assert noted is not None
    assert (noted.period.sent, noted.why) == (1, Why.INTERRUPTED)
    assert (world.last.period.sent, world.last.why) == (1, Why.STOP)
    assert noted.began == world.last.began == world.samples[-2][1].at


async def test_the_last_sample_is_the_last() -> None:
    """Also when one is just being taken whose readings do not come before the end."""
    world = World()
    async with world.running():
        await world.live(("connected", EVERY_S - 1))
        world.hangs = True
        await asyncio.sleep(2)
        world.monitor.end()
        await world.probe.close()
        await asyncio.sleep(10)

    assert [sample.why for _, sample in world.samples[-2:]] == [Why.STATE, Why.STOP]


async def test_each_look_is_an_event_with_the_main_figures() -> None:
    """For whoever follows the log; quietly."""
    async with World().running() as world:
        await world.live(("connected", EVERY_S + 5))

    checked = world.told(HealthChecked)
    assert len(checked) == len(world.samples)
    last = checked[-1]
    assert isinstance(last, HealthChecked)
    assert (last.grade, last.state, last.up_share, last.inbox) == ("healthy", "connected", 1.0, 0)
    assert last.weight is Severity.DEBUG


async def test_fresh_readings_are_not_taken_for_everybody_who_asks() -> None:
    """Scrapes in a row share one look."""
    async with World().running() as world:
        await world.live(("connected", 100))
        before = world.asked
        for _ in range(20):
            await world.monitor.readings()
        await asyncio.sleep(20)
        await world.monitor.readings()

    assert world.asked == before + 2
