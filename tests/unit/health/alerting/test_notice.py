"""What a person reads."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.health.alerting.incident import Incident, Now, Trouble
from linda_bot.health.alerting.notice import Notice, Sender, compose
from linda_bot.health.alerting.policy import Purpose
from tests.support.alert_world import NOON, SENDER

LATER = Now(NOON + timedelta(hours=2), 7200.0)


def said(purpose: Purpose, *, kind: str = "down", topic: str = "link", over: bool = False) -> Notice:
    """Return a notice two hours after the incident has begun."""
    incident = Incident(
        id="abc",
        topic=topic,
        troubles=(Trouble(kind, "WhatsApp cannot be reached: no answer", "see whether there is a network", NOON),),
        began_at=NOON,
        over_at=LATER.wall if over else None,
        lasted_s=7200.0 if over else 0.0,
        told=1,
    )
    return compose(purpose, incident, SENDER, LATER)


@pytest.mark.parametrize(
    ("purpose", "subject"),
    [
        (Purpose.ALERT, "the link is down"),
        (Purpose.ESCALATION, "it got worse: the link is down"),
        (Purpose.REMINDER, "the link is down, for 2 hours now"),
    ],
)
def test_what_lasts_says_what_why_since_when_and_what_to_do(purpose: Purpose, subject: str) -> None:
    """In so many lines."""
    told = said(purpose)
    what, why, since, advice = told.body.splitlines()

    assert told.subject == f"linda-bot 97150*****56 on host1: {subject}"
    assert "ink is down" in what
    assert why == "Why: WhatsApp cannot be reached: no answer."
    assert since.startswith("Since: 2026-02-07 ")
    assert advice == "What to do: see whether there is a network."


@pytest.mark.parametrize(
    ("purpose", "subject"),
    [
        (Purpose.RECOVERY, "all is well again after 2 hours"),
        (Purpose.MISSED, "the link was down, but that is over"),
    ],
)
def test_what_is_over_says_how_long_it_lasted(purpose: Purpose, subject: str) -> None:
    """And from when to when."""
    told = said(purpose, over=True)

    assert told.subject.endswith(f": {subject}")
    assert told.body.startswith("The link was down. That was from 2026-02-07 ")
    assert "2 hours." in told.body
    assert "What to do" not in told.body
    assert told.lasted_s == 7200


def test_kinds_that_are_not_known_here_say_what_they_are() -> None:
    """Other rooms have words of their own."""
    assert said(Purpose.ALERT, topic="health", kind="memory_high").subject.endswith(": health: memory high")


def test_numbers_are_shown_when_the_log_shows_them() -> None:
    """By the same setting."""
    incident = Incident(id="abc", topic="link", troubles=(Trouble("down", "4915112345678", "", NOON),), began_at=NOON)
    open_sender = Sender(SENDER.account, SENDER.host, mask=False)

    assert "4915112345678" in compose(Purpose.ALERT, incident, open_sender, LATER).body
    assert "971505760056" in compose(Purpose.ALERT, incident, open_sender, LATER).subject
    assert "4915112345678" not in compose(Purpose.ALERT, incident, SENDER, LATER).body


@given(st.text(), st.text(), st.text(), st.sampled_from(Purpose))
def test_no_text_can_steer_anything(because: str, advice: str, host: str, purpose: Purpose) -> None:
    """No control characters, no line of its own, no length without end."""
    incident = Incident(
        id="abc", topic="link", troubles=(Trouble("down", because, advice, NOON),), began_at=NOON, over_at=NOON
    )
    told = compose(purpose, incident, Sender("default", host), LATER)

    assert told.subject.isprintable()
    assert all(line.isprintable() for line in told.body.split("\n"))
    assert len(told.body.split("\n")) <= 4
    assert len(told.body) < 2000
