"""What is told when: whatever happens, a person gets one alert an incident, and one notice when it is over."""

import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.health.alerting.incident import Now, Trouble, carried_over
from linda_bot.health.alerting.policy import (
    GRAVE,
    Due,
    Incidents,
    Purpose,
    cleared,
    next_due,
    next_in_s,
    open_incident,
    raised,
)

START = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
REMIND = (100.0, 1000.0)
LETTERS = {
    Purpose.ALERT: "a",
    Purpose.ESCALATION: "e",
    Purpose.REMINDER: "m",
    Purpose.RECOVERY: "r",
    Purpose.MISSED: "x",
}
WHOLE_STORY = re.compile(r"(a[em]*r|x)*(a[em]*)?")


class Step(NamedTuple):
    """Something that happens."""

    what: str
    topic: str = "link"
    kind: str = "down"
    seconds: float = 0.0


class Person:
    """Somebody who is told, by the policy."""

    def __init__(self, remind: tuple[float, ...] = REMIND) -> None:
        self.incidents: Incidents = ()
        self.quiet = False
        self.heard: list[tuple[float, bool, Due]] = []
        self.log: list[Due] = []
        self._remind = remind
        self._s = 0.0
        self._count = 0

    @property
    def now(self) -> Now:
        """Return the moment."""
        return Now(START + timedelta(seconds=self._s), self._s)

    def take(self, step: Step) -> None:
        """Live through a step, and be told."""
        match step.what:
            case "raise":
                self._count += 1
                trouble = Trouble(step.kind, "because", "advice", self.now.wall)
                self.incidents = raised(self.incidents, step.topic, trouble, self.now, f"{self._count}")
            case "clear":
                self.incidents = cleared(self.incidents, step.topic, 5.0, self.now)
            case "wait":
                self._s += step.seconds
            case "night":
                self.quiet = True
            case "restart":
                self.incidents = tuple(carried_over(each, self.now) for each in self.incidents)
            case _:
                self.quiet = False
        self.be_told()

    def be_told(self) -> None:
        """Hear all that is due; there must be an end of it."""
        for _ in range(100):
            due = next_due(self.incidents, self.now, self._remind, quiet=self.quiet)
            if due is None:
                return
            self.incidents = due.rest
            if due.to_log:
                self.log.append(due)
            if due.to_person:
                self.heard.append((self._s, self.quiet, due))
        raise AssertionError("it never ends")

    def story(self, topic: str = "link") -> str:
        """Return what was told of a topic, a letter each."""
        return "".join(LETTERS[due.purpose] for _, _, due in self.heard if due.incident.topic == topic)


KINDS = ["down", "session_damaged", "banned", "logged_out", "gave_up", "degraded"]
STEPS = st.lists(
    st.one_of(
        st.builds(
            Step, st.sampled_from(["raise", "clear"]), st.sampled_from(["link", "health"]), st.sampled_from(KINDS)
        ),
        st.builds(Step, st.just("wait"), seconds=st.sampled_from([0.0, 1.0, 99.0, 101.0, 5000.0])),
        st.builds(Step, st.sampled_from(["night", "day", "restart"])),
    ),
    max_size=40,
)


def lived(*steps: Step, remind: tuple[float, ...] = REMIND) -> Person:
    """Return a person who has lived through it."""
    person = Person(remind)
    for step in steps:
        person.take(step)
    return person


@given(STEPS)
def test_notices_alternate(steps: list[Step]) -> None:
    """Of each topic: an alert, what belongs to it, one recovery; or one notice of what was missed."""
    person = lived(*steps)

    for topic in ("link", "health"):
        assert WHOLE_STORY.fullmatch(person.story(topic)), person.story(topic)


@given(STEPS)
def test_an_incident_is_one_alert_and_one_recovery(steps: list[Step]) -> None:
    """By its id, over nights and restarts."""
    person = lived(*steps)
    told = defaultdict(list)
    for _, _, due in person.heard:
        told[due.incident.id].append(due)

    for dues in told.values():
        purposes = [due.purpose for due in dues]
        assert purposes.count(Purpose.ALERT) + purposes.count(Purpose.MISSED) == 1
        assert purposes.count(Purpose.RECOVERY) <= 1
        assert [due.incident.told for due in dues] == list(range(1, len(dues) + 1))
        kinds = [due.incident.kind for due in dues if due.purpose in (Purpose.ALERT, Purpose.ESCALATION)]
        assert len(set(kinds)) == len(kinds)


