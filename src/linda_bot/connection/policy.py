"""What to do when an engine's life has ended: pure rules."""

from typing import NamedTuple

from linda_bot.connection.circuit import Circuit, Position, Schedule, after_failure
from linda_bot.connection.lifecycle import Finding
from linda_bot.kernel.errors import ExitCode

OUTDATED_RETRY_S = 3600.0
UPGRADE = "upgrade the client library (pip install --upgrade neonize)"
REPLACED_TRIES = 2
STABLE_AFTER_S = 60.0
"""A link that has lasted this long has forgotten its earlier failures."""

_PEACE_AFTER_S = 3600.0
"""The same for having been replaced: two clients that take turns each keep the link for minutes."""

_UNKNOWN_BAN_S = 3600.0
_SHORTEST_BAN_S = 60.0
"""A ban is no reason to hurry, whatever it says."""

_FIRST_FAILURE = Circuit(Position.CLOSED, 1)


class Ending(NamedTuple):
    """How an attempt ended."""

    finding: Finding
    because: str = ""
    was_connected: bool = False
    lifts_in_s: float = 0.0
    """How long WhatsApp said that a ban lasts."""
    beyond_doubt: bool = False
    """Whether no further try can help: the files themselves are damaged, the phone asks for the impossible, or a
    session that was good before turns out to be another account's."""
    while_linking: bool = False
    """Whether no device was linked yet."""
    is_local: bool = False
    """Whether this machine's files are at fault, neither the network nor WhatsApp."""


class Tally(NamedTuple):
    """What has gone wrong since the link was last stable."""

    circuit: Circuit = Circuit()
    damaged: int = 0
    replaced: int = 0
    qr_rounds: int = 0


def forgiven(tally: Tally, up_s: float) -> Tally:
    """Return what still counts when a link is lost that was up for so many seconds."""
    if up_s >= _PEACE_AFTER_S:
        return Tally()
    return Tally(replaced=tally.replaced) if up_s >= STABLE_AFTER_S else tally


class Rules(NamedTuple):
    """The settings that the policy reads; waits in seconds."""

    reconnect: Schedule
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


def decide(  # noqa: C901, PLR0911, PLR0912 (it reads like a table)
    ending: Ending, tally: Tally, rules: Rules, chance: float = 0.0
) -> Decision:
    """Return what follows from an ending, given what went wrong before; `chance` (0 to 1) picks the jitter."""
    match ending.finding:
        case Finding.SESSION_MISSING:
            return GiveUp(ExitCode.LINKING_NEEDED, "run `linda-bot run` without --no-qr")
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
            return Retry(max(ending.lifts_in_s or _UNKNOWN_BAN_S, _SHORTEST_BAN_S), tally)
        case Finding.OUTDATED if ending.while_linking:
            return GiveUp(ExitCode.CLIENT_OUTDATED, f"{UPGRADE}, then start again")
        case Finding.OUTDATED:
            return Retry(OUTDATED_RETRY_S, tally)
        case Finding.RENEWAL_DUE:
            return Retry(0.0, tally)
        case Finding.QR_ROUND_OVER if ending.beyond_doubt:
            return GiveUp(ExitCode.LINKING_NEEDED, "link with an account that asks for no passkey")
        case Finding.WRONG_ACCOUNT if ending.beyond_doubt:
            return GiveUp(ExitCode.USAGE, "set LINDA_ACCOUNT to the linked number, or use another --data-dir")
        case Finding.WRONG_ACCOUNT:
            return _next_round(tally, rules, "scan with the phone of LINDA_ACCOUNT, or set that to the other number")
        case Finding.QR_ROUND_OVER:
            return _next_round(tally, rules, "start again when your phone is at hand, and scan the QR code")
        case Finding.GRACE_OVER | Finding.SILENT | Finding.ENGINE_LOST | Finding.UNREACHABLE | Finding.REFUSED:
            return _reconnect(ending, tally, rules, chance)
        case _:
            raise AssertionError(ending)  # the other findings do not end an attempt


def _next_round(tally: Tally, rules: Rules, advice: str) -> Decision:
    rounds = tally.qr_rounds + 1
    if rounds >= rules.qr_rounds:
        return GiveUp(ExitCode.LINKING_NEEDED, advice)
    return Retry(0.0, tally._replace(qr_rounds=rounds))


def _reconnect(ending: Ending, tally: Tally, rules: Rules, chance: float) -> Decision:
    circuit, wait_s = after_failure(tally.circuit, rules.reconnect, chance)
    if circuit == _FIRST_FAILURE and ending.was_connected:
        wait_s = 0.0  # nothing says that the server cannot be reached
    opened = Finding.ATTEMPTS_SPENT if circuit.position is Position.OPEN else None
    return Retry(wait_s, tally._replace(circuit=circuit), opened)
