"""Grades that neither flap nor come too late, and say in words what is wrong."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linda_bot.connection.lifecycle import LinkState
from linda_bot.health import states
from linda_bot.health.grades import Grade
from linda_bot.health.grading import Grader, Verdict
from linda_bot.health.rule import HEALTH, LINK, Limits, Look
from linda_bot.health.rules import RULES, advice_for
from linda_bot.health.samples import Period, Readings

HEALTHY, DEGRADED, UNHEALTHY = Grade
QUIET = Readings(
    session_age_s=5000,
    down_for_s=0,
    daemon_mb=60,
    engine_mb=60,
    backups=5,
    backup_age_s=3600,
    disk_free_bytes=10**11,
    inbox_waiting=0,
    inbox_aside=0,
    outbox_pending=0,
    guard_active=True,
    phone_seen_s=3600,
    loop_lag_ms=2,
    lines_lost=0,
    paused=False,
)
EVERY_S = 300.0


class Bot:
    """A bot that is looked at every five minutes."""

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 (frozen)
        self.grader = Grader(limits)
        self.now = 0.0

    def look(self, state: str = "connected", period: Period = Period(), **readings: object) -> Verdict:  # noqa: B008
        """Look at it once; what is not said is as it should be."""
        self.now += EVERY_S
        known = {**{name: getattr(QUIET, name) for name in Readings.__struct_fields__}, **readings}
        return self.grader.take(state, period, Readings(**known), self.now)

    def grades(self, looks: Sequence[dict[str, object]]) -> list[Grade]:
        """Return the grades of several looks."""
        return [self.look(**look).grade for look in looks]  # type: ignore[arg-type]


def test_the_states_are_those_of_the_link() -> None:
    """A state that the link learns needs an opinion here."""
    assert set(LinkState) == states.ALL


def test_the_words_for_grades() -> None:
    """From good to bad; they are in status, in metrics and in what programs ask."""
    assert [(grade.value, grade.gravity) for grade in Grade] == [("healthy", 0), ("degraded", 1), ("unhealthy", 2)]


def test_a_quiet_chat_is_healthy() -> None:
    """Nobody writes for days, the phone lies in a drawer for nine: nothing is wrong."""
    bot = Bot()

    verdicts = [bot.look(idle_s=number * EVERY_S, phone_seen_s=9 * 86400) for number in range(1000)]

    assert {(verdict.grade, verdict.reasons) for verdict in verdicts} == {(HEALTHY, ())}


def test_nothing_known_is_nothing_wrong() -> None:
    """Readings that cannot be taken are no reproach."""
    grader = Grader()

    assert all(
        grader.take(state, Period(), Readings(), 1.0).grade is HEALTHY
        for state in ("connected", "starting", "linking", "stopping", "stopped")
    )


@pytest.mark.parametrize("state", sorted(states.HARD))
def test_what_does_not_mend_itself_is_unhealthy_at_once(state: str) -> None:
    """And it is a matter of the link, which has its own alerts."""
    verdict = Bot().look(state, down_for_s=1)

    assert (verdict.grade, verdict.link, verdict.health) == (UNHEALTHY, UNHEALTHY, HEALTHY)
    assert [(reason.word, reason.topic) for reason in verdict.reasons] == [(state, LINK)]


@pytest.mark.parametrize("state", [*sorted(states.DOWN), "starting"])
@pytest.mark.parametrize(("down_for_s", "grade"), [(1, HEALTHY), (16, DEGRADED), (181, UNHEALTHY)])
def test_a_link_that_is_down_is_worse_the_longer_it_lasts(state: str, down_for_s: float, grade: Grade) -> None:
    """A renewal or a short drop is nothing."""
    assert Bot().look(state, down_for_s=down_for_s, session_age_s=None).grade is grade


def test_waiting_to_be_linked() -> None:
    """While a person looks for his phone that is fine; then it is not."""
    bot = Bot()

    assert bot.grades([{"state": "linking", "down_for_s": seconds} for seconds in (2, 100, 601)]) == [
        HEALTHY, DEGRADED, UNHEALTHY,
    ]  # fmt: skip


WRONG: dict[str, dict[str, object]] = {
    "set_aside": {"inbox_aside": 1},
    "no_backup": {"backups": 0, "backup_age_s": None},
    "backup_old": {"backup_age_s": 20 * 3600, "session_age_s": 60 * 3600},
    "disk": {"disk_free_bytes": 10**8},
    "guard": {"guard_active": False},
    "phone": {"phone_seen_s": 10.5 * 86400},
    "log_lost": {"lines_lost": 3},
}


@pytest.mark.parametrize("word", sorted(WRONG))
def test_each_of_these_makes_it_degraded_at_once(word: str) -> None:
    """Each with its word, its topic, a sentence, and what to do."""
    verdict = Bot().look(**WRONG[word])  # type: ignore[arg-type]

    assert (verdict.grade, verdict.health, verdict.link) == (DEGRADED, DEGRADED, HEALTHY)
    assert [(reason.word, reason.topic) for reason in verdict.reasons] == [(word, HEALTH)]
    assert advice_for(word)


def test_a_disk_that_is_nearly_full_is_unhealthy() -> None:
    """Soon nothing can be written any more."""
    assert Bot().look(disk_free_bytes=10**7).grade is UNHEALTHY


@pytest.mark.parametrize("reading", [{"daemon_mb": 2000.0}, {"loop_lag_ms": 20_000.0}])
def test_one_bad_reading_of_what_jumps_is_noise(reading: dict[str, object]) -> None:
    """A picture that was just sent, a machine that was busy for a moment; two in a row are none."""
    fine: dict[str, object] = {}

    assert Bot().grades([reading, fine, reading, fine]) == [HEALTHY] * 4
    assert Bot().grades([fine, reading, fine, reading, fine]) == [HEALTHY] * 5
    assert Bot().grades([fine, reading, reading]) == [HEALTHY, HEALTHY, UNHEALTHY]


def test_better_only_after_two_good_samples() -> None:
    """And until then what was wrong is still told."""
    bot = Bot()
    wrong: dict[str, object] = {"inbox_aside": 2}

    verdicts = [bot.look(**look) for look in (wrong, {}, wrong, {}, {})]  # type: ignore[arg-type]

    assert [verdict.grade for verdict in verdicts] == [DEGRADED] * 4 + [HEALTHY]
    assert [reason.word for reason in verdicts[3].reasons] == ["set_aside"]
    assert verdicts[4].reasons == ()


def test_a_bot_that_recovers_in_steps_does_not_forget_why() -> None:
    """From unhealthy to degraded: the reason is the one that is left."""
    bot = Bot()
    bot.look(disk_free_bytes=10**7, inbox_aside=1)

    verdicts = [bot.look(inbox_aside=1) for _ in range(2)]

    assert [verdict.grade for verdict in verdicts] == [UNHEALTHY, DEGRADED]
    assert [reason.word for reason in verdicts[1].reasons] == ["set_aside"]


def test_a_recovery_in_two_steps_ends_at_the_worse_of_them() -> None:
    """A bot that was unwell, then less so, then well, was well once only."""
    assert Bot().grades([{"disk_free_bytes": 10**7}, {"inbox_aside": 1}, {}, {}, {}]) == [
        UNHEALTHY, UNHEALTHY, DEGRADED, DEGRADED, HEALTHY,
    ]  # fmt: skip


def test_between_its_thresholds_a_grade_stays() -> None:
    """Also the worse one, and up to the threshold itself."""
    assert [
        Bot().grades([{"disk_free_bytes": mb * 1024**2} for mb in each])
        for each in ((40, 70, 70, 70, 80, 80), (100, 300, 300, 300))
    ] == [
        [UNHEALTHY] * 6,
        [DEGRADED] * 4,
    ]


def test_the_gravest_reason_comes_first() -> None:
    """Be it of the link or not."""
    bot = Bot()

    verdict = bot.look("reconnecting", down_for_s=20, disk_free_bytes=10**7)

    assert [reason.word for reason in verdict.reasons] == ["disk", "link_down"]
    assert (verdict.grade, verdict.link, verdict.health) == (UNHEALTHY, DEGRADED, UNHEALTHY)


def test_limits_are_those_of_the_settings() -> None:
    """A bot that may use 100 MB."""
    assert Bot(Limits(memory_mb=100)).grades([{}, {}]) == [HEALTHY, DEGRADED]


def test_errors_count_by_their_share() -> None:
    """One error in a quiet hour is an accident; a tenth of all tries is not."""
    assert Bot().look(period=Period(handled=0, handler_errors=2)).grade is HEALTHY
    assert Bot().look(period=Period(handled=1000, handler_errors=5)).grade is HEALTHY
    assert Bot().look(period=Period(handled=20, handler_errors=3)).grade is DEGRADED
    assert Bot().look(period=Period(handled=2, handler_errors=9)).grade is UNHEALTHY
    assert Bot().look(period=Period(sent=20, send_failures=3)).grade is DEGRADED


def test_errors_are_forgiven_after_an_hour() -> None:
    """Not before, and without anybody doing anything."""
    bot = Bot()
    bot.look(period=Period(handled=0, handler_errors=5))

    grades = bot.grades([{}] * 16)

    assert grades[:11] == [UNHEALTHY] * 11
    assert grades[-1] is HEALTHY


def test_a_link_that_comes_and_goes() -> None:
    """It is up whenever somebody looks, and yet it is not well; that is the link's own matter."""
    bot = Bot()

    verdicts = [bot.look(period=Period(reconnects=3)) for _ in range(3)]

    assert [verdict.grade for verdict in verdicts] == [HEALTHY, DEGRADED, DEGRADED]
    assert {(reason.word, reason.topic) for reason in verdicts[-1].reasons} == {("unstable", LINK)}


