"""`linda-bot accounts link`: the codes of one account in this terminal, until a phone has linked it."""

import sys
import time

import msgspec

from linda_bot.app.pairing import Linking, PairingCode, PairingView, QrCode, Stage
from linda_bot.cli.code_screen import HOW_TO_SCAN, draw_code
from linda_bot.cli.control_client import BotRefusedError
from linda_bot.cli.house_client import RunningHouse
from linda_bot.cli.output import print_json
from linda_bot.cli.screen import Screen
from linda_bot.cli.story_line import BOLD, GREEN, YELLOW
from linda_bot.kernel.errors import ExitCode
from linda_bot.kernel.masking import mask_account, mask_line, printable
from linda_bot.kernel.spans import span

_LOOK_EVERY_S = 0.3
_BEGINS_WITHIN_S = 60.0
"""How long an account may take until it has something to say: its turn may come late."""
_OVER = frozenset({"unlinked", "paused", "failed", "ended", "removed", "elsewhere"})


def link_account(house: RunningHouse, account: str, number: str | None, *, as_json: bool, show_numbers: bool) -> int:
    """Link an account by what its terminal shows: a QR code, or for a number a code to type on that phone.

    Raises BotRefusedError when nothing comes of it.
    """
    house.change("POST", f"accounts/{account}/link")
    shown = account if show_numbers else mask_account(account)
    showing = _Showing(house, account, number, Screen(sys.stderr), shown)
    if as_json:
        print_json(msgspec.to_builtins(showing.first()), show_numbers=True)  # codes are what it is for
        return ExitCode.OK
    showing.until_linked()
    return ExitCode.OK


class _Showing:
    def __init__(self, house: RunningHouse, account: str, number: str | None, screen: Screen, shown: str) -> None:
        self._house = house
        self._account = account
        self._number = number
        self._screen = screen
        self._shown = shown
        self._codes = 0
        self._qr = self._typed = self._failure = ""
        self._stage: Stage | None = None

    def first(self) -> Linking:
        """Return the first that there is to scan or to type, or that it is linked; raises BotRefusedError."""
        give_up_at = time.monotonic() + _BEGINS_WITHIN_S
        while True:
            found = self._look()
            view = found.pairing
            if view is not None and self._number and not view.pairing_code and view.stage is Stage.CODE:
                found = self._ask_for_code(self._number)
                view = found.pairing
            if view is not None and (view.qr or view.stage is Stage.LINKED) and (not self._number or view.pairing_code):
                return found
            self._wait(found, give_up_at)

    def until_linked(self) -> None:
        """Show what there is to scan or to type until the account is linked; raises BotRefusedError."""
        give_up_at = time.monotonic() + _BEGINS_WITHIN_S
        while True:
            found = self._look()
            if found.pairing is not None:
                give_up_at = time.monotonic() + _BEGINS_WITHIN_S
                if self._show(found.pairing):
                    return
            self._wait(found, give_up_at)

    def _look(self) -> Linking:
        return self._house.pairing(self._account)

    def _wait(self, found: Linking, give_up_at: float) -> None:
        if found.pairing is None and (found.phase in _OVER or time.monotonic() > give_up_at):
            why = f": {printable(mask_line(found.why))}" if found.why else ""
            raise BotRefusedError(f"{self._shown} was not linked; it is {found.phase}{why}")
        time.sleep(_LOOK_EVERY_S)

    def _show(self, view: PairingView) -> bool:
        """Show what has changed; return whether the account is linked."""
        if view.stage is Stage.LINKED:
            already = self._stage is None
            self._screen.say(f"{self._shown} is linked{' already' if already else ''}.", GREEN)
            return True
        if view.stage is Stage.ENDED and self._stage is not Stage.ENDED:
            self._screen.say(f"Linking has ended{f': {view.failure}' if view.failure else ''}.", YELLOW)
        if view.failure and view.failure not in (self._failure, ""):
            self._screen.say(f"  {printable(mask_line(view.failure))}", YELLOW)
        if view.stage is Stage.ASKING and self._stage is not Stage.ASKING:
            why = f": {printable(mask_line(view.why))}" if view.why else ""
            self._screen.say(f"Linking {self._shown}{why}. Asking WhatsApp for a code ...", BOLD)
        elif view.stage is Stage.ACCEPTED and self._stage is not Stage.ACCEPTED:
            self._screen.say("  The phone linked this device; logging in ...")
        elif view.stage is Stage.WAITING and self._stage is not Stage.WAITING and view.retry_in_s is not None:
            self._screen.say(f"  Next try in {span(view.retry_in_s)}.")
        self._stage, self._failure = view.stage, view.failure
        if self._number:
            self._show_typed(view, self._number)
        elif view.qr is not None:
            self._draw(view.qr)
        return False

    def _draw(self, code: QrCode) -> None:
        if code.text == self._qr:
            return
        if not self._codes:
            self._screen.say(HOW_TO_SCAN)
        self._qr = code.text
        self._codes += 1
        draw_code(self._screen, code.text, self._codes, code.left_s, otherwise="--pair-phone NUMBER")

    def _show_typed(self, view: PairingView, number: str) -> None:
        if view.pairing_code is None and view.stage is Stage.CODE and not self._typed:
            view = self._ask_for_code(number).pairing or view
        code = view.pairing_code
        if code is not None and code.code != self._typed:
            self._typed = code.code
            self._say_typed(code)

    def _say_typed(self, code: PairingCode) -> None:
        self._screen.say(f"  On the phone {mask_account(code.number)}: WhatsApp > Settings > Linked devices >")
        self._screen.say("  Link a device > Link with phone number instead, and type this code:")
        self._screen.say(f"\n      {code.code}\n", BOLD)
        self._screen.say(f"  Valid for {code.left_s:.0f} s. Waiting for the phone; Ctrl+C stops.")

    def _ask_for_code(self, number: str) -> Linking:
        return self._house.pair(self._account, number)
