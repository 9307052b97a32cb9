"""Reading a history entry by entry, and writing chapters; pure."""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

from linda_bot.connection.ledger.chapters import Cause, Chapter, Chronicle
from linda_bot.connection.ledger.entries import Entry
from linda_bot.connection.ledger.linking import Linking
from linda_bot.connection.ledger.outages import Outage, came_back, came_back_later, finding_of, reasons_of, still_down
from linda_bot.connection.ledger.runs import DOWN, ENDING, UNKNOWN, UP, end_not_told, end_told, gave_up
from linda_bot.connection.ledger.stretches import Stretches
from linda_bot.connection.ledger.words import (
    NOTABLE,
    ROUTINE,
    SILENT,
    SPOILT,
    STATE_TELLINGS,
    TELLINGS,
    TROUBLES,
    WEIGHTY,
    banned,
    logged_out,
)
from linda_bot.connection.lifecycle import Finding, LinkState
from linda_bot.kernel.spans import span

_CLOCK_BACK = timedelta(minutes=1)
_ENDS_OF_A_RUN = frozenset({"daemon_stopping", "daemon_stopped", "daemon_started", LinkState.STOPPING})
_LATELY = 3
_UNLINKED = "unlinked"
_NO_BACKUP_HELPS = "no backup can undo that: each is of the linking that was removed"