def test_a_queue_counts_when_it_stays() -> None:
    """What waited while the bot was down is worked off; what does not get less is told, unless a person paused it."""
    assert Bot().grades([{"inbox_waiting": count} for count in (9000, 4000, 0, 0)]) == [HEALTHY] * 4
    assert Bot().grades([{"inbox_waiting": count} for count in (150, 160, 170)]) == [HEALTHY, HEALTHY, DEGRADED]
    assert Bot().grades([{"inbox_waiting": 9000, "paused": True}] * 4) == [HEALTHY] * 4
    assert Bot().grades([{"outbox_pending": 150}] * 3)[-1] is DEGRADED
    assert Bot().grades([{"outbox_pending": 150, "paused": True}] * 4) == [HEALTHY] * 4
    bot = Bot()
    assert {bot.look("reconnecting", outbox_pending=150).health for _ in range(4)} == {HEALTHY}


def test_memory_that_only_grows_is_told_in_time() -> None:
    """A day before it is full, not when it is; what goes up and down is no growth."""
    growing, breathing = Bot(), Bot()
    per_hour = int(3600 / EVERY_S)

    verdicts = [growing.look(daemon_mb=200.0 + hour * 20, engine_mb=0) for hour in range(30) for _ in range(per_hour)]
    steady = [
        breathing.look(daemon_mb=300.0 + 80 * math.sin(hour), engine_mb=0)
        for hour in range(48) for _ in range(per_hour)
    ]  # fmt: skip

    told = next(number for number, verdict in enumerate(verdicts) if verdict.grade is not HEALTHY)
    assert 10 * per_hour <= told <= 13 * per_hour
    assert [reason.word for reason in verdicts[told].reasons] == ["memory_growing"]
    assert {verdict.grade for verdict in steady} == {HEALTHY}


