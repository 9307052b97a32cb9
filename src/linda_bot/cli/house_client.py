"""Asking the process that runs several accounts."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from linda_bot.app.answers import Accounts, AccountView
from linda_bot.app.pairing import Linking
from linda_bot.cli.control_client import NoBotError, RunningBot
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.masking import mask_account, printable
from linda_bot.sessions.lock import Holder, holder_of
from linda_bot.sessions.paths import HousePaths, SessionPaths

WITHIN_S = 5.0
CHANGED_WITHIN_S = 40.0
_CODE_WITHIN_S = 60.0
_FEWEST_DIGITS = 3
_LONGEST_ENDING = 6
_LONGEST = 40
_SESSION = "session-"
A = TypeVar("A")


class RunningHouse:
    """The process that runs the accounts of a data directory."""

    def __init__(self, paths: HousePaths, holder: Holder) -> None:
        self.pid = holder.pid
        self._bot = _House(paths, holder)

    def accounts(self) -> Sequence[AccountView]:
        """Return all accounts, numbers not masked; raises what `RunningBot.ask` raises."""
        return self.ask("GET", "accounts", Accounts, within_s=WITHIN_S).accounts

    def ask(
        self, method: str, what: str, kind: type[A], body: Mapping[str, object] | None = None, *, within_s: float
    ) -> A:
        """Ask for something below `/api/v1/`, numbers not masked; raises what `RunningBot.ask` raises."""
        return self._bot.ask(method, f"/api/v1/{what}?show_numbers=true", kind, body, within_s=within_s)

    def pairing(self, account: str) -> Linking:
        """Return how an account's linking goes, with its codes; raises what `RunningBot.ask` raises."""
        return self._bot.ask("GET", f"/api/v1/accounts/{account}/pairing", Linking, within_s=WITHIN_S)

    def pair(self, account: str, number: str) -> Linking:
        """Have a code made that is typed on a phone; raises what `RunningBot.ask` raises."""
        path = f"/api/v1/accounts/{account}/pair"
        return self._bot.ask("POST", path, Linking, {"number": number}, within_s=_CODE_WITHIN_S)

    def change(self, method: str, what: str) -> AccountView:
        """Have something done with an account; raises what `RunningBot.ask` raises."""
        return self.ask(method, what, AccountView, {} if method == "POST" else None, within_s=CHANGED_WITHIN_S)


class _House(RunningBot):
    sign = "/healthz"


def house_of(data_dir: Path) -> RunningHouse | None:
    """Return the process that runs several accounts in a data directory; None where nothing runs there.

    Raises NoBotError for one that runs one account alone, is another user's, on another host, or starts or stops.
    """
    paths = HousePaths(data_dir)
    try:
        holder = holder_of(paths)
        if holder is None:
            _refuse_a_single_bot(paths)
            return None
    except PermissionError:
        raise NoBotError(f"the sessions in {paths.directory} are another user's; ask as that user") from None
    if holder.host != socket.gethostname():
        raise NoBotError(f"the bot runs on {holder.host}; ask it there")
    if not holder.takes_hints:
        raise NoBotError(f"the bot (pid {holder.pid}) starts or stops just now; try again in a moment")
    return RunningHouse(paths, holder)


def account_meant(said: str, there: Sequence[str]) -> str:
    """Return the account that a person means: by its number, or by an ending that only one has; raises UsageError."""
    digits = "".join(letter for letter in said if letter.isdecimal())
    if said in there:
        return said
    if digits in there:
        return digits
    shown = ", ".join(map(mask_account, there)) or "none"
    found = [each for each in there if len(digits) >= _FEWEST_DIGITS and each.endswith(digits)]
    if not said.lstrip("+.…* ").replace(" ", "").isdecimal():
        found = []
    if len(found) == 1:
        return found[0]
    what = printable(said, _LONGEST)
    if found:
        raise UsageError(f"{what} may be {' or '.join(map(mask_account, found))}: type more of the number")
    named = mask_account(digits) if len(digits) > _LONGEST_ENDING else what
    raise UsageError(f"there is no account {named}; there are: {shown}")


def _refuse_a_single_bot(paths: HousePaths) -> None:
    for directory in sorted(paths.directory.glob(f"{_SESSION}*")):
        account = directory.name.removeprefix(_SESSION)
        holder = holder_of(SessionPaths(paths.data_dir, account))
        if holder is not None and holder.takes_hints:
            raise NoBotError(
                f"the running bot has one account ({mask_account(account)}, pid {holder.pid}); stop it to add others, "
                "then start it without --account and LINDA_ACCOUNT"
            )
