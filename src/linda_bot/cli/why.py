"""`linda-bot why`: the story of the session, in order of time, with causes."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from linda_bot.cli.lookback import BOLD, DIM, Page, load_reading
from linda_bot.cli.moments import moment_of
from linda_bot.cli.output import print_json, say
from linda_bot.cli.places import place_for
from linda_bot.connection.ledger.account import Account, give_account
from linda_bot.connection.ledger.answer import Answer, answer, begin_of_story, chapters_since
from linda_bot.connection.ledger.chapters import Chapter, local
from linda_bot.connection.ledger.words import NOTABLE, WEIGHTY
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.messaging.pause import pause_in
from linda_bot.sessions.device_status import timestamp
from linda_bot.sessions.lock import holder_of

_QUICK = timedelta(hours=1)
"""A story that is shorter is told with seconds."""

_WEIGHTS = {WEIGHTY: "weighty", NOTABLE: "notable"}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_STYLES = {WEIGHTY: BOLD, NOTABLE: "", 0: DIM}


def why(options: argparse.Namespace) -> int:
    """Say how the session is and why, and tell what led to it; exit code 0 whatever the answer is."""
    if options.all and options.since:
        raise UsageError("--all and --since exclude each other: choose one")
    now = datetime.now(UTC)
    since = moment_of("--since", options.since, now) if options.since else None
    paths = place_for(options).paths
    reading = load_reading(paths)
    account = give_account(reading)
    paused = pause_in(paths.pause) is not None
    said = answer(account, now=now, running=holder_of(paths) is not None, paused=paused)
    if since is None and not options.all:
        since = begin_of_story(account, now)
    story = chapters_since(account, since)
    if options.json:
        print_json(as_json(account, said, story, unreadable=reading.unreadable), show_numbers=options.show_numbers)
        return ExitCode.OK
    page = Page(show_numbers=options.show_numbers)
    write_story(page, said, story, zone=None)
    left = len(account.chapters) - len(story)
    if left:
        say(f"\nWhat was before: {left} more in `linda-bot why --all`; each entry: `linda-bot history`.")
    if reading.unreadable:
        say(f"{reading.unreadable} entries of the history cannot be read and are left out.")
    return ExitCode.OK


def write_story(page: Page, said: Answer, story: Sequence[Chapter], *, zone: tzinfo | None) -> None:
    """Write the answer and the story below it."""
    page.line(said.question, BOLD)
    page.line(said.answer, lead="  ")
    for note in said.notes:
        page.line(note, lead="  ")
    quick = bool(story) and story[-1].at - story[0].at < _QUICK
    day = None
    for chapter in story:
        here = local(chapter.at, zone)
        if here.date() != day:
            day = here.date()
            page.line()
            page.line(f"{_DAYS[day.weekday()]}, {day.isoformat()}", BOLD)
        lead = f"  {here:%H:%M:%S}  " if quick else f"  {here:%H:%M}  "
        page.line(chapter.sentence, _STYLES[chapter.weight], lead=lead)
        for detail in chapter.details:
            page.line(detail, DIM, lead=f"{' ' * len(lead)}- ")


def as_json(account: Account, said: Answer, story: Sequence[Chapter], *, unreadable: int) -> dict[str, object]:
    """Return all of it for programs."""
    return {
        "state": said.word,
        "question": said.question,
        "answer": said.answer,
        "notes": said.notes,
        "since": timestamp(account.since) if account.since else None,
        "last_good_link": (
            {
                "from": timestamp(account.good.since),
                "to": timestamp(account.good.until),
                "seconds": round(account.good.lasted_s),
            }
            if account.good
            else None
        ),
        "story": [_chapter_json(chapter) for chapter in story],
        "chapters_before": len(account.chapters) - len(story),
        "unreadable_entries": unreadable,
    }


def _chapter_json(chapter: Chapter) -> dict[str, object]:
    cause = chapter.cause
    return {
        "at": timestamp(chapter.at),
        "until": timestamp(chapter.until) if chapter.until else None,
        "what": chapter.word,
        "weight": _WEIGHTS.get(chapter.weight, "routine"),
        "text": chapter.text,
        "because": chapter.because,
        "cause": {"what": cause.word, "at": timestamp(cause.at)} if cause else None,
        "details": chapter.details,
        "down_s": round(chapter.took_s, 3) if chapter.took_s is not None else None,
        "times": chapter.times,
    }
