"""What became of the session: what ended it, what brought it back, and the codes that were shown for it; pure."""

from datetime import datetime, tzinfo

from linda_bot.connection.ledger.chapters import Cause, Chapter, Chronicle, clock
from linda_bot.connection.ledger.entries import Entry
from linda_bot.connection.ledger.words import NOTABLE, SHORT_CAUSES, TELLINGS, WEIGHTY, lower_first, past
from linda_bot.kernel.spans import span

_SET_ASIDE = "the files that were there were set aside, not deleted"
_TOO_OLD = "err-scanned-without-multidevice"


class Linking:
    """Follows what ends a linking, and the codes that are shown until there is another one."""

    def __init__(self, chronicle: Chronicle, zone: tzinfo | None) -> None:
        self._chronicle = chronicle
        self._zone = zone
        self._codes: Chapter | None = None
        self._was_linked = False
        self._begins_whole = True
        self.ended_by: Chapter | None = None
        """What ended the linking; None while there is one, or where the history does not say."""
        self.why = ""
        """Why the bot must be linked, as the second half of a sentence; empty when it need not be."""

    def over(self, chapter: Chapter) -> None:
        """Take note of what ended the linking."""
        self.ended_by, self._codes = chapter, None

    def there(self) -> None:
        """Take note that there is a linking."""
        self.ended_by, self._codes, self.why, self._was_linked = None, None, "", True

    def beginning_is_gone(self) -> None:
        """Take note that older entries are no longer kept."""
        self._begins_whole = False

    def run_ends(self) -> None:
        """Take note that what was shown is shown no longer."""
        self._codes = None

    def started(self, entry: Entry) -> None:
        """Read that a round of codes begins."""
        if entry.number("round") <= 1 or not self.why:
            self.why = self._reason(entry.at, entry.text("why"))

    def code_shown(self, entry: Entry) -> None:
        """Read that the first code of a round was shown."""
        if self._codes is not None:
            count = self._codes.times + 1
            text = f"QR codes were shown, {count} rounds of them"
            self._change(self._codes._replace(text=text, times=count, until=entry.at))
            return
        cause = Cause(self.ended_by.word, self.ended_by.at) if self.ended_by is not None else None
        self._codes = Chapter(entry.at, "qr", WEIGHTY, "A QR code was shown", because=self.why, cause=cause)
        self._chronicle.add(self._codes)

    def codes_ran_out(self) -> None:
        """Read that nobody has scanned the codes of a round."""
        if self._codes is not None:
            self._change(self._codes._replace(details=("nobody scanned them before they ran out",)))

    def round_ended(self, entry: Entry) -> None:
        """Read how a round ended; nearly always other entries tell that, too."""
        if entry.text("outcome") == _TOO_OLD:
            text = "The phone's WhatsApp was too old to link devices"
            self._chronicle.add(Chapter(entry.at, "old_phone", WEIGHTY, text))

    def tell(self, entry: Entry) -> None:
        """Read an entry that is told as it is, and what it means for the linking."""
        telling, cause = TELLINGS[entry.what], None
        because = lower_first(past(entry.text("because"))) if telling.says_why and not entry.text("by") else ""
        details = telling.details(entry)
        if telling.word == "restored":
            details = (*self._age(entry), *details)
            damaged = self.ended_by
            if damaged is not None and damaged.word == "damaged" and because:
                because, cause = "the one that was there was damaged", Cause(damaged.word, damaged.at)
        until = entry.until if entry.until > entry.at else None
        told = Chapter(entry.at, telling.word, telling.weight, telling.say(entry), because, cause, details, until)
        self._chronicle.add(told)
        if telling.linked is False:
            self.over(told)
        elif telling.linked:
            self.there()

    def quarantined(self, entry: Entry) -> None:
        """Read that files were set aside: that belongs to the reason for it, which was told just before."""
        reason = self._chronicle.chapters[-1] if self._chronicle.chapters else None
        if reason is None or reason is not self.ended_by:
            text = f"{_SET_ASIDE[:1].upper()}{_SET_ASIDE[1:]}"
            self._chronicle.add(Chapter(entry.at, "quarantined", NOTABLE, text))
            return
        told = reason._replace(details=(*reason.details, _SET_ASIDE))
        self._chronicle.replace(reason, told)
        self.over(told)

    def _age(self, entry: Entry) -> tuple[str, ...]:
        """Say how old the backup was that was put back."""
        made_at = entry.moment("madeAt")
        if made_at is None:
            return ()
        age = span((entry.at - made_at).total_seconds())
        return (f"it had been made {age} before, at {clock(made_at, self._zone, beside=entry.at)}",)

    def _change(self, chapter: Chapter) -> None:
        assert self._codes is not None
        self._chronicle.replace(self._codes, chapter)
        self._codes = chapter

    def _reason(self, at: datetime, why: str) -> str:
        if self.ended_by is not None:
            said = SHORT_CAUSES.get(self.ended_by.word, "its session was gone")
            return f"{said} ({clock(self.ended_by.at, self._zone, beside=at)})"
        if self._was_linked:
            return f"{lower_first(past(why)) or 'the session was gone'}; who did that is not in the history"
        if self._begins_whole:
            return "the bot had not been linked before"
        return lower_first(why) or "there was no session"
