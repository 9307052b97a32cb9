"""What a person reads while several accounts run: a line for what matters, with the account before it."""

from pathlib import Path
from typing import TextIO

from linda_bot import __version__
from linda_bot.app.events import AccountChanged, AccountCrashed
from linda_bot.cli.fleet_story import fleet_line
from linda_bot.cli.screen import Screen
from linda_bot.cli.story import line_of
from linda_bot.cli.story_line import DIM, GREEN, RED, YELLOW
from linda_bot.connection.events import (
    LinkGaveUp,
    LinkingCompleted,
    LinkStateChanged,
    RestoreAuthenticated,
    RestoreCompleted,
    RetryScheduled,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.events import Event, Severity
from linda_bot.kernel.masking import mask_line, mask_number, printable
from linda_bot.kernel.spans import span
from linda_bot.web.events import PageOpened

_ENDING = 4
_PHASES = {"failed": YELLOW, "unlinked": YELLOW, "ended": YELLOW, "paused": DIM, "removed": DIM}


class HouseConsole:
    """Writes what happens to several accounts to a stream."""

    def __init__(self, stream: TextIO, *, show_numbers: bool) -> None:
        self._screen = Screen(stream)
        self._show_numbers = show_numbers

    def greet(self, what: str, place: str | Path, *, in_sandbox: bool) -> None:
        """Say what is about to run, and where it is kept."""
        self._screen.say(f"linda-bot {__version__}, {what} in {place}", DIM)
        if in_sandbox:
            self._screen.say("This talks to a sandbox on this machine, not to WhatsApp.", YELLOW)

    def show(self, account: str, event: Event) -> None:
        """Tell a person about an event, if it is one that people care about."""
        match event:
            case RestoreCompleted() | LinkingCompleted():
                self._say(account, "connected, listening for messages", GREEN)
            case LinkGaveUp() | RestoreAuthenticated():
                pass  # what becomes of it is told of the account
            case LinkStateChanged(
                new=LinkState.REPLACED | LinkState.BANNED | LinkState.OUTDATED | LinkState.LOGGED_OUT
            ):
                self._say(account, f"{event.new.replace('_', ' ')}: {event.because}", RED)
            case RetryScheduled():
                self._say(account, f"next try in {span(event.in_s)}")
            case AccountChanged():
                self._phase(event)
            case AccountCrashed():
                self._say(account, f"a bug of linda-bot has ended it; it begins again. {event.error}", RED)
            case _:
                self._rest(account, event)

    def _phase(self, event: AccountChanged) -> None:
        if event.phase == "unlinked":
            how = f"linda-bot accounts link {self._ending(event.account)}"
            self._say(event.account, f"{event.because}; to link it: {how}", YELLOW)
        elif event.phase in _PHASES:
            because = f": {event.because}" if event.because else ""
            self._say(event.account, f"{event.phase}{because}", _PHASES[event.phase])

    def _rest(self, account: str, event: Event) -> None:
        if of_the_fleet := fleet_line(event):
            self._say(getattr(event, "account", ""), *of_the_fleet)
            return
        line = line_of(event)
        if line is not None and (
            event.weight >= Severity.WARNING or line.style == GREEN or isinstance(event, PageOpened)
        ):
            self._say(account, line.text.strip(), line.style)

    def _say(self, account: str, text: str, style: str = "") -> None:
        text = printable(text if self._show_numbers else mask_line(text))
        self._screen.say(f"{self._name(account)}: {text}" if account else text, style)

    def _name(self, account: str) -> str:
        return account if self._show_numbers or account == "default" else mask_number(account)

    def _ending(self, account: str) -> str:
        """Return what names it in a command; a unique ending does."""
        return account if self._show_numbers else account[-_ENDING:]
