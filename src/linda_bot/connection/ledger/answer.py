"""What a person wants to know of a session's story: how it is now, and why; pure."""

from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from linda_bot.connection.ledger.account import Account
from linda_bot.connection.ledger.chapters import Chapter, clock
from linda_bot.connection.ledger.runs import DOWN, ENDING, UP
from linda_bot.connection.ledger.words import NOTABLE, SHORT_CAUSES, WEIGHTY, lower_first
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.spans import span

_DAY = timedelta(days=1)

_QUESTIONS = {
    "qr": "Why did the bot show a QR code?",
    "linked": "Why did the bot have to be linked?",
    "restored": "Why was a backup put back?",
    "went_back": "Why were new Signal sessions begun?",
    "killed": "Why did the bot start again?",
    "machine_down": "Why did the bot start again?",
    "unknown_end": "Why did the bot start again?",
    "crashed": "Why did the bot start again?",
}
"""What people ask of a bot that is well again, by what mattered last."""

_BESIDE = frozenset({"clock_back", "paused", "resumed", "reconnect_asked", "restore_judged"})
"""What does not say how the link came to be as it is."""

_WAITED_OUT = frozenset({LinkState.BANNED, LinkState.REPLACED, LinkState.OUTDATED, LinkState.LOGGED_OUT})
_ENDS = frozenset({"stopped", "gave_up", "crashed", "ended"})
_RARELY_KNOWN = "a kill -9, a lack of memory or a power cut leave no trace here"


class Answer(NamedTuple):
    """One question and its answer."""

    word: str
    """How things are, for machines: a state of the link, or `not_running`, `killed`, `no_history`."""
    question: str
    answer: str
    notes: tuple[str, ...] = ()
    """What belongs to it, a sentence each."""


def answer(
    account: Account, *, now: datetime, running: bool | None, paused: bool | None = None, zone: tzinfo | None = None
) -> Answer:
    """Return what is to be said first.

    `running` is whether a bot holds the session, `paused` whether it is paused; None where only the history is known.
    """
    if not account.chapters:
        return Answer("no_history", "What happened?", "The history has no entries: nothing is known.")
    if running is False or (running is None and account.run == DOWN):
        return _of_no_bot(account, now, zone)
    if account.state == LinkState.CONNECTED:
        return _of_a_link(account, now, zone, paused=paused is not False)
    notes = _good_link(account, zone)
    if account.state == LinkState.LINKING:
        return Answer("linking", "Why does the bot show a QR code?", _why_linking(account, now, zone), notes)
    return Answer(account.state or "unknown", "Why is the bot not connected?", _why_not(account, now, zone), notes)


def begin_of_story(account: Account, now: datetime) -> datetime | None:
    """Return from when on the story is of interest: since the last good link, at least a day; None for all of it."""
    is_up = account.state == LinkState.CONNECTED and account.run != DOWN
    good = account.good_before if is_up else account.good
    if good is None:
        return None
    return min(good.until, _day_before(now))


def chapters_since(account: Account, since: datetime | None) -> tuple[Chapter, ...]:
    """Return the chapters that reach into the time from then on; the last one in any case."""
    if since is None:
        return account.chapters
    found = tuple(chapter for chapter in account.chapters if (chapter.until or chapter.at) >= since)
    return found or account.chapters[-1:]


def _of_no_bot(account: Account, now: datetime, zone: tzinfo | None) -> Answer:
    question = "Why does the bot not run?"
    next_start = (f"At its next start it shows a QR code: {_why_linking(account, now, zone)}",)
    notes = (*_good_link(account, zone), *(next_start if account.ended_by is not None else ()))
    if account.run in (UP, ENDING) and account.last_at is not None:
        last = clock(account.last_at, zone, beside=now)
        return Answer("killed", question, f"It ended without a word after {last}: {_RARELY_KNOWN}.", notes)
    end = next((chapter for chapter in reversed(account.chapters) if chapter.word in _ENDS), None)
    if end is None:
        return Answer("not_running", question, "It does not run; the history does not say how it ended.", notes)
    at = clock(end.until or end.at, zone, beside=now)
    return Answer("not_running", question, f"{end.sentence.removesuffix('.')} ({at}).", (*end.details, *notes))


