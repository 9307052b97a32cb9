"""What a person reads while the bot runs: the events of the link as lines, the QR code as a picture."""

import math
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from linda_bot import __version__
from linda_bot.cli.qr import qr_lines
from linda_bot.connection.events import (
    AttemptFailed,
    BackupFailed,
    LinkGaveUp,
    LinkingCompleted,
    LinkingStarted,
    LinkStateChanged,
    RestoreAuthenticated,
    RestoreCompleted,
    RestoreGaveUp,
    RestoreJudged,
    RestoreStarted,
    RetryScheduled,
    SessionBackedUp,
    SessionQuarantined,
    SessionRestored,
    SessionWentBack,
)
from linda_bot.connection.lifecycle import Finding, LinkState
from linda_bot.kernel.events import Event
from linda_bot.kernel.masking import mask_number, printable
from linda_bot.messaging.events import HandlerFailed, SendFailed
from linda_bot.whatsapp.events import EngineExited, PairSucceeded, QrIssued, QrRoundEnded

_SHOWN_BACKUPS = 5
_BOLD, _DIM, _GREEN, _YELLOW, _RED, _RESET = (f"\x1b[{code}m" for code in (1, 2, 32, 33, 31, 0))


class Console:
    """Writes the story of a run to a stream; a broken stream is not an error of the bot's."""

    def __init__(self, stream: TextIO = sys.stderr, *, started_s_ago: float = 0.0, show_numbers: bool = False) -> None:
        self._stream = stream
        self._tty = stream.isatty()
        self._colours = self._tty and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self._born = datetime.now(UTC) - timedelta(seconds=started_s_ago)
        self._show_numbers = show_numbers
        self._qr_height = 0
        self._ready_before = False
        self._gave_up = False
        self._has_session = False

    def greet(self, account: str, data_dir: Path, *, in_sandbox: bool) -> None:
        """Say what is about to run."""
        name = account if account == "default" else self._number(account)
        self.say(f"linda-bot {__version__}, session {name} in {data_dir.absolute()}", _DIM)
        if in_sandbox:
            self.say("This talks to a sandbox on this machine, not to WhatsApp.", _YELLOW)

    def say(self, line: str, style: str = "") -> None:
        """Write one line."""
        self._qr_height = 0
        self._write(f"{style}{line}{_RESET}\n" if style and self._colours else f"{line}\n")

    def show(self, event: Event) -> None:  # noqa: C901, PLR0912, PLR0915 (one case an event)
        """Tell a person about an event, if it is one that people care about."""
        match event:
            case RestoreStarted():
                self._has_session = True
                self.say("Existing session found.", _BOLD)
                self.say(f"  Attempt {event.attempt} of {event.attempts}")
                self.say(f"  Previous status: {event.previous_status}, last activity: {ago(event.last_activity)}")
                self.say("  Connecting to WhatsApp ...")
            case RestoreAuthenticated():
                self.say(f"  Authentication successful in {event.duration_ms / 1000:.2f} s", _GREEN)
            case RestoreCompleted():
                self.say(f"  DEVICE REACTIVATED ({self._number(event.number)})", _GREEN)
                self._listening()
            case LinkingStarted():
                self._linking(event)
            case QrIssued():
                self._qr(event)
            case QrRoundEnded(outcome="success"):
                self.say("Code scanned; linking ...", _GREEN)
            case QrRoundEnded(outcome="err-scanned-without-multidevice"):
                self.say("The phone's WhatsApp is too old to link devices: update it, then scan again.", _YELLOW)
            case PairSucceeded():
                self.say(f"  The phone linked this device ({self._number(event.number)}); logging in ...")
            case LinkingCompleted():
                self._has_session = True
                self.say("  DEVICE LINKED", _GREEN)
                self._listening()
            case AttemptFailed(finding=Finding.SESSION_MISSING):
                self.say(f"Linking is needed: {event.because}.", _YELLOW)
            case AttemptFailed():
                self.say(_sentence(printable(event.because)), _YELLOW)
            case RetryScheduled():
                tries = f", attempt {event.attempt} of {event.attempts}" if event.attempt else ""
                untouched = "The session is untouched. " if self._has_session else ""
                self.say(f"  {untouched}Next try in {span(event.in_s)}{tries}.")
            case SessionQuarantined():
                self.say(f"The old session was set aside, not deleted: {event.to}", _YELLOW)
            case SessionRestored():
                self._passed_over(event.passed_over)
                self.say(f"The backup {event.backup} was put back; it was made {ago(event.made_at)}.", _GREEN)
            case RestoreGaveUp():
                self._passed_over(event.passed_over)
                self.say("No backup can be used.", _YELLOW)
            case SessionWentBack():
                self.say(
                    f"{_sentence(event.because)} New Signal sessions are begun, so that no answer is lost.", _YELLOW
                )
            case RestoreJudged():
                self._judged(event)
            case SessionBackedUp():
                self.say(f"  Backup {event.backup} made ({event.reason.replace('_', ' ')}).", _DIM)
            case BackupFailed():
                self.say(_sentence(printable(event.error)), _YELLOW)
            case LinkStateChanged(new=LinkState.TRANSIENT_DISCONNECT):
                self.say("Connection lost; reconnecting ...", _YELLOW)
            case LinkStateChanged(old=LinkState.TRANSIENT_DISCONNECT, new=LinkState.CONNECTED):
                self.say("Connected again.", _GREEN)
            case LinkStateChanged(new=LinkState.STOPPING | LinkState.STOPPED) if self._gave_up:
                pass  # the last word is what to do
            case LinkStateChanged(new=LinkState.STOPPING):
                self.say("Stopping ...", _DIM)
            case LinkStateChanged(new=LinkState.STOPPED):
                kept = " The session is kept: start again whenever you like." if self._has_session else ""
                self.say(f"Stopped.{kept}", _DIM)
            case LinkGaveUp():
                self._gave_up = True
                self.say(f"What to do: {event.advice}.", _RED)
            case EngineExited(asked=False):
                for line in event.last_lines[-3:]:
                    self.say(f"  engine: {printable(line)}", _DIM)
            case HandlerFailed():
                self.say(f"The handler {event.handler} failed: {printable(event.error)} (trace in the log)", _RED)
            case SendFailed():
                self.say(f"An answer was not sent ({event.outcome}): {printable(event.error)}", _RED)
            case _:
                pass

    def _passed_over(self, backups: Sequence[str]) -> None:
        for line in backups[:_SHOWN_BACKUPS]:
            self.say(f"  Not used: {printable(line)}", _DIM)

    def _judged(self, event: RestoreJudged) -> None:
        style = _GREEN if event.verdict == "restored" else _YELLOW
        lost = f", {event.pending} could not be read" if event.pending else ""
        again = f", {event.recovered} of them at the second try" if event.recovered else ""
        self.say(f"The restored session: {event.verdict} ({event.received} messages received{again}{lost}).", style)

    def _linking(self, event: LinkingStarted) -> None:
        self._has_session = False
        if event.round == 1:
            self.say(f"Linking is needed: {event.why}.", _BOLD)
            self.say("  Asking WhatsApp for a QR code ...")
        else:
            self.say(f"  Asking for a new QR code, round {event.round} of {event.rounds} ...")

    def _qr(self, event: QrIssued) -> None:
        if event.number == 1:
            self.say("  On your phone: WhatsApp > Settings > Linked devices > Link a device, and scan this code:")
        lines = qr_lines(event.code, colours=self._colours)
        columns = shutil.get_terminal_size().columns if self._tty else math.inf
        width = len(qr_lines(event.code, colours=False)[0])
        if columns < width:
            self.say(f"The terminal is {columns} columns wide, the QR code needs {width}: widen it for the next code.")
            return
        if self._qr_height and self._colours:
            self._write(f"\x1b[{self._qr_height}A\x1b[J")  # in place of the code before
        foot = f"  Code {event.number}, valid for {event.valid_s:.0f} s. Waiting for the scan; Ctrl+C stops."
        self._write("\n".join([*lines, foot, ""]))
        self._qr_height = len(lines) + 1

    def _listening(self) -> None:
        ready = ""
        if not self._ready_before:
            self._ready_before = True
            ready = f" (ready {(datetime.now(UTC) - self._born).total_seconds():.2f} s after the start)"
        self.say(f"  The bot is listening for messages{ready}. Ctrl+C stops it.", _BOLD)

    def _number(self, number: str) -> str:
        return f"+{number}" if self._show_numbers else f"+{mask_number(number)}"

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            return  # nobody reads any more; the bot lives on


def ago(moment: datetime | None) -> str:
    """Say how long ago something was."""
    if moment is None:
        return "unknown"
    return f"{span((datetime.now(UTC) - moment).total_seconds())} ago"


def span(seconds: float) -> str:
    """Say how long something takes, in its largest unit."""
    seconds = max(seconds, 0)
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds:.0f} s"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
