"""How runs of the bot ended, by what they said themselves or the run after them found; pure."""

from datetime import datetime, tzinfo

from linda_bot.connection.ledger.chapters import Cause, Chapter, between
from linda_bot.connection.ledger.entries import Entry
from linda_bot.connection.ledger.words import GAVE_UP_AFTER, NOTABLE, ROUTINE, WEIGHTY, lower_first, past

UNKNOWN, UP, ENDING, DOWN = "unknown", "up", "ending", "down"
"""Whether a run has begun that has not ended yet, as the entries tell."""


def end_not_told(run: str, before: str, ended_at: datetime, at: datetime, zone: tzinfo | None) -> Chapter | None:
    """Return how a run ended that has not told it: it wrote last at `ended_at`, the next one began at `at`.

    `before` is what that one found. None when there was no such run.
    """
    since, until = between(ended_at, at, zone, beside=ended_at)
    when = f"at {since}" if since == until else f"between {since} and {until}"
    if before == "machine_down":
        word, text = "machine_down", f"The machine went down while the bot ran, {when} (power, crash or reboot)"
    elif run == ENDING:
        word, text = "killed", f"The bot was cut short while it was ending, {when}"
    elif before == "cut_short" or (run == UP and before != "in_order"):
        word = "killed"
        text = f"The bot ended without a word, {when}: a kill -9 or a lack of memory leaves no trace here"
    elif run == UP:
        word, text = "unknown_end", f"The run before ended, {when}; how is not in the history"
    else:
        return None
    return Chapter(ended_at, word, NOTABLE, text, until=at)


def end_told(entry: Entry) -> Chapter | None:
    """Return the end of a run that it has told; None where another entry tells it."""
    why, code, because = entry.text("why"), entry.number("exitCode"), entry.text("because")
    if why == "gave_up":
        return None
    if why == "crash":
        details = (f"it said: {because}",) if because else ()
        text = f"The bot crashed with exit code {code}; that is a bug"
        return Chapter(entry.at, "crashed", WEIGHTY, text, details=details)
    if why == "error":
        return Chapter(entry.at, "ended", WEIGHTY, f"The bot ended with exit code {code}", because=lower_first(because))
    because = "it was not to be linked any more" if why == "done" else "Ctrl+C or a signal asked it to end"
    return Chapter(entry.at, "stopped", ROUTINE, "The bot was stopped", because=because)


def gave_up(entry: Entry, after: Chapter | None) -> Chapter:
    """Return the end of a run in which no retry could help, after a chapter of weight."""
    advice = entry.text("advice")
    because = GAVE_UP_AFTER.get(after.word, "") if after is not None else ""
    return Chapter(
        entry.at,
        "gave_up",
        WEIGHTY,
        f"The bot gave up with exit code {entry.number('exitCode')}",
        because=because or lower_first(past(entry.text("because"))),
        details=(f"what to do: {advice}",) if advice else (),
        cause=Cause(after.word, after.at) if after is not None else None,
    )