def _of_a_link(account: Account, now: datetime, zone: tzinfo | None, *, paused: bool) -> Answer:
    since = account.since or now
    lasts = span((now - since).total_seconds())
    well = f"It is connected, since {clock(since, zone, beside=now)} ({lasts})."
    begin = begin_of_story(account, now)
    shown = chapters_since(account, begin) if begin is not None else account.chapters
    shown = tuple(chapter for chapter in shown if chapter.word not in _BESIDE)
    told = _newest(shown, WEIGHTY) or _newest(shown, NOTABLE)
    pause = _paused(account, now, zone) if paused else ()  # a session that was moved leaves its pause behind
    if told is not None and told.word == "linked":
        told = next((chapter for chapter in reversed(shown) if chapter.word == "qr"), told)
    if told is None:
        return Answer(account.state, "How is the bot?", f"{well} Nothing but routine happened.", pause)
    at = clock(told.at, zone, beside=now)
    mattered = f"{told.sentence.removesuffix('.')} ({at})."
    if told.word not in _QUESTIONS:
        return Answer(account.state, "How is the bot?", well, (f"What mattered last: {lower_first(mattered)}", *pause))
    cause = next((each for each in account.chapters if told.cause == (each.word, each.at)), None)
    because = (cause.sentence,) if cause is not None else ()
    return Answer(account.state, _QUESTIONS[told.word], mattered, (*because, well, *pause))


def _paused(account: Account, now: datetime, zone: tzinfo | None) -> tuple[str, ...]:
    last = next((chapter for chapter in reversed(account.chapters) if chapter.word in ("paused", "resumed")), None)
    if last is None or last.word == "resumed":
        return ()
    at = clock(last.at, zone, beside=now)
    return (f"It is paused since {at}: it handles and sends nothing until `linda-bot resume`.",)


def _why_not(account: Account, now: datetime, zone: tzinfo | None) -> str:
    """Return the sentence that says why the link is not up."""
    if account.state in _WAITED_OUT:
        until = account.lifts_at
        ends = f" It is to end at {clock(until, zone, beside=now)}." if until is not None else ""
        return f"{_last(account, account.state)}{ends}"
    told = _newest(account.chapters, NOTABLE) or account.chapters[-1]
    details = f" ({told.details[0]})" if told.details else ""
    return f"{told.sentence.removesuffix('.')}{details}."


def _why_linking(account: Account, now: datetime, zone: tzinfo | None) -> str:
    """Return the sentence that says why the bot must be linked."""
    if account.ended_by is not None:
        at = clock(account.ended_by.at, zone, beside=now)
        said = account.ended_by.sentence.removesuffix(".")
        if account.ended_by.word == "restore_gave_up":
            said = SHORT_CAUSES["restore_gave_up"]
        return f"{said[:1].upper()}{said[1:]} ({at})."
    because = account.why_linking or "there was no session"
    return f"{because[:1].upper()}{because[1:]}."


def _good_link(account: Account, zone: tzinfo | None) -> tuple[str, ...]:
    good = account.good
    if good is None:
        return ()
    since, until = clock(good.since, zone), clock(good.until, zone, beside=good.since)
    return (f"The last good link was from {since} to {until} ({span(good.lasted_s)}).",)


def _last(account: Account, word: str) -> str:
    found = next((chapter for chapter in reversed(account.chapters) if chapter.word == word), None)
    return found.sentence if found is not None else account.chapters[-1].sentence


def _newest(chapters: tuple[Chapter, ...], weight: int) -> Chapter | None:
    return next((chapter for chapter in reversed(chapters) if chapter.weight >= weight), None)


def _day_before(now: datetime) -> datetime:
    try:
        return now - _DAY
    except OverflowError:
        return now
