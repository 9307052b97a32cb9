"""What is wrong from which value on: each rule at its thresholds, and what it does not hold against anybody."""

import math
import re
from collections.abc import Callable
from typing import NamedTuple

import pytest

from linda_bot.cli.options import make_parser
from linda_bot.health.rule import HEALTH, LINK, Limits, Look, Rule
from linda_bot.health.rules import RULES, advice_for
from linda_bot.health.samples import Readings
from linda_bot.health.trends import Recent

BY_WORD: dict[str, Rule] = {rule.word: rule for rule in RULES}
DAY_S, HOUR_S, MB = 86400.0, 3600.0, 1024**2
NEVER = math.inf
LONG_S = 10.0**7


class Case(NamedTuple):
    """A rule's thresholds, in the unit of what is looked at."""

    word: str
    look: Callable[[float], Look]
    degraded: float
    unhealthy: float
    well: float
    """Past which value it is no more than healthy again."""
    better: float
    """The same for no more than degraded."""
    step: float = 1e-6
    """The least that makes a value better; negative where little is worse."""


def up(**readings: object) -> Look:
    """Return a look at a bot whose link is up."""
    return Look("connected", Readings(**readings))  # type: ignore[arg-type]


CASES = [
    Case("link_down", lambda s: Look("reconnecting", Readings(down_for_s=s)), 15, 180, 7.5, 90),
    Case("not_linked", lambda s: Look("linking", Readings(down_for_s=s)), 15, 600, 7.5, 300),
    Case("unstable", lambda n: Look("connected", Readings(), recent=Recent(reconnects=int(n))), 6, 60, 3, 30, 1),
    Case(
        "handler_errors",
        lambda n: Look("connected", Readings(), recent=Recent(handler_errors=int(n), handled=1000 - int(n))),
        100, 500, 50, 300, 1,
    ),
    Case(
        "send_failures",
        lambda n: Look("connected", Readings(), recent=Recent(send_failures=int(n), sent=1000 - int(n))),
        100, 500, 50, 300, 1,
    ),
    Case("set_aside", lambda n: up(inbox_aside=int(n)), 1, NEVER, 1, NEVER, 1),
    Case("inbox_queue", lambda n: Look("connected", Readings(), inbox_floor=n), 100, 5000, 20, 1000),
    Case("outbox_queue", lambda n: Look("connected", Readings(), outbox_floor=n), 100, 5000, 20, 1000),
    Case("memory", lambda mb: up(daemon_mb=mb), 1024, 1536, 0.9 * 1024, 1.35 * 1024),
    Case("memory_growing", lambda h: Look("connected", Readings(), full_in_h=h), 48, -NEVER, 96, -NEVER, -1e-6),
    Case("no_backup", lambda s: up(backups=0, session_age_s=s), HOUR_S, 12 * HOUR_S, 3000, 10 * HOUR_S),
    Case(
        "backup_old", lambda h: up(backup_age_s=h * HOUR_S, session_age_s=LONG_S), 12, 48, 9, 36,
    ),
    Case("disk", lambda mb: up(disk_free_bytes=int(mb * MB)), 200, 50, 300, 80, -1),
    Case("guard", lambda s: up(guard_active=False, session_age_s=s), 60, NEVER, 30, NEVER),
    Case("phone", lambda days: up(phone_seen_s=days * DAY_S), 10, NEVER, 9, NEVER),
    Case("log_lost", lambda n: Look("connected", Readings(), lines_lost=int(n)), 1, NEVER, 1, NEVER, 1),
    Case("loop_lag", lambda ms: up(loop_lag_ms=ms), 1000, 10_000, 500, 5000),
    *(
        Case(state, lambda n, state=state: Look(state if n else "connected", Readings(down_for_s=1)), 1, 1, 1, 1, 1)  # type: ignore[misc]
        for state in ("banned", "circuit_open", "logged_out", "outdated", "replaced")
    ),
]  # fmt: skip


def level(word: str, look: Look) -> tuple[int, int]:
    """Return how many grades down a look leads, and how many it would keep the bot down."""
    rule = BY_WORD[word]
    value = rule.value(look)
    return sum(value >= limit for limit in rule.enter), sum(value >= limit for limit in rule.leave)


def test_each_rule_has_its_thresholds_here() -> None:
    """In the order in which they are looked at: the link's first."""
    assert (LINK, HEALTH) == ("link", "health")
    assert sorted(BY_WORD) == sorted(case.word for case in CASES)
    assert [rule.topic for rule in RULES] == [LINK] * 8 + [HEALTH] * 14
    assert {rule.word for rule in RULES if rule.patient} == {"memory", "loop_lag"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.word)
def test_a_rule_at_its_thresholds(case: Case) -> None:
    """A value that reaches one has passed it; the least bit better has not."""
    for place, limits in enumerate(((case.degraded, case.unhealthy), (case.well, case.better))):
        for number, limit in enumerate(limits):
            if math.isinf(limit):
                extreme = case.look(math.copysign(10.0**14, case.step) if case.step > 0 else 0.0)
                assert level(case.word, extreme)[place] <= number
                continue
            assert level(case.word, case.look(limit))[place] > number, limit
            assert level(case.word, case.look(limit - case.step))[place] <= number, limit