def test_a_backup_that_nobody_could_make_is_not_missed() -> None:
    """A bot that was off for three weeks has an old backup, and is healthy until the next one is overdue."""
    old: dict[str, object] = {"backup_age_s": 21 * 86400, "session_age_s": 60}

    assert Bot().look(**old).grade is HEALTHY  # type: ignore[arg-type]
    assert Bot().look("reconnecting", **old).health is HEALTHY  # type: ignore[arg-type]
    assert Bot().look(backups=0, backup_age_s=None, session_age_s=60).grade is HEALTHY


def test_a_phone_that_must_have_been_online_after_all() -> None:
    """After more than two weeks without a sign WhatsApp would have unlinked the device."""
    bot = Bot()

    days = {day: bot.look(phone_seen_s=day * 86400).grade for day in (9, 10, 14, 16, 17, 100)}

    assert days == {9: HEALTHY, 10: DEGRADED, 14: DEGRADED, 16: DEGRADED, 17: HEALTHY, 100: HEALTHY}


def test_lines_that_were_lost_once_are_told_once() -> None:
    """The count goes on since the start; what counts is whether it grows."""
    assert Bot().grades([{"lines_lost": count} for count in (0, 5, 5, 5)]) == [HEALTHY, DEGRADED, DEGRADED, HEALTHY]
    assert Bot().grades([{"lines_lost": 1}]) == [DEGRADED]


