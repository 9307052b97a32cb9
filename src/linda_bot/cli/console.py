"""What a person reads while the bot runs: the events of the link as lines, the QR code as a picture."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from linda_bot import __version__
from linda_bot.cli.code_screen import HOW_TO_SCAN, draw_code
from linda_bot.cli.screen import Screen
from linda_bot.cli.story import line_of
from linda_bot.cli.story_line import BOLD, DIM, GREEN, RED, YELLOW, span
from linda_bot.connection.events import (
    LinkGaveUp,
    LinkingCompleted,
    LinkingStarted,
    LinkStateChanged,
    LogoutAsked,
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
from linda_bot.web.events import LinkOffered
from linda_bot.whatsapp.events import EngineExited, PairSucceeded, QrIssued, QrRoundEnded

_SHOWN_BACKUPS = 5
_SMALL_TALK = ("Press Ctrl+C to exit", "Login event:")
"""What the client library prints when all is well; it explains no end."""
_THIS_MACHINE = ("://127.", "://[::1]", "://localhost")
"""How an address begins that other machines cannot reach."""


class Console:
    """Writes the story of a run to a stream."""

    def __init__(
        self,
        stream: TextIO = sys.stderr,
        *,
        started_s_ago: float = 0.0,
        show_numbers: bool = False,
        wants_pairing_code: bool = False,
    ) -> None:
        self._screen = Screen(stream)
        self._born = datetime.now(UTC) - timedelta(seconds=started_s_ago)
        self._show_numbers = show_numbers
        self._wants_pairing_code = wants_pairing_code
        self._has_pairing_code = False
        self._withheld: QrIssued | None = None
        self._code: QrIssued | None = None
        """The code that can be scanned now."""
        self._code_ends_at = 0.0
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
        self._screen.say(line, style)

    def resized(self) -> None:
        """Draw the code anew, if one can be scanned: the terminal has another size, the picture may have suffered."""
        if self._code is not None:
            self._screen.clear()
            self._how_to_scan()
            self._draw()

    def show(self, event: Event) -> None:  # noqa: C901, PLR0912, PLR0915 (one case an event)
        """Tell a person about an event, if it is one that people care about."""
        if isinstance(event, QrRoundEnded | EngineExited) or (
            isinstance(event, LinkStateChanged) and event.new == LinkState.STOPPING
        ):
            self._code = None
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
            case LinkOffered():
                self._offer(event)
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
            case LogoutAsked():
                self._has_session = False
                self.say("Logged out, as a person asked: the phone does not know this device any more.", YELLOW)
            case LinkGaveUp():
                self._gave_up = True
                self.say(f"What to do: {event.advice}.", RED)
            case EngineExited(asked=False):
                for line in [line for line in event.last_lines if not line.startswith(_SMALL_TALK)][-3:]:
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

    def _offer(self, event: LinkOffered) -> None:
        is_near = any(sign in event.url for sign in _THIS_MACHINE)
        where = "on this machine" if is_near else "also on another machine"
        self.say(f"  Or in a browser, {where} (once, within {event.valid_s / 60:.0f} min):")
        self.say(f"  {event.url}")

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
            self._how_to_scan()
        self._code, self._code_ends_at = event, time.monotonic() + event.valid_s
        self._draw()

    def _how_to_scan(self) -> None:
        self.say(HOW_TO_SCAN)

    def _draw(self) -> None:
        """Draw the code that can be scanned, or say why it cannot be drawn."""
        assert self._code is not None
        left_s = max(self._code_ends_at - time.monotonic(), 0)
        draw_code(self._screen, self._code.code, self._code.number, left_s, otherwise="--qr-file or --pair-phone")

    def _listening(self) -> None:
        ready = ""
        if not self._ready_before:
            self._ready_before = True
            ready = f" (ready {(datetime.now(UTC) - self._born).total_seconds():.2f} s after the start)"
        self.say(f"  The bot is listening for messages{ready}. Ctrl+C stops it.", BOLD)

    def _number(self, number: str) -> str:
        return f"+{number}" if self._show_numbers else f"+{mask_number(number)}"


def ago(moment: datetime | None) -> str:
    """Say how long ago something was."""
    if moment is None:
        return "unknown"
    return f"{span((datetime.now(UTC) - moment).total_seconds())} ago"