@pytest.mark.parametrize(
    ("word", "look"),
    [
        ("no_backup", Look("reconnecting", Readings(backups=0, session_age_s=LONG_S))),
        ("no_backup", up(backups=1, session_age_s=LONG_S)),
        ("no_backup", up(session_age_s=LONG_S)),
        ("no_backup", up(backups=0)),
        ("backup_old", Look("reconnecting", Readings(backup_age_s=LONG_S, session_age_s=LONG_S))),
        ("backup_old", up(backup_age_s=LONG_S, session_age_s=100)),
        ("backup_old", up(backup_age_s=100, session_age_s=LONG_S)),
        ("backup_old", up(backup_age_s=LONG_S)),
        ("backup_old", up(session_age_s=LONG_S)),
        ("guard", Look("reconnecting", Readings(guard_active=False, session_age_s=LONG_S))),
        ("guard", up(guard_active=True, session_age_s=LONG_S)),
        ("guard", up(session_age_s=LONG_S)),
        ("phone", up(phone_seen_s=15 * DAY_S)),
        ("phone", up(phone_seen_s=100 * DAY_S)),
        ("link_down", Look("connected", Readings(down_for_s=LONG_S))),
        ("link_down", Look("linking", Readings(down_for_s=LONG_S))),
        ("link_down", Look("logged_out", Readings(down_for_s=LONG_S))),
        ("not_linked", Look("reconnecting", Readings(down_for_s=LONG_S))),
    ],
)
def test_what_is_not_held_against_a_bot(word: str, look: Look) -> None:
    """What nobody could do, what is another rule's matter, and what is not known."""
    assert level(word, look) == (0, 0)


def test_a_phone_that_was_silent_for_nearly_fifteen_days() -> None:
    """Until then it may have been."""
    assert level("phone", up(phone_seen_s=14.9 * DAY_S)) == (1, 1)


@pytest.mark.parametrize("state", ["starting", "restoring", "transient_disconnect", "reconnecting"])
def test_states_in_which_a_link_is_down(state: str) -> None:
    """And when it is not known since when, it has just begun."""
    assert level("link_down", Look(state, Readings(down_for_s=1000))) == (2, 2)
    assert level("link_down", Look(state, Readings())) == (0, 0)


@pytest.mark.parametrize(
    ("every_s", "late_s"), [(21600, 43200), (3600, 7200), (1800, 3600), (60, 3600)], ids=lambda value: f"{value}"
)
def test_a_backup_is_overdue_by_the_interval_of_the_settings(every_s: float, late_s: float) -> None:
    """Twice of it; of one that is very short, of half an hour."""

    def look(age_s: float) -> Look:
        return up(backup_age_s=age_s, session_age_s=LONG_S)._replace(limits=Limits(backup_every_s=every_s))

    assert level("backup_old", look(late_s))[0] == 1
    assert level("backup_old", look(late_s - 1))[0] == 0


def test_memory_by_the_limit_of_the_settings() -> None:
    """Of daemon and engine together."""
    look = up(daemon_mb=60, engine_mb=40)

    assert level("memory", look._replace(limits=Limits(memory_mb=100)))[0] == 1
    assert level("memory", look._replace(limits=Limits(memory_mb=101)))[0] == 0


def test_nothing_known_is_nothing_wrong_by_any_rule() -> None:
    """A look at a bot of which nothing was read; a bot that says nothing of its limits has the usual ones."""
    for state in ("connected", "starting", "linking", "reconnecting"):
        assert {level(word, Look(state, Readings())) for word in BY_WORD} == {(0, 0)}
    assert Limits() == (1024, 6 * HOUR_S)


@pytest.mark.parametrize(
    ("word", "look", "text"),
    [
        ("link_down", Look("reconnecting", Readings(down_for_s=60)), "down for 1 minute"),
        ("not_linked", Look("linking", Readings(down_for_s=60)), "linked for 1 minute"),
        ("banned", Look("banned", Readings(down_for_s=60)), "(1 minute without a link)"),
        ("replaced", Look("replaced", Readings()), "(0 s without a link)"),
        ("unstable", Look("connected", Readings(), recent=Recent(reconnects=7)), "came back 7 times in the last hour"),
        (
            "handler_errors",
            Look("connected", Readings(), recent=Recent(handler_errors=3, handled=20)),
            "handlers failed at 3 of 23 tries in the last hour",
        ),
        (
            "send_failures",
            Look("connected", Readings(), recent=Recent(send_failures=3, sent=20)),
            "3 of 23 messages in the last hour were not sent",
        ),
        ("set_aside", up(inbox_aside=4), "could not be handled: 4"),
        ("inbox_queue", up(inbox_waiting=150), "150 messages wait to be handled"),
        ("outbox_queue", up(outbox_pending=150), "150 messages wait to be sent"),
        ("memory", up(daemon_mb=1100.4), "it uses 1100 MB of memory, more than 1024"),
        ("memory_growing", Look("connected", Readings(), full_in_h=10), "1024 MB in 10 hours"),
        ("no_backup", up(session_age_s=7200), "after 2 hours with a link"),
        ("backup_old", up(backup_age_s=7200), "2 hours old"),
        ("disk", up(disk_free_bytes=100 * MB), "only 100 MB left"),
        ("phone", up(phone_seen_s=10 * DAY_S), "phone for 10 days"),
        ("log_lost", Look("connected", Readings(), lines_lost=5), "could not write: 5"),
        ("loop_lag", up(loop_lag_ms=1500), "wait for up to 1.5 s"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_reason_has_its_figures(word: str, look: Look, text: str) -> None:
    """In units for people."""
    assert text in BY_WORD[word].text(look)


def test_advice_names_commands_that_there_are() -> None:
    """What a person is told to type works; a word of another version has no advice."""
    commands = re.findall(r"^ {4}([a-z]+)\b", make_parser().format_help(), re.MULTILINE)
    named = [name.rstrip(";,`") for rule in RULES for name in re.findall(r"linda-bot (\S+)", rule.advice)]

    assert len(named) >= 10
    assert set(named) <= set(commands)
    assert advice_for("disk") == BY_WORD["disk"].advice
    assert advice_for("no such word") == ""