class Reader:
    """Reads entry after entry and writes chapters."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone
        self.chronicle = Chronicle()
        self.linking = Linking(self.chronicle, zone)
        self.state = ""
        self.state_since: datetime | None = None
        self.run = UNKNOWN
        self.last_at: datetime | None = None
        self._written_at: datetime | None = None
        self._giving_up: Entry | None = None
        self.stretches = Stretches()
        self._outage: Outage | None = None
        self._ban_s = 0
        self.lifts_at: datetime | None = None
        self._last_words = ""
        self._handlers: dict[str, Callable[[Entry], None]] = {
            "daemon_started": self._daemon_started,
            "daemon_stopping": self._daemon_stopping,
            "daemon_stopped": self._daemon_stopped,
            "attempt_failed": self._attempt_failed,
            "engine_exited": self._engine_exited,
            "linking_started": self.linking.started,
            "qr_shown": self.linking.code_shown,
            "qr_round_ended": self.linking.round_ended,
            "link_gave_up": self._gave_up,
            "temporarily_banned": self._temporarily_banned,
            "alert_raised": self._alert,
            "session_quarantined": self.linking.quarantined,
        }

    def take(self, entry: Entry) -> None:
        """Read one more entry."""
        self._look_at_the_file(entry)
        if entry.what in _ENDS_OF_A_RUN:
            self._give_up()
        handler = self._handlers.get(entry.what)
        if handler is not None:
            handler(entry)
        elif entry.what in LinkState.__members__.values():
            self._state_changed(entry)
        elif entry.what in TELLINGS:
            self.linking.tell(entry)
        elif entry.what not in SILENT:
            self._add(entry, "unknown", ROUTINE, f"{entry.what}: an entry that this version does not know")
        self.stretches.goes_on(entry.until)
        self.last_at = max(self.last_at or entry.until, entry.until)

    def finish(self) -> None:
        """Tell what has not come to an end yet."""
        self._give_up()
        self._give_up_waiting(so_far=True)

    def _look_at_the_file(self, entry: Entry) -> None:
        left_out = entry.number("leftOut")
        if left_out:
            self.linking.beginning_is_gone()
            self.stretches.forget()
            self._outage, self.run = None, UNKNOWN
            many = f"{left_out} entries before this are" if left_out > 1 else "One entry before this is"
            self._add(entry, "left_out", ROUTINE, f"{many} no longer kept")
        before, self._written_at = self._written_at, entry.at
        if before is not None and before - entry.at > _CLOCK_BACK:
            by = span((before - entry.at).total_seconds())
            self._add(entry, "clock_back", NOTABLE, f"The machine's clock was set back by {by}")
            self.last_at = None

    # The daemon.

    def _daemon_started(self, entry: Entry) -> None:
        before = entry.text("before")
        self._give_up_waiting()
        ended_at = self.last_at or entry.at
        told = end_not_told(self.run, before, ended_at, entry.at, self._zone)
        if told is not None:
            self.chronicle.add(told)
        self.stretches.ends(ended_at)
        self.linking.run_ends()
        self.run, self.state, self.state_since = UP, LinkState.STARTING, entry.at
        self._begin_outage(entry.at, "start", is_first_start=before == "first")

    def _daemon_stopping(self, entry: Entry) -> None:
        self.run = ENDING
        if entry.text("why") == "signal":
            self._give_up_waiting()

    def _daemon_stopped(self, entry: Entry) -> None:
        self._give_up_waiting()
        told = end_told(entry)
        if told is not None:
            self.chronicle.add(told)
        self.stretches.ends(entry.at)
        self.linking.run_ends()
        self.run = DOWN

    def _gave_up(self, entry: Entry) -> None:
        self._giving_up = entry  # it is written before the state that led to it

    def _give_up(self) -> None:
        entry, self._giving_up = self._giving_up, None
        if entry is None:
            return
        self._give_up_waiting()
        self.chronicle.add(gave_up(entry, self.chronicle.newest(WEIGHTY)))

    # The link.

    def _state_changed(self, entry: Entry) -> None:
        state, before = entry.what, self.state
        self.state, self.state_since = state, entry.at
        match state:
            case LinkState.CONNECTED:
                self._connected(entry, before)
            case LinkState.TRANSIENT_DISCONNECT | LinkState.RECONNECTING | LinkState.CIRCUIT_OPEN:
                self._not_connected(entry)
            case LinkState.LOGGED_OUT:
                self._logged_out(entry)
            case LinkState.BANNED:
                self.lifts_at = _later(entry.at, self._ban_s) if self._ban_s else None
                self._lost_to(entry, "banned", banned(self._ban_s, entry.text("because")))
            case LinkState.REPLACED | LinkState.OUTDATED:
                self._lost_to(entry, *STATE_TELLINGS[LinkState(state)])
            case LinkState.LINKING:
                self._begin_linking()
            case LinkState.STOPPED if self.run == UNKNOWN:  # written by a version that noted no more than this
                self.stretches.ends(entry.at)
                self._add(entry, "stopped", ROUTINE, "The bot ended in order")
            case LinkState.STOPPING | LinkState.STOPPED:
                self.stretches.ends(entry.at)
            case _:
                pass

    def _connected(self, entry: Entry, before: str) -> None:
        self.stretches.begins(entry.at, anew=self.linking.ended_by is not None)
        self.lifts_at, self._ban_s = None, 0
        outage, self._outage = self._outage, None
        if outage is not None:
            self._back(outage, entry.at)
        elif before not in (LinkState.LINKING, LinkState.CONNECTED):
            self._add(entry, "connected", ROUTINE, "The link was up")
        self.linking.there()

    def _back(self, outage: Outage, at: datetime) -> None:
        if len(self.chronicle.chapters) == outage.position or outage.kind not in ("start", "lost", "renewed"):
            self.chronicle.add(came_back(outage, at))
            return
        begin, end = came_back_later(outage, at)
        self.chronicle.insert(outage.position, begin)
        self.chronicle.add(end)

    def _not_connected(self, entry: Entry) -> None:
        self.stretches.ends(entry.at)
        if self._outage is None:
            renewed = finding_of(entry) is Finding.RENEWAL_DUE
            text, because = TROUBLES[Finding.RENEWAL_DUE][1], entry.text("because")
            self._begin_outage(entry.at, "renewed" if renewed else "lost", text=f"{text} ({because})")
        if entry.what == LinkState.CIRCUIT_OPEN and self._outage is not None:
            self._outage.circuit_opened = True

    def _lost_to(self, entry: Entry, word: str, text: str) -> None:
        """Tell of what WhatsApp does to the link, and what is waited out; again and again it is one chapter."""
        self.stretches.ends(entry.at)
        last = self.chronicle.newest(NOTABLE)
        if last is not None and last.word == word:
            count = last.times + 1
            self.chronicle.replace(last, last._replace(text=f"{text}; {count} times", times=count, until=entry.at))
        else:
            again = any(chapter.word == word for chapter in self.chronicle.chapters[-_LATELY:])
            good = () if again else self.stretches.told(self._zone, beside=entry.at)
            self._add(entry, word, WEIGHTY, text, details=good)
        self._outage = None
        self._begin_outage(entry.at, word)

    def _logged_out(self, entry: Entry) -> None:
        self.stretches.ends(entry.at)
        self._outage = None
        if entry.text("finding") == _UNLINKED:
            return  # a person did that, which is told
        details = (*self.stretches.told(self._zone, beside=entry.at), _NO_BACKUP_HELPS)
        self.linking.over(self._add(entry, "logged_out", WEIGHTY, logged_out(entry.text("because")), details=details))

    def _begin_linking(self) -> None:
        outage, self._outage = self._outage, None
        if outage is None:
            return
        told = still_down(outage, so_far=False)
        if outage.kind == "start":
            told = Chapter(outage.since, "started", ROUTINE, outage.start_text, details=outage.reasons)
        if told is not None:
            self.chronicle.insert(outage.position, told)

    def _attempt_failed(self, entry: Entry) -> None:
        finding, because = finding_of(entry), entry.text("because")
        if finding is Finding.QR_ROUND_OVER and "ran out" in because:
            self.linking.codes_ran_out()
        elif finding in SPOILT:
            word, weight, lead = SPOILT[finding]
            said = f"{lead}{': ' if lead and because else ''}{because}" or "linking did not succeed"
            chapter = self._add(entry, word, weight, said[:1].upper() + said[1:])
            if finding is Finding.SESSION_DAMAGED:
                self.linking.over(chapter)
        elif finding in TROUBLES and self.state == LinkState.LINKING:
            word, text = TROUBLES[finding]
            self._add(entry, word, NOTABLE, f"{text} while the bot was to be linked", details=reasons_of(entry))
        elif finding in TROUBLES:
            self.stretches.ends(entry.at)
            if self._outage is None:
                self._begin_outage(entry.at, "lost")
            assert self._outage is not None
            self._outage.add_trouble(entry, self._last_words if finding is Finding.ENGINE_LOST else "")
            self._last_words = ""

    def _engine_exited(self, entry: Entry) -> None:
        self._last_words = entry.text("line")

    def _temporarily_banned(self, entry: Entry) -> None:
        self._ban_s = entry.number("seconds")

    def _alert(self, entry: Entry) -> None:
        topic = entry.text("topic") or "link"
        if topic != "link":  # what is wrong with the link is told by its own entries
            self._add(entry, "alert", NOTABLE, f"Alert ({topic}): {entry.text('because') or entry.text('kind')}")

    # Tools.

    def _begin_outage(self, at: datetime, kind: str, *, text: str = "", is_first_start: bool = False) -> None:
        position = len(self.chronicle.chapters)
        self._outage = Outage(at, kind, position, text=text, is_first_start=is_first_start)

    def _give_up_waiting(self, *, so_far: bool = False) -> None:
        """Tell of an outage without its end."""
        outage, self._outage = self._outage, None
        told = still_down(outage, so_far=so_far) if outage is not None else None
        if outage is not None and told is not None:
            self.chronicle.insert(outage.position, told)

    def _add(
        self,
        entry: Entry,
        word: str,
        weight: int,
        text: str,
        *,
        because: str = "",
        details: tuple[str, ...] = (),
        cause: Cause | None = None,
    ) -> Chapter:
        until = entry.until if entry.until > entry.at else None
        return self.chronicle.add(
            Chapter(entry.at, word, weight, text, because=because, details=details, cause=cause, until=until)
        )


def _later(at: datetime, seconds: int) -> datetime | None:
    try:
        return at + timedelta(seconds=seconds)
    except OverflowError:
        return None
