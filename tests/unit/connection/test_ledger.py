"""The ledger: histories become stories, each end of a link with its cause; what is unknown is said to be unknown."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linda_bot.connection.ledger.account import give_account
from linda_bot.connection.ledger.answer import answer, begin_of_story, chapters_since
from linda_bot.connection.ledger.chapters import clock, length
from linda_bot.connection.ledger.entries import read_entries
from linda_bot.connection.ledger.words import SILENT, TELLINGS
from linda_bot.connection.lifecycle import Finding, LinkState
from linda_bot.sessions.history import ROUTINE, WEIGHTY
from tests.support.lives import DAY, account_of, answer_to, history, story_of

STORIES = Path(__file__).with_name("stories.txt")


class Golden(NamedTuple):
    """A history, its story, and the answer."""

    entries: str
    story: list[str]
    answer: list[str]


def goldens() -> Iterator[tuple[str, Golden]]:
    """Read the table of stories."""
    for block in STORIES.read_text().split("\n== ")[1:]:
        name, _, rest = block.partition("\n")
        entries, _, told = rest.partition("\n--\n")
        lines = told.strip().splitlines()
        answers = [line for line in lines if line.startswith(("? ", "! "))]
        yield name, Golden(entries, [line for line in lines if line not in answers], answers)


TABLE = dict(goldens())


@pytest.mark.parametrize("name", TABLE)
def test_a_history_is_told(name: str) -> None:
    """Each end of a link, as the table has it."""
    account = account_of(TABLE[name].entries)
    said = answer_to(account, hours=16, running=None)

    assert story_of(account) == TABLE[name].story
    assert [f"? {said.question}", f"! {said.answer}", *(f"! {note}" for note in said.notes)] == TABLE[name].answer


NO_FAILURES = {
    Finding.SESSION_FOUND,
    Finding.CONNECTED,
    Finding.SOCKET_LOST,
    Finding.RENEWAL_DUE,
    Finding.RETRY_DUE,
    Finding.ATTEMPTS_SPENT,
    Finding.UNLINKED,
    Finding.STOP_ASKED,
    Finding.STOPPED,
}
"""Findings that no attempt fails by."""


@pytest.mark.parametrize("finding", [finding for finding in Finding if finding not in NO_FAILURES])
def test_no_finding_is_left_untold(finding: Finding) -> None:
    """An attempt that failed by it is in the story, or the state that it leads to is."""
    state = str(finding) if str(finding) in LinkState.__members__.values() else "reconnecting"
    entries = f"08:00 up\n09:00 attempt_failed finding={finding} | because=the very reason\n09:00 {state}"

    assert len(account_of(entries).chapters) > 1


def test_every_entry_that_is_kept_for_its_weight_is_told() -> None:
    """What the history keeps longest, the story knows."""
    told = {*TELLINGS, *LinkState.__members__.values(), "link_gave_up", "session_quarantined", "temporarily_banned"}

    assert WEIGHTY <= told
    assert not WEIGHTY & ROUTINE
    assert not set(TELLINGS) & SILENT


def test_a_bot_that_is_gone_without_a_word() -> None:
    """The history says that it runs; nobody holds the session."""
    said = answer_to(account_of("08:00 up\n11:00 alive"), hours=16, running=False)

    assert said.word == "killed"
    assert "without a word after 11:00" in said.answer


def test_a_pause_is_not_forgotten() -> None:
    """A bot that is connected and silent is asked about, too."""
    said = answer_to(account_of("08:00 up\n09:00 bot_paused"), hours=10)

    assert said.word == "connected"
    assert said.notes[-1].startswith("It is paused since 09:00")
    assert "paused since" not in str(answer_to(account_of("08:00 up\n09:00 bot_paused\n09:10 bot_resumed"), hours=10))
    moved = answer(account_of("08:00 up\n09:00 bot_paused"), now=DAY + timedelta(hours=10), running=True, paused=False)
    assert "paused since" not in str(moved), "a history that came from another machine tells of a pause there"


def test_flaps_with_something_between_are_told_apart() -> None:
    """One sentence for each run of them."""
    flap = "09:{0:02} transient_disconnect\n09:{0:02}:02 connected\n"
    entries = "08:00 up\n" + "".join(flap.format(minute) for minute in range(5))
    entries += "09:10 backup_failed error=no room\n" + "".join(flap.format(minute) for minute in range(20, 24))

    story = [line for line in story_of(account_of(entries)) if "lost" in line]
    assert story == [
        "09:00 The connection was lost 5 times until 09:04, each time connected again within 2 s.",
        "09:20 The connection was lost 4 times until 09:23, each time connected again within 2 s.",
    ]


def test_the_story_begins_where_the_last_good_link_ended_or_a_day_ago() -> None:
    """Whichever is earlier; and a time that is asked for."""
    account = account_of("08:00 up\n+3 09:00 logged_out\n+3 09:00 linking\n+3 09:00 linking_started\n+3 09:00 qr_shown")
    soon, late = DAY + timedelta(days=3, hours=10), DAY + timedelta(days=9)

    assert begin_of_story(account, soon) == soon - timedelta(days=1)
    assert begin_of_story(account, late) == DAY + timedelta(days=3, hours=9)
    shown = chapters_since(account, begin_of_story(account, late))
    assert [chapter.word for chapter in shown] == ["logged_out", "qr"]
    assert [chapter.word for chapter in chapters_since(account, late)] == ["qr"]
    assert begin_of_story(account_of("08:00 linking"), soon) is None


def test_a_cause_names_an_earlier_chapter() -> None:
    """So that programs can follow it."""
    account = account_of(TABLE["logged out"].entries)
    code = account.chapters[-1]

    assert code.cause is not None
    assert [chapter.word for chapter in account.chapters if code.cause == (chapter.word, chapter.at)] == ["logged_out"]


def test_a_strangers_texts_steer_nothing() -> None:
    """Escapes, line breaks and far too long texts, in every place of an entry."""
    nasty = "\x1b[2J\x9b31m\n\u202e" + "x" * 5000
    entry = {"timestamp": "2026-02-07T09:00:00Z", "eventType": nasty, nasty: nasty, "because": nasty}
    what = [{**entry, "eventType": word} for word in (*TELLINGS, *LinkState, "attempt_failed", "link_gave_up", "x")]
    account = give_account(read_entries([entry, *what]), UTC)
    text = "\n".join(story_of(account))

    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert max(map(len, text.splitlines())) < 1000


def test_what_is_no_entry_is_counted() -> None:
    """And hurts nobody."""
    reading = read_entries([1, None, {}, {"timestamp": "yesterday", "eventType": "connected"}, *history("08:00 up")])

    assert (len(reading.entries), reading.unreadable) == (3, 4)
    assert read_entries({"a": 1}).entries == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
WORDS = sorted({*TELLINGS, *SILENT, *LinkState, "daemon_started", "daemon_stopping", "daemon_stopped", "attempt_failed",
                "engine_exited", "linking_started", "qr_shown", "qr_round_ended", "link_gave_up", "temporarily_banned",
                "alert_raised", "session_quarantined"})  # fmt: skip
ENTRIES = st.builds(
    lambda at, what, facts: {**facts, "timestamp": at.isoformat(), "eventType": what},
    st.datetimes(timezones=st.just(UTC)) | st.datetimes(),
    st.sampled_from(WORDS) | st.text(max_size=10),
    st.fixed_dictionaries(
        {},
        optional={
            "finding": st.sampled_from([*Finding]) | JSON,
            "because": JSON,
            "before": st.sampled_from(["first", "in_order", "cut_short", "machine_down"]) | JSON,
            "why": st.sampled_from(["signal", "gave_up", "crash", "error"]) | JSON,
            "until": st.datetimes().map(str) | JSON,
            **dict.fromkeys(("count", "seconds", "round", "leftOut", "exitCode", "passedOver", "madeAt", "days"), JSON),
        },
    ),
)


@settings(max_examples=50)
@given(st.lists(ENTRIES | JSON, max_size=12), st.none() | st.booleans(), st.datetimes(timezones=st.just(UTC)))
def test_whatever_is_in_the_file_it_is_told(
    document: list[object],
    running: bool | None,  # noqa: FBT001 (what the examples are made of)
    now: datetime,
) -> None:
    """No history makes it fail, and every chapter is fit to be shown."""
    account = give_account(read_entries(document), UTC)
    said = answer(account, now=now, running=running, zone=UTC)
    chapters = chapters_since(account, begin_of_story(account, now))

    assert said.question
    assert said.answer
    for text in (
        said.answer,
        *said.notes,
        *(line for chapter in chapters for line in (chapter.text, *chapter.details)),
    ):
        assert text.isprintable()


@given(JSON)
def test_any_json_is_read(document: object) -> None:
    """Also what is no list at all."""
    assert read_entries(json.loads(json.dumps(document))).unreadable >= 0


def test_times_are_told_with_the_date_only_where_it_is_another() -> None:
    """And short times with a decimal."""
    noon = datetime(2026, 2, 7, 12, 5, tzinfo=UTC)

    assert clock(noon, UTC) == "7 Feb 12:05"
    assert clock(noon, UTC, beside=noon.replace(hour=1)) == "12:05"
    assert [length(seconds) for seconds in (0, 1, 2.34, 9.99, 61, 7200)] == [
        "a second",
        "1 s",
        "2.3 s",
        "10 s",
        "1 minute",
        "2 hours",
    ]
    assert clock(datetime.max.replace(tzinfo=UTC), UTC)
