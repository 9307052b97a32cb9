"""What to do when an engine's life has ended: pure rules."""

from collections.abc import Sequence
from typing import NamedTuple

from linda_bot.connection.lifecycle import Finding
from linda_bot.kernel.errors import ExitCode

OUTDATED_RETRY_S = 3600.0
REPLACED_TRIES = 2
_UNKNOWN_BAN_S = 3600.0


class Ending(NamedTuple):
    """How an attempt ended."""

    finding: Finding
    because: str = ""
    was_connected: bool = False
    lifts_in_s: float = 0.0
    """How long WhatsApp said that a ban lasts."""
    beyond_doubt: bool = False
    """Whether the session's files themselves were found damaged: no further try can make them whole."""


class Tally(NamedTuple):
    """What has gone wrong since the link was last stable."""

    failures: int = 0
    damaged: int = 0
    replaced: int = 0
    qr_rounds: int = 0


class Rules(NamedTuple):
    """The settings that the policy reads; waits in seconds."""

    reconnect_delays: Sequence[float]
    reconnect_attempts: int
    cool_down: float
    restore_attempts: int
    restore_delay: float
    replaced_wait: float
    qr_rounds: int
    can_show_qr: bool


class Retry(NamedTuple):
    """Start another engine after a wait."""

    wait_s: float
    tally: Tally
    finding: Finding | None = None
    """A finding to make at the end of this one, before the wait."""


class GiveUp(NamedTuple):
    """End the process."""

    code: ExitCode
    advice: str


class StartOver(NamedTuple):
    """Set the session aside and look again: the device is gone, and a backup cannot bring it back."""

    tally: Tally


class Recover(NamedTuple):
    """Put a backup in the place of the damaged store, or set it aside where none can be used, and look again."""

    tally: Tally


Decision = Retry | GiveUp | StartOver | Recover


def decide(ending: Ending, tally: Tally, rules: Rules) -> Decision:  # noqa: PLR0911 (it reads like a table)
    """Return what follows from an ending, given what went wrong before."""
    match ending.finding:
        case Finding.LOGGED_OUT if not rules.can_show_qr:
            return GiveUp(ExitCode.LOGGED_OUT, "run `linda-bot run` in a terminal and scan the QR code to link again")
        case Finding.LOGGED_OUT:
            return StartOver(Tally())
        case Finding.SESSION_DAMAGED if not ending.beyond_doubt and tally.damaged + 1 < rules.restore_attempts:
            return Retry(rules.restore_delay, tally._replace(damaged=tally.damaged + 1))
        case Finding.SESSION_DAMAGED:
            return Recover(tally._replace(damaged=0))
        case Finding.REPLACED if tally.replaced >= REPLACED_TRIES:
            return GiveUp(ExitCode.REPLACED, "stop the other program that uses this linked device, then start again")
        case Finding.REPLACED:
            return Retry(rules.replaced_wait, tally._replace(replaced=tally.replaced + 1))
        case Finding.BANNED:
            return Retry(ending.lifts_in_s or _UNKNOWN_BAN_S, tally)
        case Finding.OUTDATED:
            return Retry(OUTDATED_RETRY_S, tally)
        case Finding.QR_ROUND_OVER | Finding.WRONG_ACCOUNT:
            return _next_round(tally, rules)
        case Finding.GRACE_OVER | Finding.SILENT | Finding.ENGINE_LOST | Finding.UNREACHABLE | Finding.REFUSED:
            return _reconnect(ending, tally, rules)
        case _:
            raise AssertionError(ending)  # the other findings do not end an attempt


def reconnect_delay(failures: int, delays: Sequence[float]) -> float:
    """Return the wait before the attempt that follows this many failures (1 or more); the last delay repeats."""
    return delays[min(failures, len(delays)) - 1]


def _next_round(tally: Tally, rules: Rules) -> Decision:
    rounds = tally.qr_rounds + 1
    if rounds >= rules.qr_rounds:
        return GiveUp(ExitCode.LINKING_NEEDED, "nobody scanned the QR code; start again when your phone is at hand")
    return Retry(0.0, tally._replace(qr_rounds=rounds))


def _reconnect(ending: Ending, tally: Tally, rules: Rules) -> Decision:
    failures = tally.failures + 1
    if failures == 1 and ending.was_connected:
        return Retry(0.0, tally._replace(failures=1))  # nothing says that the server cannot be reached
    if failures > rules.reconnect_attempts:
        # One attempt is let through after the cool-down; if that fails too, the circuit opens again.
        return Retry(rules.cool_down, tally._replace(failures=rules.reconnect_attempts), Finding.ATTEMPTS_SPENT)
    return Retry(reconnect_delay(failures, rules.reconnect_delays), tally._replace(failures=failures))
