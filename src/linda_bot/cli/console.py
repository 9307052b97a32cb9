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
from linda_bot.cli.story import BOLD, DIM, GREEN, RED, RESET, YELLOW, line_of, span
from linda_bot.connection.events import (
    LinkGaveUp,
    LinkingCompleted,
    LinkingStarted,
    LinkStateChanged,
    PairingCodeIssued,
    PairingCodeRefused,
    RestoreCompleted,
    RestoreGaveUp,
    RestoreStarted,
    RetryScheduled,
    SessionRestored,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.events import Event
from linda_bot.kernel.masking import mask_number, printable
from linda_bot.whatsapp.events import EngineExited, PairSucceeded, QrIssued

_SHOWN_BACKUPS = 5


class Console:
    """Writes the story of a run to a stream; a broken stream is not an error of the bot's."""

    def __init__(
        self,
        stream: TextIO = sys.stderr,
        *,
        started_s_ago: float = 0.0,
        show_numbers: bool = False,
        wants_pairing_code: bool = False,
    ) -> None:
        self._stream = stream
        self._tty = stream.isatty()
        self._colours = self._tty and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self._born = datetime.now(UTC) - timedelta(seconds=started_s_ago)
        self._show_numbers = show_numbers
        self._wants_pairing_code = wants_pairing_code
        self._has_pairing_code = False
        self._withheld: QrIssued | None = None
        self._qr_height = 0
        self._ready_before = False
        self._gave_up = False
        self._has_session = False

    def greet(self, account: str, data_dir: Path, *, in_sandbox: bool) -> None:
        """Say what is about to run."""
        name = account if account == "default" else self._number(account)
        self.say(f"linda-bot {__version__}, session {name} in {data_dir.absolute()}", DIM)
        if in_sandbox:
            self.say("This talks to a sandbox on this machine, not to WhatsApp.", YELLOW)

    def say(self, line: str, style: str = "") -> None:
        """Write one line."""
        self._qr_height = 0
        self._write(f"{style}{line}{RESET}\n" if style and self._colours else f"{line}\n")

    def show(self, event: Event) -> None:  # noqa: C901, PLR0912, PLR0915 (one case an event)
        """Tell a person about an event, if it is one that people care about."""
        match event:
            case RestoreStarted():
                self._has_session = True
                self.say("Existing session found.", BOLD)
                self.say(f"  Attempt {event.attempt} of {event.attempts}")
                self.say(f"  Previous status: {event.previous_status}, last activity: {ago(event.last_activity)}")
                self.say("  Connecting to WhatsApp ...")
            case RestoreCompleted():
                self.say(f"  DEVICE REACTIVATED ({self._number(event.number)})", GREEN)
                self._listening()
            case LinkingStarted():
                self._linking(event)
            case QrIssued():
                self._qr(event)
            case PairingCodeIssued():
                self._pairing_code(event)
            case PairingCodeRefused():
                self._refused(event)
            case PairSucceeded():
                self.say(f"  The phone linked this device ({self._number(event.number)}); logging in ...")
            case LinkingCompleted():
                self._has_session = True
                self.say("  DEVICE LINKED", GREEN)
                self._listening()
            case RetryScheduled():
                tries = f", attempt {event.attempt} of {event.attempts}" if event.attempt else ""
                untouched = "The session is untouched. " if self._has_session else ""
                self.say(f"  {untouched}Next try in {span(event.in_s)}{tries}.")
            case SessionRestored():
                self._passed_over(event.passed_over)
                self.say(f"The backup {event.backup} was put back; it was made {ago(event.made_at)}.", GREEN)
            case RestoreGaveUp():
                self._passed_over(event.passed_over)
                self.say("No backup can be used.", YELLOW)
            case LinkStateChanged(new=LinkState.STOPPING | LinkState.STOPPED) if self._gave_up:
                pass  # the last word is what to do
            case LinkStateChanged(new=LinkState.STOPPING):
                self.say("Stopping ...", DIM)
            case LinkStateChanged(new=LinkState.STOPPED):
                kept = " The session is kept: start again whenever you like." if self._has_session else ""
                self.say(f"Stopped.{kept}", DIM)
            case LinkGaveUp():
                self._gave_up = True
                self.say(f"What to do: {event.advice}.", RED)
            case EngineExited(asked=False):
                for line in event.last_lines[-3:]:
                    self.say(f"  engine: {printable(line)}", DIM)
            case _:
                told = line_of(event)
                if told is not None:
                    self.say(*told)

    def _passed_over(self, backups: Sequence[str]) -> None:
        for line in backups[:_SHOWN_BACKUPS]:
            self.say(f"  Not used: {printable(line)}", DIM)

    def _linking(self, event: LinkingStarted) -> None:
        self._has_session = self._has_pairing_code = False
        wanted = "pairing code" if self._wants_pairing_code else "QR code"
        if event.round == 1:
            self.say(f"Linking is needed: {event.why}.", BOLD)
            self.say(f"  Asking WhatsApp for a {wanted} ...")
        else:
            self.say(f"  Asking for a new {wanted}, round {event.round} of {event.rounds} ...")

    def _pairing_code(self, event: PairingCodeIssued) -> None:
        self._has_pairing_code = True
        self.say(f"  On the phone {self._number(event.number)}: WhatsApp > Settings > Linked devices > Link a device >")
        self.say("  Link with phone number instead, and type this code:")
        self.say(f"\n      {event.code}\n", BOLD)
        self.say(f"  Valid for {event.valid_s:.0f} s. Waiting for the phone; Ctrl+C stops.")

    def _refused(self, event: PairingCodeRefused) -> None:
        self.say(f"WhatsApp gave no pairing code ({printable(event.error)}); the QR code does it, too.", YELLOW)
        self._wants_pairing_code, withheld = False, self._withheld
        if withheld is not None:
            self._qr(withheld)

    def _qr(self, event: QrIssued) -> None:
        if self._has_pairing_code or (event.number == 1 and self._wants_pairing_code):
            self._withheld = event  # one way at a time; the QR code is there for when no pairing code is given
            return
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
        self.say(f"  The bot is listening for messages{ready}. Ctrl+C stops it.", BOLD)

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
