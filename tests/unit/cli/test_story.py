"""What is said of single events."""

import pytest

from linda_bot.cli.story import line_of
from linda_bot.connection.events import (
    AttemptFailed,
    HintTaken,
    LinkStateChanged,
    LoginPutOff,
    MilestoneReached,
    PhoneNotSeen,
    PhoneSeen,
    PingAnswered,
    PingMissed,
    RefreshPutOff,
    RefreshStarted,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.events import Event

SAID = [
    (
        HintTaken(because="the network has changed", taken=True, insisted=False, state="circuit_open"),
        "Reconnecting now",
    ),
    (HintTaken(because="asleep", taken=True, insisted=False, state="connected"), "Testing the link: asleep."),
    (HintTaken(because="asked", taken=True, insisted=True, state="connected"), "Reconnecting now: asked."),
    (HintTaken(because="asked", taken=False, insisted=True, state="banned"), "may prolong it"),
    (HintTaken(because="asked", taken=False, insisted=True, state="restoring"), "under way already"),
    (LoginPutOff(in_s=20), "the next waits 20 s"),
    (PingMissed(misses=1, error="no answer"), "WhatsApp does not answer (no answer)."),
    (RefreshStarted(age_s=86400), "which is 1 day old"),
    (RefreshPutOff(because="the disk is full", in_s=3600), "waits 1 hour: The disk is full."),
    (MilestoneReached(hours=1), "Session milestone: 1 hour alive"),
    (MilestoneReached(hours=3), "Session milestone: 3 hours alive"),
    (PhoneNotSeen(days=12, left_days=2), "for 12 days"),
    (PhoneNotSeen(days=15, left_days=0), "any day now"),
    (AlertRaised(kind="down", because="no network", advice="look at the router"), "What to do: look at the router."),
    (AlertCleared(kind="down", after_s=300), "All is well again after 5 minutes."),
    (LinkStateChanged(old="reconnecting", new=LinkState.CIRCUIT_OPEN, because=""), "more rarely"),
]


@pytest.mark.parametrize(("event", "words"), [pytest.param(event, words, id=words) for event, words in SAID])
def test_what_people_care_about_is_said(event: Event, words: str) -> None:
    """One line, in words."""
    line = line_of(event)

    assert line is not None
    assert words in line.text
    assert "\n" not in line.text


@pytest.mark.parametrize(
    "event",
    [
        PingAnswered(took_ms=40),
        PhoneSeen(),
        HintTaken(because="asleep", taken=False, insisted=False, state="restoring"),
        AlertRaised(kind="gave_up", because="nobody scanned", advice="start again"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_nobody_needs_is_not_said(event: Event) -> None:
    """A good ping is no news, and what ended the bot was said with the end."""
    assert line_of(event) is None


def test_a_strangers_words_do_no_harm_to_a_terminal() -> None:
    """What the library or WhatsApp says may hold anything."""
    line = line_of(AttemptFailed(finding="refused", because="code \x1b[2J 418"))

    assert line is not None
    assert "\x1b" not in line.text