@given(STEPS)
def test_a_morning_leaves_nothing_untold(steps: list[Step]) -> None:
    """By day, what is open has been told, and what is over is forgotten."""
    person = lived(*steps, Step("day"))

    assert all(each.over_at is None and each.told_troubles == len(each.troubles) for each in person.incidents)
    assert len(person.incidents) <= 2


@given(STEPS)
def test_only_what_is_grave_wakes_anybody(steps: list[Step]) -> None:
    """Or what had to be told before it, to keep the order."""
    person = lived(*steps)
    woken = [due for _, quiet, due in person.heard if quiet]

    for number, due in enumerate(woken):
        kinds = {trouble.kind for trouble in due.incident.troubles}
        later = [each for each in woken[number:] if each.incident.topic == due.incident.topic]
        assert kinds & GRAVE or any({t.kind for t in each.incident.troubles} & GRAVE for each in later)
        assert due.purpose is not Purpose.REMINDER


@given(STEPS)
def test_a_wait_for_the_next_reminder_is_long_enough(steps: list[Step]) -> None:
    """Nothing more is due at once, and something is due then."""
    person = lived(*steps, Step("day"))
    wait_s = next_in_s(person.incidents, person.now, REMIND)

    assert (wait_s is None) == (not person.incidents)
    if wait_s is not None:
        assert wait_s > 0
        before = len(person.heard)
        person.take(Step("wait", seconds=wait_s + 0.001))
        assert {due.purpose for _, _, due in person.heard[before:]} == {Purpose.REMINDER}


def test_reminders_come_at_the_times_of_the_list_and_then_at_the_last() -> None:
    """Each counted from the notice before it."""
    person = lived(Step("raise"), *[Step("wait", seconds=100)] * 22)

    assert [at for at, _, due in person.heard if due.purpose is Purpose.REMINDER] == [100, 1100, 2100]
    assert [due.to_person for due in person.log] == [True] * 3  # in one step, by day


def test_something_graver_begins_the_list_again() -> None:
    """Who has just been told is not reminded."""
    steps = [Step("wait", seconds=90), Step("raise", kind="gave_up"), Step("wait", seconds=90)]

    assert lived(Step("raise"), *steps).story() == "ae"
    assert lived(Step("raise"), *steps, Step("wait", seconds=10)).story() == "aem"


def test_something_graver_begins_the_list_again_after_reminders() -> None:
    """Not with the long wait at its end."""
    steps = [Step("wait", seconds=100), Step("raise", kind="gave_up"), Step("wait", seconds=100)]

    assert lived(Step("raise"), *steps).story() == "amem"


def test_what_is_known_is_not_told_again() -> None:
    """Whoever watches may have forgotten at a restart what it had raised."""
    assert lived(Step("raise"), Step("restart"), Step("raise"), Step("clear"), Step("clear")).story() == "ar"


def test_the_same_kind_for_another_reason_is_news() -> None:
    """But not without end."""
    person = Person()
    for number in range(100):
        trouble = Trouble("degraded", f"reason {number}", "advice", person.now.wall)
        person.incidents = raised(person.incidents, "health", trouble, person.now, "1")
        person.be_told()

    assert person.story("health") == "a" + "e" * 19


def test_no_reminders() -> None:
    """With an empty list."""
    person = lived(Step("raise"), Step("wait", seconds=1e6), remind=())

    assert person.story() == "a"
    assert next_in_s(person.incidents, person.now, ()) is None


def test_a_night() -> None:
    """What lasts is told in the morning, what came and went as well, once each and in order."""
    night = [Step("night"), Step("raise"), Step("clear"), Step("raise"), Step("wait", seconds=200)]
    person = lived(*night)
    assert person.heard == []
    assert len(person.log) == 1  # the log is never quiet

    person.take(Step("day"))
    assert person.story() == "xa"


