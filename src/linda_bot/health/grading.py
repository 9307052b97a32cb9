"""The grade of a bot: what the rules make of each sample, so that it neither flaps nor comes too late; pure."""

from typing import NamedTuple

from linda_bot.health.grades import Grade
from linda_bot.health.rule import HEALTH, LINK, Limits, Look, Rule
from linda_bot.health.rules import RULES
from linda_bot.health.samples import Period, Readings, Reason
from linda_bot.health.states import CONNECTED
from linda_bot.health.trends import Floor, Growth, LastHour

_GRADES = tuple(Grade)
_BAD_IN_A_ROW = 2
_GOOD_IN_A_ROW = 2


class Verdict(NamedTuple):
    """What is made of a sample."""

    grade: Grade = Grade.HEALTHY
    """The worse one of the two."""
    link: Grade = Grade.HEALTHY
    health: Grade = Grade.HEALTHY
    """Of everything but the link."""
    reasons: tuple[Reason, ...] = ()
    """The gravest first."""


class Grader:
    """Grades one sample after the other."""

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 (frozen)
        self._limits = limits
        self._levels = [_Level(rule) for rule in RULES]
        self._topics = {topic: _Topic() for topic in (LINK, HEALTH)}
        self._hour = LastHour()
        self._growth = Growth(limits.memory_mb)
        self._inbox, self._outbox = Floor(), Floor()
        self._lost = 0

    def take(self, state: str, period: Period, readings: Readings, now: float) -> Verdict:
        """Grade a sample that was taken now, in seconds of a clock that only goes forward."""
        look = self._look(state, period, readings, now)
        reasons = [reason for level in self._levels if (reason := level.take(look)) is not None]
        for topic, smoothed in self._topics.items():
            smoothed.take([reason for reason in reasons if reason.topic == topic])
        link, health = self._topics[LINK], self._topics[HEALTH]
        shown = sorted((*link.reasons, *health.reasons), key=lambda reason: -reason.grade.gravity)
        worse = max(link.grade, health.grade, key=lambda grade: grade.gravity)
        return Verdict(worse, link.grade, health.grade, tuple(shown))

    def _look(self, state: str, period: Period, readings: Readings, now: float) -> Look:
        lost = readings.lines_lost
        new_lost = 0 if lost is None else max(lost - self._lost, 0)
        self._lost = self._lost if lost is None else lost
        works = not readings.paused
        sends = works and state == CONNECTED
        return Look(
            state=state,
            readings=readings,
            limits=self._limits,
            recent=self._hour.add(period, now),
            inbox_floor=self._inbox.add(readings.inbox_waiting if works else None),
            outbox_floor=self._outbox.add(readings.outbox_pending if sends else None),
            lines_lost=new_lost,
            full_in_h=self._growth.add(readings.memory_mb, now),
        )


class _Level:
    """How far one rule has gone: 0 for nothing wrong, 1 for degraded, 2 for unhealthy."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._now = 0
        self._bad = 0

    def take(self, look: Look) -> Reason | None:
        value = self._rule.value(look)  # one that is no number reaches nothing
        reached = max((level for level in (1, 2) if value >= self._rule.enter[level - 1]), default=0)
        held = max((level for level in range(1, self._now + 1) if value >= self._rule.leave[level - 1]), default=0)
        self._bad = self._bad + 1 if reached > held else 0
        is_noise = self._rule.patient and self._bad < _BAD_IN_A_ROW
        self._now = held if is_noise else max(reached, held)
        if self._now == 0:
            return None
        rule, grade = self._rule, _GRADES[self._now]
        return Reason(word=rule.word, topic=rule.topic, grade=grade, text=rule.text(look))


class _Topic:
    """The grade of one topic: worse at once, better only after two good samples in a row."""

    def __init__(self) -> None:
        self.grade = Grade.HEALTHY
        self.reasons: tuple[Reason, ...] = ()
        self._better: list[tuple[Grade, tuple[Reason, ...]]] = []

    def take(self, reasons: list[Reason]) -> None:
        found = max((reason.grade for reason in reasons), default=Grade.HEALTHY, key=lambda grade: grade.gravity)
        shown = tuple(reasons)
        if found.gravity < self.grade.gravity:
            self._better.append((found, shown))
            if len(self._better) < _GOOD_IN_A_ROW:
                return  # what was wrong is told until it is sure that it is over
            found, shown = max(self._better, key=lambda better: better[0].gravity)
        self._better.clear()
        self.grade, self.reasons = found, shown
