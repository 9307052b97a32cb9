"""The watch over the bot's health, put together: what is looked at, what is counted, where it is kept."""

import asyncio
import importlib
import platform
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from linda_bot import __version__
from linda_bot.app.companions import beside
from linda_bot.app.health import News, Surroundings
from linda_bot.app.health_news import HealthNews
from linda_bot.app.health_readings import readers
from linda_bot.connection.incidents import LeftOpen
from linda_bot.health.alarm import HealthAlarm
from linda_bot.health.counters import Counters
from linda_bot.health.grading import Grader
from linda_bot.health.history import HealthHistory
from linda_bot.health.loop_lag import LoopLag
from linda_bot.health.monitor import HealthMonitor
from linda_bot.health.probe import Probe
from linda_bot.health.recorder import HealthRecorder
from linda_bot.health.rule import Limits
from linda_bot.health.samples import Readings, Sample
from linda_bot.health.states import STARTING
from linda_bot.kernel.bus import EventBus, listen
from linda_bot.kernel.events import utc_now

if TYPE_CHECKING:  # most bots are never asked for it
    from linda_bot.health.metrics import Facts

_LAST_SAMPLE_WITHIN_S = 0.4
"""How long the end may wait for the disk to take the last sample."""
_READINGS_WITHIN_S = 6.0


class Watch:
    """What is known of the health, for who asks."""

    def __init__(self, monitor: HealthMonitor, news: HealthNews, task: asyncio.Task[None]) -> None:
        self.monitor = monitor
        self.task = task
        self._news = news
        self._loop = asyncio.get_running_loop()
        self._started_at = time.time()

    def metrics(self) -> bytes:
        """Return all figures in Prometheus's text format; see `HealthRoom.metrics`."""
        readings = None if _is_in_a_loop() else self._fresh_readings()
        # At the first scrape, and in its thread: most bots are never asked, and it is as heavy as all of the rest.
        from linda_bot.health.metrics import metrics_text

        return metrics_text(self._facts(readings))

    async def facts(self) -> "Facts":
        """Return what the metrics are made of, read anew; in the event loop."""
        await asyncio.to_thread(importlib.import_module, "linda_bot.health.metrics")
        try:
            async with asyncio.timeout(_READINGS_WITHIN_S):
                return self._facts(await self.monitor.readings())
        except TimeoutError:
            return self._facts(None)

    def _facts(self, readings: Readings | None) -> "Facts":
        """Return them with such readings, or else those of the last look."""
        from linda_bot.health.metrics import Facts

        monitor = self.monitor
        if readings is None:
            readings = monitor.sample.readings if monitor.sample else Readings()
        build = {"version": __version__, "python": platform.python_version(), "neonize": self._news.library_version}
        return Facts(
            counters=monitor.counters,
            readings=readings,
            state=monitor.meter.state,
            state_seconds=dict(monitor.meter.states),
            grade=monitor.grade,
            build=build,
            started_at=self._started_at,
            now=time.time(),
        )

    def _fresh_readings(self) -> Readings | None:
        asked = asyncio.run_coroutine_threadsafe(self.monitor.readings(), self._loop)
        try:
            return asked.result(_READINGS_WITHIN_S)
        except TimeoutError:
            asked.cancel()
            return None


@asynccontextmanager
async def watch(around: Surroundings, bus: EventBus, news: News) -> AsyncIterator[Watch]:
    """Watch until the end of the block, and take a last sample then."""
    settings, counters, lag = around.job.settings, Counters(), LoopLag()
    limits = Limits(memory_mb=settings.health.memory_mb, backup_every_s=settings.backup.every)
    follower = HealthNews(counters)
    probe = Probe(readers(around, follower, bus))

    def keep(sample: Sample) -> None:
        recorder.add(sample)

    monitor = HealthMonitor(
        settings.health.every,
        probe,
        counters,
        Grader(limits),
        bus,
        alarm=_alarm(bus, around.left_open),
        keep=keep,
        state=STARTING,
        lag=lag,
    )
    follower.follow(monitor.link_changed)
    recorder = HealthRecorder(HealthHistory(around.job.paths), monitor.unfinished, bus)
    follower.catch_up(news)  # with what has happened while this was being loaded
    async with (
        recorder.writing(finish_within_s=_LAST_SAMPLE_WITHIN_S),
        beside("health news of the link", listen(news.link, follower.take)),
        beside("health news", listen(news.rest, follower.take_rest)),
        beside("event loop lag", lag.run()),
        beside("health", monitor.run()) as task,
    ):
        try:
            yield Watch(monitor, follower, task)
        finally:
            follower.catch_up(news)
            monitor.end()
            await probe.close()


def _alarm(bus: EventBus, left_open: LeftOpen | None) -> HealthAlarm:
    if left_open is None:
        return HealthAlarm(bus.publish)
    lasted_s = max((utc_now() - left_open.began_at).total_seconds(), 0.0)
    began_at = asyncio.get_running_loop().time() - lasted_s
    return HealthAlarm(bus.publish, left_open=(left_open.kind, began_at))


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
