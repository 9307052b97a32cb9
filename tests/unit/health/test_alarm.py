"""When a person is told of the bot's health: rules, verdict by verdict."""

from linda_bot.health.alarm import HealthAlarm
from linda_bot.health.grades import Grade
from linda_bot.health.grading import Verdict
from linda_bot.health.rule import HEALTH, LINK
from linda_bot.health.rules import advice_for
from linda_bot.health.samples import Reason
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.events import Event

WELL = Verdict()


def wrong(grade: Grade, *words: str, link: Grade = Grade.HEALTHY) -> Verdict:
    """Return a verdict with these reasons, the gravest first."""
    reasons = tuple(Reason(word=word, topic=HEALTH, grade=grade, text=f"{word} it is") for word in words)
    return Verdict(grade, link, grade, reasons)


DEGRADED, UNHEALTHY = wrong(Grade.DEGRADED, "phone"), wrong(Grade.UNHEALTHY, "disk")


class Told:
    """An alarm, a sample a minute, and what came of it."""

    def __init__(self, left_open: tuple[str, float] | None = None) -> None:
        self.events: list[Event] = []
        self.alarm = HealthAlarm(self.events.append, left_open=left_open)
        self.now = 0.0

    def take(self, *verdicts: Verdict, is_periodic: bool = True) -> list[str]:
        """Take verdicts; return what each led to."""
        found = []
        for verdict in verdicts:
            self.now += 60
            before = len(self.events)
            self.alarm.take(verdict, self.now, is_periodic=is_periodic)
            found.append(" ".join(type(event).__name__.removeprefix("Alert").lower() for event in self.events[before:]))
        return found


def test_what_is_grave_is_told_at_once_and_once() -> None:
    """Also by a sample that the link's change has caused; over, at the first one that is well."""
    assert Told().take(UNHEALTHY, UNHEALTHY, WELL, WELL) == ["raised", "", "cleared", ""]
    assert Told().take(UNHEALTHY, WELL, is_periodic=False) == ["raised", "cleared"]


def test_what_is_only_degraded_is_told_after_three_regular_samples() -> None:
    """In a row; others do not count."""
    assert Told().take(*[DEGRADED] * 5) == ["", "", "raised", "", ""]
    assert Told().take(DEGRADED, DEGRADED, WELL, DEGRADED, DEGRADED, DEGRADED) == ["", "", "", "", "", "raised"]
    assert Told().take(*[DEGRADED] * 9, is_periodic=False) == [""] * 9


def test_what_gets_graver_is_told_again_and_what_gets_better_is_not() -> None:
    """An incident has one end."""
    told = Told()

    assert told.take(*[DEGRADED] * 3, UNHEALTHY, *[DEGRADED] * 4, UNHEALTHY, WELL) == [
        "", "", "raised", "raised", "", "", "", "", "", "cleared",
    ]  # fmt: skip
    assert isinstance(told.events[-1], AlertCleared)
    assert (told.events[-1].kind, told.events[-1].after_s) == ("disk", 7 * 60)


def test_after_an_incident_all_begins_anew() -> None:
    """The next one has its own beginning."""
    told = Told()
    told.take(UNHEALTHY, WELL)

    assert told.take(UNHEALTHY, UNHEALTHY, WELL) == ["raised", "", "cleared"]
    assert [event.after_s for event in told.events if isinstance(event, AlertCleared)] == [60, 120]


def test_an_alert_tells_all_reasons_but_the_links() -> None:
    """Its kind and its advice are those of the gravest."""
    told = Told()
    verdict = wrong(Grade.UNHEALTHY, "disk", "phone", link=Grade.UNHEALTHY)
    of_link = Reason(word="banned", topic=LINK, grade=Grade.UNHEALTHY, text="banned it is")
    told.take(verdict._replace(reasons=(of_link, *verdict.reasons)))

    (raised,) = told.events
    assert isinstance(raised, AlertRaised)
    assert (raised.topic, raised.kind, raised.because) == (HEALTH, "disk", "disk it is; phone it is")
    assert raised.advice == advice_for("disk")


def test_a_link_that_is_down_is_no_matter_of_health() -> None:
    """Its incidents are told of where the link is; a verdict without a reason is none either."""
    assert Told().take(*[Verdict(Grade.UNHEALTHY, link=Grade.UNHEALTHY)] * 3) == ["", "", ""]
    assert Told().take(*[Verdict(Grade.UNHEALTHY, health=Grade.UNHEALTHY)] * 3) == ["", "", ""]


def test_an_incident_from_before_a_restart_needs_three_regular_samples_that_are_well() -> None:
    """The first ones know little; it is not raised again, and it began when it began."""
    told = Told(left_open=("disk", -1000.04))

    assert told.take(UNHEALTHY, DEGRADED, WELL) == ["", "", ""]
    assert told.take(WELL, WELL, is_periodic=False) == ["", ""]
    assert told.take(WELL, WELL, WELL) == ["", "cleared", ""]
    (cleared,) = told.events
    assert isinstance(cleared, AlertCleared)
    assert (cleared.topic, cleared.kind, cleared.after_s) == (HEALTH, "disk", 1420.0)


def test_how_long_it_lasted_is_told_to_a_tenth_of_a_second() -> None:
    """More figures would only be noise."""
    told = Told(left_open=("disk", -1000.26))
    told.take(WELL, WELL, WELL)

    assert [event.after_s for event in told.events if isinstance(event, AlertCleared)] == [1180.3]