def test_a_reminder_at_night_is_told_in_the_morning() -> None:
    """Once, however many the log has had; not when it is over."""
    person = lived(Step("raise"), Step("night"), *[Step("wait", seconds=600)] * 5)
    assert person.story() == "a"
    assert len(person.log) == 3

    assert lived(Step("raise"), Step("night"), Step("wait", seconds=600), Step("clear"), Step("day")).story() == "ar"
    person.take(Step("day"))
    assert person.story() == "am"
    assert len(person.log) == 3


def test_the_end_of_what_woke_somebody_is_told_at_once() -> None:
    """Who is up may go back to sleep."""
    person = lived(Step("night"), Step("raise"), Step("raise", kind="logged_out"), Step("clear"))

    assert person.story() == "ar"


def test_a_long_night_of_short_troubles_is_told_in_part() -> None:
    """The last ten; the log has all."""
    person = lived(Step("night"), *[Step("raise"), Step("clear")] * 30, Step("raise"), Step("day"))

    assert person.story() == "x" * 10 + "a"


def test_topics_do_not_mix() -> None:
    """Each has its incidents."""
    person = lived(Step("raise"), Step("raise", topic="health", kind="degraded"), Step("clear", topic="health"))

    assert person.story("health") == "ar"
    assert open_incident(person.incidents, "link") is not None
    assert open_incident(person.incidents, "health") is None


def test_the_words_for_what_is_told() -> None:
    """They are in webhooks, and in the file from before a restart."""
    assert list(Purpose) == ["alert", "escalation", "reminder", "recovery", "missed", "test"]


@pytest.mark.parametrize("kind", ["logged_out", "replaced", "gave_up", "session_lost", "banned", "outdated"])
def test_what_wakes_somebody(kind: str) -> None:
    """Nothing goes on without a person."""
    assert lived(Step("night"), Step("raise", kind=kind)).story() == "a"


@pytest.mark.parametrize("kind", ["down", "session_damaged", "degraded", "disk"])
def test_what_can_wait_until_the_morning(kind: str) -> None:
    """The bot helps itself, or it is not that urgent."""
    assert lived(Step("night"), Step("raise", kind=kind)).story() == ""


def test_what_is_grave_is_told_after_what_came_before_it() -> None:
    """An incident that has come and gone in the night is told first, as missed; of another topic nothing is."""
    person = lived(
        Step("night"), Step("raise"), Step("clear"), Step("raise", topic="health"), Step("raise", kind="logged_out")
    )

    assert (person.story(), person.story("health")) == ("xa", "")
    person.take(Step("day"))
    assert (person.story(), person.story("health")) == ("xa", "a")


def test_of_a_long_night_the_end_of_what_was_told_is_not_dropped() -> None:
    """What is dropped is what nobody has heard of."""
    person = lived(Step("raise"), Step("night"), Step("clear"), *[Step("raise"), Step("clear")] * 10, Step("day"))

    assert person.story() == "ar" + "x" * 10


def test_an_incident_has_its_times() -> None:
    """When it began, when anything was told of it, and how long it lasted, on both clocks."""
    person = lived(Step("night"), Step("wait", seconds=50), Step("raise"))
    (quiet,) = person.incidents
    assert (quiet.began_at, quiet.told_at) == (person.now.wall, person.now.wall)
    assert (quiet.began_s, quiet.told_s, quiet.open_for(person.now)) == (50, 50, 0)

    person.take(Step("wait", seconds=99))
    assert person.log == []
    person.take(Step("day"))
    (told,) = person.incidents
    assert (told.told_at, told.told_s, told.began_s) == (person.now.wall, 149, 50)
    person.take(Step("clear"))
    assert person.heard[-1][2].incident.lasted_s == 5.0
    assert person.log == []


def test_when_the_next_reminder_is_due() -> None:
    """The first of all that is open; what is over has none, and what is overdue is due now."""
    person = lived(Step("raise"), Step("wait", seconds=60), Step("raise", topic="health"), Step("wait", seconds=10))

    assert next_in_s(person.incidents, person.now, REMIND) == 30
    assert next_in_s(person.incidents, Now(START, 99.5), REMIND) == 0.5
    assert next_in_s(person.incidents, Now(START, 5000.0), REMIND) == 0
    person.take(Step("night"))
    person.take(Step("clear"))
    assert len(person.incidents) == 2
    assert next_in_s(person.incidents, person.now, REMIND) == 90
