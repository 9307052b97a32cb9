"""The watch over the bot's health: samples at fixed times and at each change of the link, each graded and kept."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

import msgspec

from linda_bot.health.alarm import HealthAlarm
from linda_bot.health.counters import Counters
from linda_bot.health.events import HealthChanged, HealthChecked
from linda_bot.health.grades import Grade
from linda_bot.health.grading import Grader, Verdict
from linda_bot.health.loop_lag import LoopLag
from linda_bot.health.meter import LinkMeter
from linda_bot.health.probe import Probe
from linda_bot.health.rules import GRACE_S, LASTING_S
from linda_bot.health.samples import Period, Readings, Sample, Why
from linda_bot.health.states import CONNECTED
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import utc_now

_STATE_AT_MOST_EVERY_S = 5.0
_A_BIT_LATER_S = 0.1
_FRESH_FOR_S = 10.0

_log = logging.getLogger("linda_bot.health")


class HealthMonitor:
    """Looks at the bot from time to time; nothing that goes wrong in it ends it."""

    def __init__(
        self,
        every_s: float,
        probe: Probe,
        counters: Counters,
        grader: Grader,
        bus: EventBus,
        *,
        alarm: HealthAlarm,
        keep: Callable[[Sample], None],
        state: str,
        lag: LoopLag,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Take how often to look, with what, who keeps the samples, and where the link is."""
        loop_now = asyncio.get_running_loop().time()
        self.counters = counters
        self.sample: Sample | None = None
        """The last one; None before the first."""
        self.meter = LinkMeter(state, loop_now)
        self.lag = lag
        self._every_s = every_s
        self._probe = probe
        self._grader = grader
        self._bus = bus
        self._keep = keep
        self._now = now
        self._alarm = alarm
        self._verdict = Verdict()
        self._totals = Period()
        self._began = now()
        self._sampled_at = loop_now
        self._readings = Readings()
        self._read_at = loop_now
        self._moved = asyncio.Event()
        self._has_ended = False
        self._looks: list[float] = []
        """When the link is to be looked at again, because it has been down for long enough to matter."""
        self._expect_looks(loop_now)

    @property
    def grade(self) -> Grade:
        """How the bot is, as of the last sample."""
        return self._verdict.grade

    def link_changed(self, state: str) -> None:
        """Take note of the link's new state; a sample follows."""
        loop_now = asyncio.get_running_loop().time()
        was_up = self.meter.state == CONNECTED
        self.meter.move(state, loop_now)
        if state == CONNECTED:
            self._looks.clear()
        elif was_up:
            self._expect_looks(loop_now)
        self._moved.set()

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        await self._sample(Why.START)
        periodic_at = loop.time() + self._every_s
        while True:
            due = min(periodic_at, self._state_due())
            try:
                async with asyncio.timeout(max(due - loop.time(), 0)):
                    await self._change_to_come()
            except TimeoutError:
                pass
            if loop.time() >= periodic_at:
                await self._sample(Why.PERIODIC)
                periodic_at += self._every_s * max((loop.time() - periodic_at) // self._every_s + 1, 1)
            elif loop.time() >= self._state_due():
                await self._sample(Why.STATE)

    async def readings(self) -> Readings:
        """Return readings that are at most a few seconds old."""
        if asyncio.get_running_loop().time() - self._read_at > _FRESH_FOR_S or self.sample is None:
            await self._read()
        return self._complete(self.lag.look_ms())

    def unfinished(self) -> Sample | None:
        """Return what has happened since the last sample, with the readings of that; None before the first."""
        if self.sample is None:
            return None
        return self._make(Why.INTERRUPTED, self.meter.look(asyncio.get_running_loop().time()))

    def end(self) -> None:
        """Take the last sample, without asking anybody; one that is being taken just now does not follow it."""
        self._has_ended = True
        try:
            self._note(Why.STOP)
        except Exception:  # noqa: BLE001 (the end of the bot goes on)
            _log.exception("the last health sample could not be taken")

    async def _change_to_come(self) -> None:
        """Wait for a change that is not told of yet; one that came just after a sample waits for its time."""
        if self._moved.is_set():
            await asyncio.Event().wait()
        await self._moved.wait()

    def _state_due(self) -> float:
        """Return when the next sample is due because of the link."""
        allowed_at = self._sampled_at + _STATE_AT_MOST_EVERY_S
        if self._moved.is_set():
            return allowed_at
        return max(self._looks[0], allowed_at) if self._looks else float("inf")

    def _expect_looks(self, now: float) -> None:
        self._looks = [now + after_s + _A_BIT_LATER_S for after_s in (GRACE_S, LASTING_S)]

    async def _sample(self, why: Why) -> None:
        try:
            await self._read()
            if not self._has_ended:
                self._note(why)
        except Exception:  # noqa: BLE001 (a bug of ours must not end the watch, nor the bot)
            _log.exception("a health sample could not be taken")
        finally:
            # Whatever came of it, the next one has its time.
            self._sampled_at = now = asyncio.get_running_loop().time()
            self._looks = [due for due in self._looks if due > now]

    async def _read(self) -> None:
        self._readings = await self._probe.take()
        self._read_at = asyncio.get_running_loop().time()

    def _note(self, why: Why) -> None:
        """Make a sample of what is known now, grade it and tell."""
        loop_now = asyncio.get_running_loop().time()
        self._moved.clear()  # what changes from here on is in the next one
        readings = self._complete(self.lag.take_ms())
        sample = self._make(why, self.meter.take(loop_now), readings)
        self._totals, self._began = self.counters.totals(), sample.at
        before = self._verdict
        self._verdict = verdict = self._grader.take(sample.state, sample.period, readings, loop_now)
        sample = msgspec.structs.replace(sample, grade=verdict.grade, reasons=verdict.reasons)
        reasons_before, self.sample = self.sample.reasons if self.sample else (), sample
        self._keep(sample)
        self._bus.publish(_checked(sample))
        if verdict.grade is not before.grade:
            told = verdict.reasons if verdict.grade.gravity > before.grade.gravity else reasons_before
            because = "; ".join(reason.text for reason in told)
            self._bus.publish(HealthChanged(old=before.grade, new=verdict.grade, because=because))
        if why is not Why.STOP:
            self._alarm.take(verdict, loop_now, is_periodic=why is Why.PERIODIC)

    def _make(self, why: Why, course: Period, readings: Readings | None = None) -> Sample:
        at = self._now()
        totals = self.counters.totals()
        happened = {
            name: max(getattr(totals, name) - getattr(self._totals, name), 0)
            for name in Period.__struct_fields__
            if name not in _MEASURED
        }
        return Sample(
            at=at,
            began=min(self._began, at),
            why=why,
            state=self.meter.state,
            grade=self._verdict.grade,
            reasons=self._verdict.reasons,
            period=msgspec.structs.replace(course, starts=int(why is Why.START), **happened),
            readings=readings or self._complete(self.lag.look_ms()),
        )

    def _complete(self, lag_ms: float) -> Readings:
        """Return the last readings, with those that are known without asking."""
        now, counters = asyncio.get_running_loop().time(), self.counters
        idle_s = None if counters.last_activity_at is None else now - counters.last_activity_at
        age_s = self.meter.up_for(now)
        return msgspec.structs.replace(
            self._readings,
            session_age_s=None if age_s is None else round(age_s, 1),
            down_for_s=round(self.meter.down_for(now), 1),
            idle_s=None if idle_s is None else round(idle_s, 1),
            attempts=counters.attempts,
            round_trip_ms=counters.round_trip_ms,
            loop_lag_ms=lag_ms,
        )


_MEASURED = frozenset({"starts", "states", "outages", "outage_s", "longest_outage_s"})
"""What of a period the counters do not know."""


def _checked(sample: Sample) -> HealthChecked:
    readings, period = sample.readings, sample.period
    return HealthChecked(
        grade=sample.grade,
        reasons=tuple(reason.word for reason in sample.reasons),
        state=sample.state,
        up_share=round(period.up_s / period.span_s, 4) if period.span_s else 0.0,
        memory_mb=readings.memory_mb,
        round_trip_ms=readings.round_trip_ms,
        loop_lag_ms=readings.loop_lag_ms,
        inbox=readings.inbox_waiting,
        outbox=readings.outbox_pending,
    )