def test_a_reading_that_is_no_number_is_nothing_wrong() -> None:
    """Neither better nor worse can be said of it."""
    assert Bot().grades([{"loop_lag_ms": math.nan, "daemon_mb": math.nan}] * 3) == [HEALTHY] * 3


RANGED = {
    "memory": ("daemon_mb", 0.92 * 1024 - 60, 1.1 * 1024 - 60),
    "loop_lag": ("loop_lag_ms", 600.0, 1100.0),
    "disk": ("disk_free_bytes", 290 * 1024**2, 190 * 1024**2),
    "backup_old": ("backup_age_s", 1.6 * 21600, 2.1 * 21600),
}


@pytest.mark.parametrize("word", sorted(RANGED))
@given(bad=st.lists(st.booleans(), min_size=5, max_size=60))
def test_what_oscillates_between_the_thresholds_does_not_flap(word: str, bad: list[bool]) -> None:
    """From where it is left to where it is entered the grade stays what it is."""
    name, low, high = RANGED[word]
    bot = Bot()

    found = bot.grades(
        [{name: int(high if each else low), "session_age_s": 10**6} for each in bad]
    )  # fmt: skip

    changes = sum(before is not after for before, after in zip([HEALTHY, *found], found, strict=False))
    assert changes <= 1


@given(st.lists(st.tuples(st.sampled_from(sorted(states.ALL)), st.integers(0, 400), st.integers(0, 3)), max_size=50))
def test_better_is_never_sudden(looks: list[tuple[str, int, int]]) -> None:
    """Whatever happens: the grade of a topic never gets better with a single sample, and always has its reasons."""
    bot, before = Bot(), Verdict()
    since_bad = {LINK: 0, HEALTH: 0}
    for state, down_for_s, aside in looks:
        verdict = bot.look(state, down_for_s=0 if state == "connected" else down_for_s, inbox_aside=aside)
        for topic, old, new in ((LINK, before.link, verdict.link), (HEALTH, before.health, verdict.health)):
            since_bad[topic] += 1
            if new.gravity < old.gravity:
                assert since_bad[topic] >= 2
            if new.gravity >= old.gravity:
                since_bad[topic] = min(since_bad[topic], 2)
            if new is not HEALTHY:
                grades = [reason.grade for reason in verdict.reasons if reason.topic == topic]
                assert grades
                assert max(grade.gravity for grade in grades) == new.gravity
            if new.gravity > old.gravity:
                since_bad[topic] = 0
        before = verdict


@settings(max_examples=40)
@given(
    st.lists(
        st.builds(
            Readings,
            **{
                name: st.none() | st.integers(0, 10**12)
                for name in Readings.__struct_fields__
                if name not in ("guard_active", "paused")
            },
        ),
        max_size=8,
    )
)
def test_any_readings_have_a_verdict_in_words(found: list[Readings]) -> None:
    """No reading, however absurd, makes the grader or a sentence fail."""
    grader = Grader()
    for number, readings in enumerate(found):
        for state in ("connected", "linking", "banned"):
            verdict = grader.take(state, Period(handler_errors=number), readings, number * 1000.0)
            assert all(reason.text for reason in verdict.reasons)


def test_every_rule_can_be_left_and_says_what_to_do() -> None:
    """A threshold to leave above the one to enter would flap; a sentence ends without its full stop."""
    look = Look("connected", QUIET, full_in_h=10.0)
    for rule in RULES:
        assert rule.enter[0] <= rule.enter[1], rule.word
        assert all(leave <= enter for leave, enter in zip(rule.leave, rule.enter, strict=True)), rule.word
        assert rule.advice
        assert rule.text(look)[-1] not in ".!"
        assert rule.advice[-1] != "."
    assert len({rule.word for rule in RULES}) == len(RULES)
