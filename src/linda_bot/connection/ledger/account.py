"""The ledger: from the entries of a session's history to a story in order of time, with causes; pure.

It knows nothing but the entries, so it works wherever the file is. What they do not say is said to be unknown.
"""

from datetime import datetime, tzinfo
from typing import NamedTuple

from linda_bot.connection.ledger.chapters import Chapter, condensed
from linda_bot.connection.ledger.entries import Reading
from linda_bot.connection.ledger.reader import Reader
from linda_bot.connection.ledger.stretches import Stretch


class Account(NamedTuple):
    """What the entries come to."""

    chapters: tuple[Chapter, ...]
    state: str
    """The link's last state; empty when none was noted."""
    since: datetime | None
    """Since when."""
    run: str
    """`up`, `ending`, `down` or `unknown`."""
    last_at: datetime | None
    """When the last entry was written."""
    good: Stretch | None
    """The last good link, or the present one."""
    good_before: Stretch | None
    """The one before that."""
    why_linking: str
    """Why the bot must be linked, as the second half of a sentence; empty when it need not be."""
    ended_by: Chapter | None
    """What ended the linking, while there is none."""
    lifts_at: datetime | None
    """When a ban ends."""


def give_account(reading: Reading, zone: tzinfo | None = None) -> Account:
    """Return the story of a history, told in the times of a zone (none: the machine's own)."""
    reader = Reader(zone)
    for entry in reading.entries:
        reader.take(entry)
    reader.finish()
    return Account(
        chapters=condensed(reader.chronicle.chapters, zone),
        state=reader.state,
        since=reader.state_since,
        run=reader.run,
        last_at=reader.last_at,
        good=reader.stretches.newest,
        good_before=reader.stretches.before,
        why_linking=reader.linking.why,
        ended_by=reader.linking.ended_by,
        lifts_at=reader.lifts_at,
    )
